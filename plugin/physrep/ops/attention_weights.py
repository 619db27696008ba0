"""GATv2's attention over the edges: a softmax over the neighbours, or a gate for each of them."""

from typing import NamedTuple

import torch
from torch import Tensor

from physrep.nn.activations import swish
from physrep.nn.edges import Edges
from physrep.nn.neighbor_softmax import neighbor_softmax
from physrep.ops.operator import Operator


class AttentionInputs(NamedTuple):
    """Parameters of the layer; names as in :class:`AttentionWeights`."""

    attention: Tensor
    """(width, heads) a."""
    slopes: Tensor
    """(n, heads) b, which reads the first n columns of the edge features."""
    self_bias: Tensor | None
    """(heads,) c; None for zeros."""


class AttentionWeights(Operator):
    """e_ij = a . swish(s_j + r_i) + b . features_ij of each head, and what becomes of it.

    With ``softmax`` the weights of an atom's neighbours and of the atom itself, whose logit is
    a . swish(s_i + r_i) + c, sum to one. Otherwise they are scale swish(e_ij) envelope_ij.

    Source: Brody et al., ICLR 2022.
    """

    def __init__(self, softmax: bool, smooth: bool, scale: float) -> None:
        """smooth: the envelope multiplies the exponentials of the softmax."""
        super().__init__()
        self.softmax = softmax
        self.smooth = smooth
        self.scale = scale

    def forward(
        self, sent: Tensor, received: Tensor, inputs: AttentionInputs, edges: Edges
    ) -> tuple[Tensor, Tensor | None]:
        """sent: (n_atoms, width) s; received: (n_centers, width) r -> weights of the edges,
        (n_edges, heads), and with ``softmax`` of the atoms themselves.

        The atoms' tensors stand apart from ``inputs``: within a tuple, TorchScript does not see
        that two operators gather the same rows, and gathers them twice.
        """
        raise NotImplementedError


class PortableAttentionWeights(AttentionWeights, form="portable"):
    """With PyTorch's own operators."""

    def forward(
        self, sent: Tensor, received: Tensor, inputs: AttentionInputs, edges: Edges
    ) -> tuple[Tensor, Tensor | None]:
        attention, slopes, self_bias = inputs
        meeting = sent.index_select(0, edges.neighbors) + received.index_select(0, edges.centers)
        logits = swish(meeting) @ attention + edges.features[:, : slopes.size(0)] @ slopes
        if not self.softmax:
            return swish(logits) * (edges.envelope * self.scale).unsqueeze(-1), None
        self_logits = swish(sent[: edges.n_centers] + received) @ attention
        if self_bias is not None:
            self_logits = self_logits + self_bias
        envelope = edges.envelope if self.smooth else None
        return neighbor_softmax(logits, self_logits, edges.centers, envelope)


class FusedAttentionWeights(AttentionWeights, form="fused"):
    """With physrep::attention_weights."""

    def forward(
        self, sent: Tensor, received: Tensor, inputs: AttentionInputs, edges: Edges
    ) -> tuple[Tensor, Tensor | None]:
        self_bias = inputs.self_bias
        if self.softmax and self_bias is None:
            self_bias = torch.zeros_like(inputs.attention[0])
        weights, self_weights = torch.ops.physrep.attention_weights(
            sent,
            received,
            inputs.attention,
            edges.features,
            inputs.slopes,
            edges.envelope if self.smooth else None,
            self_bias,
            edges.centers,
            edges.neighbors,
            self.softmax,
            self.scale,
        )
        return weights, self_weights if self.softmax else None
