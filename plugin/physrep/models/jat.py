"""JAT: sparse graph attention over the atoms within a cutoff (S. Hoedl, thesis, TU Wien 2022).

The attention is GATv2's (Brody et al., ICLR 2022): a nonlinearity stands between the projections
of sender and receiver and the attention vector. The published form (``smooth: false``) takes a
softmax over a hard cutoff and jumps when a pair crosses it; the default form is smooth.
"""

import math
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from physrep.config import StrictModel
from physrep.models.contract import LayeredModel
from physrep.models.jat_published import PublishedLayer, initialize_as_published
from physrep.nn.activations import swish
from physrep.nn.edges import Edges, own_rows
from physrep.nn.mlp import LAYER_NORM_EPS, Readout
from physrep.nn.radial import BesselBasis, DistancePowers
from physrep.ops.attention_weights import AttentionInputs, PortableAttentionWeights
from physrep.ops.edge_basis import PortableEdgeBasis
from physrep.ops.invariants import PortableInvariants
from physrep.ops.messages import MessageInputs, PortableMessages
from physrep.ops.skip_norm import PortableSkipNorm

READOUT_WIDTHS = {"pyramidal": [64, 32, 16, 16], "shallow": [64, 24]}
PositiveInt = Annotated[int, Field(gt=0)]


class JATConfig(StrictModel):
    """Settings of JAT: graph attention over the atoms within a cutoff, with angular moments."""

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 4.0
    """[A] Cutoff of the neighbours."""
    n_layers: PositiveInt = 4
    """Attention layers."""
    features: PositiveInt = 48
    """Width: features of an atom."""
    heads: PositiveInt = 1
    """Attention heads, which split the width; in the published form each has the full width."""
    attention_features: PositiveInt = 16
    """Width of the space in which sender and receiver are compared; equal to features in the
    published form, where the projection of the sender is the message too."""
    edge_features: Literal["distance", "distance_squared", "inverse_smooth", "rbf"] = "rbf"
    """What the attention reads of an edge; ``rbf`` is a radial basis of n_basis functions."""
    n_basis: PositiveInt = 10
    """Radial basis functions."""
    aggregation: Literal["softmax", "gated_sum"] = "gated_sum"
    """``softmax`` normalises the attention over the neighbours and the atom itself; ``gated_sum``
    adds messages weighted by swish(logit), divided by sqrt(mean_neighbors)."""
    mean_neighbors: Annotated[float, Field(gt=0.0)] = 10.0
    """[atoms] Typical number of neighbours; gated_sum only."""
    filters: bool = True
    """Multiply messages by a linear map of the radial basis."""
    update: Literal["skip", "gru"] = "skip"
    """How messages change the features h: ``skip`` is h + swish(message), ``gru`` a gated unit."""
    readout: Literal["pyramidal", "shallow"] = "pyramidal"
    """Hidden layers of the readout: ``pyramidal`` 64, 32, 16, 16; ``shallow`` 64, 24."""
    angular_features: Annotated[int, Field(ge=0)] = 16
    """Channels whose messages carry directions too and join as rotation invariants; 0: distances
    only. In the published form the default is 0."""
    degree: Literal[1, 2] = 2
    """Largest degree of the spherical harmonics of the angular features."""
    smooth: bool = True
    """false is the published form, whose energy jumps when a pair crosses the cutoff."""

    @model_validator(mode="before")
    @classmethod
    def _published_form_reads_distances(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("smooth") is False:
            return {"angular_features": 0, **values}
        return values

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
    ``edge_features: rbf`` attention and filters read the same columns.
    """

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

    gru: Final[bool]
    angular: Final[bool]
    last: Final[bool]

    def __init__(self, config: JATConfig, columns: EdgeColumns, last: bool) -> None:
        super().__init__()
        width, heads = config.features, config.heads
        self.last = last
        self.gru = config.update == "gru"
        self.angular = config.angular_features > 0
        softmax = config.aggregation == "softmax"
        scale = 1.0 if softmax else 1.0 / math.sqrt(config.mean_neighbors)
        narrow = config.attention_features
        self.sender = nn.Linear(width, narrow, bias=False)
        self.receiver = nn.Linear(width, narrow)
        self.attention = nn.Parameter(_normal(narrow, heads))
        self.edge_attention = nn.Parameter(_normal(columns.n_attention, heads))
        self.attention_weights = PortableAttentionWeights(softmax, smooth=True, scale=scale)
        n_messages = width
        if self.angular:
            self.moments = AngularMoments(config, columns)
            n_messages += self.moments.n_out
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(n_messages, width)
        self.filter = nn.Parameter(_normal(config.n_basis, width)) if config.filters else None
        self.messages = PortableMessages(heads, columns.basis_start)
        if self.gru:
            self.update = nn.GRUCell(width, width)
        self.norm: Any = nn.Identity() if last else nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.skip_norm = PortableSkipNorm(1, LAYER_NORM_EPS)

    def forward(self, h: Tensor, edges: Edges) -> Tensor:
        """(n_atoms, width) -> (n_centers, width)."""
        h_own = own_rows(h, edges)
        sent, received, values = self.sender(h), self.receiver(h_own), self.value(h)
        read = AttentionInputs(self.attention, self.edge_attention, None)
        weights, self_weights = self.attention_weights(sent, received, read, edges)
        passed = MessageInputs(weights, self_weights, self.filter, None)
        message = self.messages(values, passed, edges)
        if self.angular:
            message = torch.cat([message, self.moments(h, weights, edges)], dim=1)
        return self.updated(self.output(message), h_own)

    def updated(self, message: Tensor, h_own: Tensor) -> Tensor:
        """The new features of the atoms, from messages and old ones, (n_centers, width)."""
        if self.gru:
            return self.norm(self.update(swish(message), h_own))
        weight: Tensor | None = None
        bias: Tensor | None = None
        if not self.last:
            weight, bias = self.norm.weight, self.norm.bias
        return self.skip_norm(message, h_own, weight, bias)


class AngularMoments(nn.Module):
    """Rotation invariants of the messages, weighted by the mean of the heads.

    See :class:`physrep.ops.invariants.Invariants`.
    """

    def __init__(self, config: JATConfig, columns: EdgeColumns) -> None:
        super().__init__()
        channels = config.angular_features
        self.value = nn.Linear(config.features, channels, bias=False)
        self.filter = nn.Parameter(_normal(config.n_basis, channels))
        self.n_out = config.degree * channels
        self.invariants = PortableInvariants(
            config.degree, columns.basis_start, columns.harmonics_start
        )

    def forward(self, h: Tensor, weights: Tensor, edges: Edges) -> Tensor:
        """h (n_atoms, width), weights (n_edges, heads) -> (n_centers, n_out)."""
        if weights.size(1) > 1:
            weights = weights.mean(dim=1, keepdim=True)
        return self.invariants(weights, self.value(h), self.filter, edges)


def _normal(rows: int, columns: int) -> Tensor:
    return torch.randn(rows, columns) / math.sqrt(rows)


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
        i, j = edge_index[0], edge_index[1]
        return Edges(i, j, vectors, distances, envelope, features, n_centers, molecules)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        return self.embedding(types[: edges.n_centers]).repeat(1, self.copies)

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        return self.energy(own_rows(h, edges))
