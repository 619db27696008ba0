"""A batch whose atoms move: longer lists of edges, what of them is within the cutoff, geometry."""

from typing import NamedTuple

from torch import Tensor
from torch_geometric.data import Batch, Data

from physrep.geometry import Geometry
from physrep.potential import Energies, Potential


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


def geometry_of(
    potential: Potential, batch: Batch | Data, displacement: Tensor | None = None
) -> Geometry | None:
    """Where the atoms are, displaced by (n_atoms, 3) A; None for a potential without charges."""
    if potential.long_range is None:
        return None
    positions = batch.positions
    if displacement is not None:
        positions = positions + displacement.to(positions)
    return Geometry(positions, batch.cell, batch.pbc, batch.total_charge)


def energies_of_batch(
    potential: Potential, batch: Batch, near: NearEdges, displacement: Tensor | None = None
) -> Energies:
    """What the potential says of a batch with these edges."""
    geometry = geometry_of(potential, batch, displacement)
    return potential(batch.types, near.index, near.vectors, batch.batch, geometry)
