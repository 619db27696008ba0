"""Where atoms are, for energies that edges within a cutoff do not determine."""

from typing import NamedTuple

import torch
from torch import Tensor


class Geometry(NamedTuple):
    """Positions, cells and total charges of one structure or of a batch laid end to end.

    positions: (n_atoms, 3) A, float64, inside the box or not.
    cells: (n_structures, 3, 3) A, float64, rows are the lattice vectors.
    pbc: (n_structures, 3) bool.
    total_charges: (n_structures,) e, float64.
    """

    positions: Tensor
    cells: Tensor
    pbc: Tensor
    total_charges: Tensor


def single_geometry(
    positions: Tensor, cell: Tensor, pbc: Tensor, total_charge: float = 0.0
) -> Geometry:
    """Of one structure: positions (n_atoms, 3) A, cell (3, 3) A, pbc (3,), total_charge in e."""
    double = positions.to(torch.float64), cell.to(torch.float64).unsqueeze(0)
    totals = torch.full([1], total_charge, dtype=torch.float64, device=positions.device)
    return Geometry(double[0], double[1], pbc.unsqueeze(0), totals)
