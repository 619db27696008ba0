"""JAT: sparse graph attention over the atoms within a cutoff (S. Hoedl, thesis, TU Wien 2022).

The attention is GATv2's (Brody et al., ICLR 2022): a nonlinearity stands between the projections
of sender and receiver and the attention vector. The published form (``smooth: false``) takes a
softmax over a hard cutoff and jumps when a pair crosses it; the default form is smooth.
"""

import math
from typing import Annotated, Final, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from physrep.config import StrictModel
from physrep.models.contract import Edges, LayeredModel, make_edges, own_rows
from physrep.models.jat_published import PublishedLayer, initialize_as_published
from physrep.nn.activations import swish
from physrep.nn.angular import AngularMoments
from physrep.nn.cutoffs import polynomial_envelope
from physrep.nn.harmonics import real_harmonics
from physrep.nn.mlp import LAYER_NORM_EPS, Readout
from physrep.nn.neighbor_softmax import neighbor_softmax
from physrep.nn.radial import BesselBasis, DistancePowers, edge_lengths
from physrep.nn.scatter import sum_edges

READOUT_WIDTHS = {"pyramidal": [64, 32, 16, 16], "shallow": [64, 24]}
PositiveInt = Annotated[int, Field(gt=0)]


class JATConfig(StrictModel):
    """Settings of JAT.

    Attributes:
        cutoff: A. n_layers, features, heads: depth, width, attention heads, which split the width
            (in the published form every head has the full width).
        attention_features: width of the space in which sender and receiver meet; equal to
            ``features`` in the published form, where the sender's projection is the message too.
        edge_features: what the attention logit reads of an edge; ``rbf`` has ``n_basis`` columns.
        aggregation: ``softmax`` normalises the attention over the neighbours and the atom itself;
            ``gated_sum`` adds messages weighted by swish(logit), divided by sqrt(mean_neighbors).
        filters: messages are multiplied by a linear map of the radial basis.
        update: ``skip`` h + swish(m), or ``gru``. readout: hidden widths, see READOUT_WIDTHS.
        angular_features, degree: channels whose messages carry direction too, up to spherical
            harmonics of that degree (1 or 2), and join as rotation invariants; 0 for none.
        smooth: false gives exactly the published form.
    """

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 4.0
    n_layers: PositiveInt = 4
    features: PositiveInt = 48
    heads: PositiveInt = 1
    attention_features: PositiveInt = 16
    edge_features: Literal["distance", "distance_squared", "inverse_smooth", "rbf"] = "rbf"
    n_basis: PositiveInt = 10
    aggregation: Literal["softmax", "gated_sum"] = "gated_sum"
    mean_neighbors: Annotated[float, Field(gt=0.0)] = 10.0
    filters: bool = True
    update: Literal["skip", "gru"] = "skip"
    readout: Literal["pyramidal", "shallow"] = "pyramidal"
    angular_features: Annotated[int, Field(ge=0)] = 0
    degree: Literal[1, 2] = 2
    smooth: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.smooth and self.features % self.heads:
            raise ValueError(
                f"features ({self.features}) must be a multiple of heads ({self.heads})"
            )
        plain = not self.filters and not self.angular_features
        plain = plain and self.aggregation == "softmax" and self.edge_features != "rbf"
        if not self.smooth and not (plain and self.attention_features == self.features):
            raise ValueError(
                "smooth: false is the published form: set aggregation: softmax, filters: false, "
                f"angular_features: 0, attention_features: {self.features} (the width) and "
                "edge_features: distance_squared, distance or inverse_smooth"
            )
        return self


class EdgeColumns(NamedTuple):
    """Where the columns of the edge features stand: what the attention reads (the first
    ``n_attention``), the radial basis that filters read, spherical harmonics. With
    ``edge_features: rbf`` attention and filters read the same columns."""

    n_attention: int
    basis_start: int
    harmonics_start: int


def edge_columns(config: JATConfig) -> EdgeColumns:
    """Layout that :class:`EdgeFeatures` makes for these settings."""
    if config.edge_features == "rbf":
        return EdgeColumns(config.n_basis, 0, config.n_basis)
    n_powers = n_distance_powers(config)
    return EdgeColumns(n_powers, n_powers, n_powers + config.n_basis)


def n_distance_powers(config: JATConfig) -> int:
    """Published head k reads the k-th power of the edge feature; ours all read the first."""
    return 1 if config.smooth else config.heads


class AttentionLayer(nn.Module):
    """One layer: attention weights, weighted messages from the neighbours, update.

        s = h W_s;  r = h W_r;  e_ij = a . swish(s_j + r_i) + b . features_ij
        m_i = sum_j w(e_ij) h_j W_v [* filter_ij];  h_i <- LayerNorm(h_i + swish(m_i W_o))

    The softmax counts the atom itself among its neighbours, with no edge features.
    """

    fused: Final[bool]
    softmax: Final[bool]
    filters: Final[bool]
    gru: Final[bool]
    angular: Final[bool]
    last: Final[bool]

    def __init__(self, config: JATConfig, columns: EdgeColumns, last: bool) -> None:
        super().__init__()
        width, heads = config.features, config.heads
        self.fused = False  # see Potential.use_ops
        self.last = last
        self.eps = LAYER_NORM_EPS
        self.heads = heads
        self.softmax = config.aggregation == "softmax"
        self.filters = config.filters
        self.gru = config.update == "gru"
        self.angular = config.angular_features > 0
        self.n_attention, self.basis_start, self.harmonics_start = columns
        self.head_width = width // heads
        self.message_scale = 1.0 if self.softmax else 1.0 / math.sqrt(config.mean_neighbors)
        narrow = config.attention_features
        self.sender = nn.Linear(width, narrow, bias=False)
        self.receiver = nn.Linear(width, narrow)
        self.attention = nn.Parameter(_normal(narrow, heads))
        self.edge_attention = nn.Parameter(_normal(columns.n_attention, heads))
        n_messages = width
        if self.angular:
            self.moments = AngularMoments(
                width, config.n_basis, config.angular_features, config.degree
            )
            n_messages += self.moments.n_out
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(n_messages, width)
        if self.filters:
            self.filter = nn.Parameter(_normal(config.n_basis, width))
        if self.gru:
            self.update = nn.GRUCell(width, width)
        self.norm = nn.Identity() if last else nn.LayerNorm(width, eps=LAYER_NORM_EPS)

    def forward(self, h: Tensor, edges: Edges) -> Tensor:
        """(n_atoms, width) -> (n_centers, width)."""
        own = own_rows(h, edges)
        sent = self.sender(h)
        received = self.receiver(own)
        values = self.value(h)
        weights, self_weights = self.weights(sent, received, edges)
        message = self.messages(values, weights, self_weights, edges)
        if self.angular:
            message = torch.cat([message, self.invariants(h, weights, edges)], dim=1)
        message = self.output(message)
        if self.fused and not self.gru:
            weight: Tensor | None = None
            bias: Tensor | None = None
            if not self.last:
                weight, bias = self.norm.weight, self.norm.bias
            return torch.ops.physrep.skip_norm(message, own, weight, bias, self.eps)
        new = self.update(swish(message), own) if self.gru else swish(message) + own
        return self.norm(new)

    def weights(self, sent: Tensor, received: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
        """Attention of the edges, (n_edges, heads), and with softmax of the atoms to themselves."""
        if self.fused:
            return torch.ops.physrep.attention_weights(
                sent,
                received,
                self.attention,
                edges.features,
                self.edge_attention,
                edges.envelope,
                torch.zeros_like(self.attention[0]) if self.softmax else None,
                edges.centers,
                edges.neighbors,
                self.softmax,
                self.message_scale,
            )
        pre = sent.index_select(0, edges.neighbors) + received.index_select(0, edges.centers)
        logits = swish(pre) @ self.attention
        logits = logits + edges.features[:, : self.n_attention] @ self.edge_attention
        if self.softmax:
            self_logits = swish(sent[: edges.n_centers] + received) @ self.attention
            return neighbor_softmax(logits, self_logits, edges.centers, edges.envelope)
        weights = swish(logits) * (edges.envelope * self.message_scale).unsqueeze(-1)
        return weights, weights[:0]

    def messages(
        self, values: Tensor, weights: Tensor, self_weights: Tensor, edges: Edges
    ) -> Tensor:
        """Weighted (and filtered) values of the neighbours and, with softmax, of the atom itself,
        summed at each centre."""
        i, j, n = edges.centers, edges.neighbors, edges.n_centers
        if self.fused:
            matrix: Tensor | None = None
            if self.filters:
                matrix = self.filter
            own = self_weights if self.softmax else None
            return torch.ops.physrep.messages(
                weights, own, values, edges.features, matrix, None, i, j, n, self.basis_start, 0, 0
            )
        sent = values.index_select(0, j)
        if self.filters:
            basis = self.basis_of(edges)
            if self.heads == 1:  # the same product, over n_basis columns instead of the width
                sent = sent * ((basis * weights) @ self.filter)
            else:
                sent = sent * (basis @ self.filter) * self.spread(weights)
        else:
            sent = sent * self.spread(weights)
        sums = sum_edges(sent, i, n)
        return sums + values[:n] * self.spread(self_weights) if self.softmax else sums

    def invariants(self, h: Tensor, weights: Tensor, edges: Edges) -> Tensor:
        """Squared moments of the messages, weighted by the mean of the heads."""
        if self.fused:
            columns = (self.basis_start, self.harmonics_start)
            i, j, n = edges.centers, edges.neighbors, edges.n_centers
            return self.moments.by_operator(h, weights, edges.features, columns, i, j, n)
        radial = self.basis_of(edges) * weights.mean(dim=1, keepdim=True)
        harmonics = edges.features[:, self.harmonics_start :]
        sent = h.index_select(0, edges.neighbors)
        return self.moments(sent, radial, harmonics, edges.centers, edges.n_centers)

    def basis_of(self, edges: Edges) -> Tensor:
        """Columns of the radial basis, (n_edges, n_basis)."""
        return edges.features[:, self.basis_start : self.harmonics_start]

    def spread(self, weights: Tensor) -> Tensor:
        """One weight per head -> one per feature (a single head broadcasts as it is)."""
        if self.heads == 1:
            return weights
        return weights.repeat_interleave(self.head_width, dim=1)


def _normal(rows: int, columns: int) -> Tensor:
    return torch.randn(rows, columns) / math.sqrt(rows)


class EdgeFeatures(nn.Module):
    """What the layers read of an edge, side by side; see :class:`EdgeColumns`."""

    fused: Final[bool]

    def __init__(self, config: JATConfig) -> None:
        super().__init__()
        self.fused = False  # see Potential.use_ops
        self.cutoff = config.cutoff
        self.rbf = config.edge_features == "rbf"
        self.needs_basis = config.filters or config.angular_features > 0
        self.degree = config.degree if config.angular_features else 0
        self.basis = BesselBasis(config.n_basis, config.cutoff)
        self.scalar = DistancePowers(config.edge_features, n_distance_powers(config))

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """vectors (n_edges, 3) in A -> features (n_edges, n_columns), distances, envelope."""
        if self.fused:
            waves = self.basis.frequencies
            if not (self.rbf or self.needs_basis):
                waves = waves[:0]
            found = torch.ops.physrep.edge_basis(vectors, waves, self.cutoff, self.degree)
            features, distances, envelope = found
            if not self.rbf:
                features = torch.cat([self.scalar(distances), features], dim=1)
            return features, distances, envelope
        distances = edge_lengths(vectors)
        envelope = polynomial_envelope(distances, self.cutoff)
        columns: list[Tensor] = []
        if not self.rbf:
            columns.append(self.scalar(distances))
        if self.rbf or self.needs_basis:
            columns.append(self.basis(distances, envelope))
        if self.degree > 0:
            columns += real_harmonics(vectors / distances.unsqueeze(-1), self.degree)[1:]
        features = columns[0] if len(columns) == 1 else torch.cat(columns, dim=1)
        return features, distances, envelope


def _make_layer(config: JATConfig, k: int) -> nn.Module:
    last = k == config.n_layers - 1
    if config.smooth:
        return AttentionLayer(config, edge_columns(config), last)
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
        super().__init__(species, config.cutoff, config.n_layers, width)
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
        return make_edges(edge_index, vectors, distances, envelope, features, n_centers, molecules)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        return self.embedding(types[: edges.n_centers]).repeat(1, self.copies)

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        return self.energy(own_rows(h, edges))
