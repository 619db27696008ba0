"""Edges of a batch whose atoms move: longer lists, and what of them is within the cutoff."""

from typing import NamedTuple

from torch import Tensor
from torch_geometric.data import Batch


class NearEdges(NamedTuple):
    """index: (2, n_edges); vectors: (n_edges, 3) A."""

    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody calls here
    vectors: Tensor


def within(edge_index: Tensor, vectors: Tensor, cutoff: float) -> NearEdges:
    """The edges of a longer list that are nearer than the cutoff."""
    near = (vectors * vectors).sum(dim=1) < cutoff * cutoff
    if bool(near.all()):
        return NearEdges(edge_index, vectors)
    return NearEdges(edge_index[:, near], vectors[near])


def moved(batch: Batch, displacement: Tensor) -> Tensor:
    """Edge vectors (n_edges, 3) A after every atom has moved by its (n_atoms, 3) displacement."""
    index = batch.edge_index
    apart = displacement.index_select(0, index[1]) - displacement.index_select(0, index[0])
    return batch.vectors + apart
