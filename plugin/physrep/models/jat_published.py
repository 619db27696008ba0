"""The attention layer of JAT exactly as published (S. Hoedl, thesis, TU Wien 2022, sec. 3.3).

It takes a softmax over a hard cutoff and jumps when a pair crosses it, and is kept so. Where the
thesis' text and its code differ, this is the code, with which the parameters were trained: squared
distances, heads of full width each, logits that read the features of all heads. One thing of the
code is not kept: with several heads it scrambles the powers of the distances among the edges (a
reshape of stacked rows); here head k reads (d^2)^k of its own edge, as the text has it.
"""

import math

import torch
from torch import Tensor, nn

from physrep.models.readout import LAYER_NORM_EPS
from physrep.nn.activations import swish
from physrep.nn.edges import Edges, own_rows
from physrep.ops.attention_weights import AttentionInputs, PortableAttentionWeights
from physrep.ops.messages import MessageInputs, PortableMessages
from physrep.ops.skip_norm import PortableSkipNorm


class PublishedLayer(nn.Module):
    """One layer of the published form; features of the heads stand side by side.

        s = h W_s;  r = h W_r;  e_ijk = a_k . swish(s_j + r_i) + b_k . (d_ij^2, d_ij^4, ...)
        m_ik = sum_j softmax_j(e_ijk) s_jk, the atom itself among the j
        h_i <- LayerNorm(h_i + swish(m_i))

    LayerNorm works on each head, with parameters that the heads share; the last layer has none.
    ``self_feature`` is what an atom's edge to itself shows to the attention: the edge feature at
    distance 0.
    """

    def __init__(
        self, features: int, heads: int, gru: bool, self_feature: float, first: bool, last: bool
    ) -> None:
        super().__init__()
        self.self_feature = self_feature
        width = features * heads
        self.heads = heads
        self.features = features
        self.n_in = features if first else width  # the embedding is the same for every head
        self.sender = nn.Linear(self.n_in, width, bias=False)
        self.receiver = nn.Linear(self.n_in, width, bias=False)
        self.attention = nn.Parameter(torch.empty(width, heads))
        self.edge_attention = nn.Parameter(torch.empty(heads, heads))
        self.update = nn.GRUCell(width, width) if gru else None
        self.norm = None if last else nn.LayerNorm(features, eps=LAYER_NORM_EPS)
        self.attention_weights = PortableAttentionWeights(softmax=True, smooth=False, scale=1.0)
        self.messages = PortableMessages(heads)
        self.skip_norm = PortableSkipNorm(heads, LAYER_NORM_EPS)

    def forward(self, h: Tensor, edges: Edges) -> Tensor:
        """(n_atoms, heads * features) -> (n_centers, heads * features)."""
        h_own = own_rows(h, edges)
        shown = h if self.heads == 1 else h[:, : self.n_in]
        shown_own = h_own if self.heads == 1 else h_own[:, : self.n_in]
        sent, received = self.sender(shown), self.receiver(shown_own)
        self_bias = self.self_feature * self.edge_attention.sum(dim=0)
        read = AttentionInputs(self.attention, self.edge_attention, self_bias)
        weights, self_weights = self.attention_weights(sent, received, read, edges)
        message = self.messages(sent, MessageInputs(weights, self_weights, None, None), edges)
        return self.updated(message, h_own)

    def updated(self, message: Tensor, h_own: Tensor) -> Tensor:
        """The new features of the atoms, from messages and old ones."""
        if self.update is not None:
            new = self.update(swish(message), h_own)
            if self.norm is None:
                return new
            return self.norm(new.view(-1, self.heads, self.features)).flatten(1)
        weight: Tensor | None = None
        bias: Tensor | None = None
        if self.norm is not None:
            weight, bias = self.norm.weight, self.norm.bias
        return self.skip_norm(message, h_own, weight, bias)


def initialize_as_published(model: nn.Module) -> None:
    """The thesis' start: orthogonal projections, LeCun normal elsewhere (flax's default)."""
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2 or ".update." in name:
            continue
        if name.startswith("layers."):
            nn.init.orthogonal_(parameter)
        else:  # rows of the embedding and inputs of a Dense are both the last axis
            nn.init.normal_(parameter, std=1.0 / math.sqrt(parameter.size(1)))
