"""The neighbour list of a structure, in the forms that exported files use."""

import torch
from torch import Tensor

from physrep.neighbors import Neighbors, check_structure, complete_cell, neighbor_list
from physrep.ops.operator import Operator


class NeighborList(Operator):
    """All pairs nearer than the cutoff; see :func:`physrep.neighbors.neighbor_list`."""

    def __init__(self, cutoff: float) -> None:
        """cutoff: A."""
        super().__init__()
        self.cutoff = cutoff

    def forward(self, positions: Tensor, cell: Tensor, pbc: Tensor) -> Neighbors:
        """positions (n_atoms, 3) and cell (3, 3) in A, pbc (3,) bool."""
        raise NotImplementedError


class PortableNeighborList(NeighborList, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, positions: Tensor, cell: Tensor, pbc: Tensor) -> Neighbors:
        return neighbor_list(positions, cell, pbc, self.cutoff)


class FusedNeighborList(NeighborList, form="fused"):
    """With physrep::neighbor_list and physrep::edge_vectors.

    Derivatives go through the vectors alone, not through the distances.
    """

    def forward(self, positions: Tensor, cell: Tensor, pbc: Tensor) -> Neighbors:
        frame = cell.detach()
        if not bool(pbc.all()):  # the operator checks the rest itself
            check_structure(positions, cell, pbc, self.cutoff)
            frame = complete_cell(positions.detach(), frame, pbc, self.cutoff)
        edge_index, shifts = torch.ops.physrep.neighbor_list(
            positions.detach(), frame, pbc, self.cutoff
        )
        same = cell.to(positions.dtype)
        vectors = torch.ops.physrep.edge_vectors(positions, same, edge_index, shifts)
        distances = torch.linalg.vector_norm(vectors.detach(), dim=-1)
        return Neighbors(edge_index, shifts, vectors, distances)
