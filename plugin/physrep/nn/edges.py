"""The edges of a neighbour list as the layers of a model read them."""

from typing import NamedTuple

from torch import Tensor


class Edges(NamedTuple):
    """A neighbour list as a model sees it; edges are sorted by centre.

    centers, neighbors: (n_edges,) int64; vectors: (n_edges, 3) r_j - r_i in A;
    distances, envelope: (n_edges,); features: (n_edges, n_features) of the model's own making;
    molecules: (n_centers,) int64, which molecule an atom belongs to (all 0 in a periodic system).
    """

    centers: Tensor
    neighbors: Tensor
    vectors: Tensor
    distances: Tensor
    envelope: Tensor
    features: Tensor
    n_centers: int
    molecules: Tensor


def own_rows(h: Tensor, edges: Edges) -> Tensor:
    """Rows of the own atoms, (n_centers, width); no operation where there are no others."""
    return h if h.size(0) == edges.n_centers else h[: edges.n_centers]
