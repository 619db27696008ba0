"""The edges of a neighbour list as the layers of a model read them."""

from typing import NamedTuple

from torch import Tensor


class Edges(NamedTuple):
    """A neighbour list as a model sees it; edges are sorted by centre.

    centers, neighbors: (n_edges,) int64; vectors: (n_edges, 3) r_j - r_i in A;
    distances, envelope: (n_edges,); features: (n_edges, n_features) of the model's own making;
    molecules: (n_centers,) int64, which molecule an atom belongs to (all 0 in a periodic system);
    separations: (n_edges,) as they are. Vectors and distances may have been lengthened to the reach
    of the training data (:mod:`physrep.pair.guard`), which ``guarded`` tells; a model gives its
    distances for separations.
    """

    centers: Tensor
    neighbors: Tensor
    vectors: Tensor
    distances: Tensor
    envelope: Tensor
    features: Tensor
    n_centers: int
    molecules: Tensor
    separations: Tensor
    guarded: bool


def make_edges(
    edge_index: Tensor,
    vectors: Tensor,
    distances: Tensor,
    envelope: Tensor,
    features: Tensor,
    n_centers: int,
    molecules: Tensor,
) -> Edges:
    """Edges whose separations are their distances; edge_index (2, n_edges), centres first."""
    centers, neighbors = edge_index[0], edge_index[1]
    return Edges(
        centers,
        neighbors,
        vectors,
        distances,
        envelope,
        features,
        n_centers,
        molecules,
        distances,
        False,
    )


def own_rows(h: Tensor, edges: Edges) -> Tensor:
    """Rows of the own atoms, (n_centers, width); no operation where there are no others."""
    return h if h.size(0) == edges.n_centers else h[: edges.n_centers]
