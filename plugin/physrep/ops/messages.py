"""Weighted, possibly filtered messages from the neighbours, summed at each centre."""

from typing import NamedTuple

import torch
from torch import Tensor

from physrep.nn.activations import swish
from physrep.nn.edges import Edges
from physrep.nn.scatter import sum_edges
from physrep.ops.operator import Operator


class MessageInputs(NamedTuple):
    """Factors of the messages; names as in :class:`Messages`."""

    weights: Tensor
    """(n_edges, heads) w_ij."""
    self_weights: Tensor | None
    """(n_centers, heads) w_ii; None: an atom sends nothing to itself."""
    filters: Tensor | None
    """(n_basis, width) F; None: f_ij is 1."""
    bias: Tensor | None
    """(width,) b; None: the filters are linear."""


class Messages(Operator):
    """m_i = sum_j w_ij v_j * f_ij [+ w_ii v_i], where each head weighs its share of the columns.

    f_ij is 1 without ``filters``, B_ij F, or with a bias swish(B_ij F + b); B_ij are the edge
    features from column ``basis_start`` on.
    """

    def __init__(self, heads: int, basis_start: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.basis_start = basis_start

    def forward(self, values: Tensor, inputs: MessageInputs, edges: Edges) -> Tensor:
        """values: (n_atoms, width) v -> the messages, (n_centers, width)."""
        raise NotImplementedError


class PortableMessages(Messages, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, values: Tensor, inputs: MessageInputs, edges: Edges) -> Tensor:
        weights, self_weights, filters, bias = inputs
        sent = values.index_select(0, edges.neighbors)
        if filters is None:
            sent = sent * self.spread(weights, values)
        else:
            basis = edges.features[:, self.basis_start : self.basis_start + filters.size(0)]
            if bias is not None:
                sent = sent * swish(torch.addmm(bias, basis, filters)) * self.spread(weights, sent)
            elif self.heads == 1:  # the same product, over n_basis columns instead of the width
                sent = sent * ((basis * weights) @ filters)
            else:
                sent = sent * (basis @ filters) * self.spread(weights, sent)
        sums = sum_edges(sent, edges.centers, edges.n_centers)
        if self_weights is None:
            return sums
        return sums + values[: edges.n_centers] * self.spread(self_weights, values)

    def spread(self, weights: Tensor, values: Tensor) -> Tensor:
        """One weight per head -> one per column (a single head broadcasts as it is)."""
        if self.heads == 1:
            return weights
        return weights.repeat_interleave(values.size(1) // self.heads, dim=1)


class FusedMessages(Messages, form="fused"):
    """With physrep::messages."""

    def forward(self, values: Tensor, inputs: MessageInputs, edges: Edges) -> Tensor:
        return torch.ops.physrep.messages(
            inputs.weights,
            inputs.self_weights,
            values,
            edges.features,
            inputs.filters,
            inputs.bias,
            edges.centers,
            edges.neighbors,
            edges.n_centers,
            self.basis_start,
            0,
            0,
        )
