"""JAT: sparse graph attention over the atoms within a cutoff (S. Hoedl, thesis, TU Wien 2022).

The attention is GATv2's (Brody et al., ICLR 2022): a nonlinearity stands between the projections
of sender and receiver and the attention vector. The published form (``smooth: false``) takes a
softmax over a hard cutoff and jumps when a pair crosses it; the default form is smooth.
"""

import math
from typing import Any, Final

import torch
from torch import Tensor, nn

from physrep.models.contract import LayeredModel
from physrep.models.jat_config import EdgeColumns, JATConfig, edge_columns, n_distance_powers
from physrep.models.jat_moments import AngularMoments, VectorMoments, normal
from physrep.models.jat_published import PublishedLayer, initialize_as_published
from physrep.models.readout import LAYER_NORM_EPS, Readout
from physrep.nn.activations import swish
from physrep.nn.edges import Edges, own_rows
from physrep.nn.radial import BesselBasis, DistancePowers
from physrep.ops.attention_weights import AttentionInputs, PortableAttentionWeights
from physrep.ops.edge_basis import PortableEdgeBasis
from physrep.ops.messages import MessageInputs, PortableMessages
from physrep.ops.skip_norm import PortableSkipNorm

READOUT_WIDTHS = {"pyramidal": [64, 32, 16, 16], "shallow": [64, 24]}


class AttentionLayer(nn.Module):
    """One layer: attention weights, weighted messages from the neighbours, update.

        s = h W_s;  r = h W_r;  e_ij = a . swish(s_j + r_i) + b . features_ij
        m_i = sum_j w(e_ij) h_j W_v [* filter_ij];  h_i <- LayerNorm(h_i + swish(m_i W_o))

    The softmax counts the atom itself among its neighbours, with no edge features.
    """

    gru: Final[bool]
    angular: Final[bool]
    vectors: Final[bool]
    last: Final[bool]

    def __init__(self, config: JATConfig, columns: EdgeColumns, first: bool, last: bool) -> None:
        super().__init__()
        width, heads = config.features, config.heads
        self.last = last
        self.gru = config.update == "gru"
        self.width = width
        self.vectors = config.vectors
        self.angular = config.angular_features > 0 and not config.vectors
        softmax = config.aggregation == "softmax"
        scale = 1.0 if softmax else 1.0 / math.sqrt(config.mean_neighbors)
        narrow = config.attention_features
        self.sender = nn.Linear(width, narrow, bias=False)
        self.receiver = nn.Linear(width, narrow)
        self.attention = nn.Parameter(normal(narrow, heads))
        self.edge_attention = nn.Parameter(normal(columns.n_attention, heads))
        self.attention_weights = PortableAttentionWeights(softmax, smooth=True, scale=scale)
        n_messages = width
        if self.angular or self.vectors:
            self.moments: Any = (
                VectorMoments(config, columns, first)
                if self.vectors
                else AngularMoments(config, columns)
            )
            n_messages += self.moments.n_out
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(n_messages, width)
        self.filter = nn.Parameter(normal(config.n_basis, width)) if config.filters else None
        self.messages = PortableMessages(heads, columns.basis_start)
        if self.gru:
            self.update = nn.GRUCell(width, width)
        self.norm: Any = nn.Identity() if last else nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.skip_norm = PortableSkipNorm(1, LAYER_NORM_EPS)

    def forward(self, h: Tensor, edges: Edges) -> Tensor:
        """(n_atoms, width) -> (n_centers, width); the vectors stand behind the features."""
        vectors = h
        if self.vectors:
            h, vectors = h[:, : self.width].contiguous(), h[:, self.width :]
        h_own = own_rows(h, edges)
        sent, received, values = self.sender(h), self.receiver(h_own), self.value(h)
        read = AttentionInputs(self.attention, self.edge_attention, None)
        weights, self_weights = self.attention_weights(sent, received, read, edges)
        passed = MessageInputs(weights, self_weights, self.filter, None)
        message = self.messages(values, passed, edges)
        if self.angular:
            message = torch.cat([message, self.moments(h, weights, edges)], dim=1)
        elif self.vectors:
            invariants, vectors = self.moments(h, vectors, weights, edges)
            message = torch.cat([message, invariants], dim=1)
        new = self.updated(self.output(message), h_own)
        return torch.cat([new, vectors], dim=1) if self.vectors else new

    def updated(self, message: Tensor, h_own: Tensor) -> Tensor:
        """The new features of the atoms, from messages and old ones, (n_centers, width)."""
        if self.gru:
            return self.norm(self.update(swish(message), h_own))
        weight: Tensor | None = None
        bias: Tensor | None = None
        if not self.last:
            weight, bias = self.norm.weight, self.norm.bias
        return self.skip_norm(message, h_own, weight, bias)


class EdgeFeatures(nn.Module):
    """What the layers read of an edge, side by side; see :class:`EdgeColumns`."""

    def __init__(self, config: JATConfig) -> None:
        super().__init__()
        self.rbf = config.edge_features == "rbf"
        self.needs_basis = self.rbf or config.filters or config.angular_features > 0
        self.basis = BesselBasis(config.n_basis, config.cutoff)
        self.scalar = DistancePowers(config.edge_features, n_distance_powers(config))
        degree = config.degree if config.angular_features else 0
        self.edge_basis = PortableEdgeBasis(config.cutoff, degree)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """vectors (n_edges, 3) in A -> features (n_edges, n_columns), distances, envelope."""
        frequencies = self.basis.frequencies
        if not self.needs_basis:
            frequencies = frequencies[:0]
        features, distances, envelope = self.edge_basis(vectors, frequencies)
        if not self.rbf:
            powers = self.scalar(distances)
            features = torch.cat([powers, features], dim=1) if self.needs_basis else powers
        return features, distances, envelope


def _make_layer(config: JATConfig, k: int) -> nn.Module:
    last = k == config.n_layers - 1
    if config.smooth:
        return AttentionLayer(config, edge_columns(config), k == 0, last)
    return PublishedLayer(
        config.features,
        config.heads,
        gru=config.update == "gru",
        self_feature=1.0 if config.edge_features == "inverse_smooth" else 0.0,
        first=k == 0,
        last=last,
    )


class JAT(LayeredModel):
    """Embedding, ``n_layers`` attention layers, readout; see :class:`JATConfig`."""

    def __init__(self, config: JATConfig, species: list[int]) -> None:
        copies = 1 if config.smooth else config.heads
        width = config.features * copies
        n_vectors = 3 * config.angular_features if config.vectors else 0
        super().__init__(species, config.cutoff, config.n_layers, width + n_vectors)
        self.n_scalars = width
        self.copies = copies  # of the embedding, side by side
        self.published = not config.smooth
        self.edge_features = EdgeFeatures(config)
        self.embedding = nn.Embedding(self.n_types, config.features)
        self.layers = nn.ModuleList(_make_layer(config, k) for k in range(config.n_layers))
        self.energy = Readout(width, READOUT_WIDTHS[config.readout], self.published)
        if self.published:
            initialize_as_published(self)

    def edges(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int, molecules: Tensor
    ) -> Edges:
        features, distances, envelope = self.edge_features(vectors)
        i, j = edge_index[0], edge_index[1]
        return Edges(i, j, vectors, distances, envelope, features, n_centers, molecules)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        h = self.embedding(types[: edges.n_centers]).repeat(1, self.copies)
        n_vectors = self.width - self.n_scalars
        if n_vectors > 0:
            h = torch.cat([h, h.new_zeros((h.size(0), n_vectors))], dim=1)
        return h

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        return self.energy(own_rows(h, edges)[:, : self.n_scalars])
