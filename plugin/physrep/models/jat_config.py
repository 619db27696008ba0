"""Settings of JAT, and where the features of an edge stand that follow from them."""

from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from physrep.config import StrictModel

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
    vectors: bool = False
    """Atoms carry vectors, one for each angular feature, from layer to layer and send them to their
    neighbours: more accurate from few data, at more time for a step (docs/theory.md)."""
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
        if self.vectors and not (self.angular_features and self.degree == 2):
            raise ValueError(
                f"vectors: true needs angular features of degree 2, and angular_features is "
                f"{self.angular_features}, degree {self.degree}: set both, or vectors to false"
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
