"""Where the atoms of a batch of structures are, for energies that reach beyond the cutoff."""

from typing import NamedTuple

from torch import Tensor


class Geometry(NamedTuple):
    """Positions, cells and total charges of a batch of structures; TorchScript knows it.

    positions: (n_atoms, 3) in A, float64, of all structures one after the other.
    cells: (n_structures, 3, 3) in A, float64, rows are the lattice vectors.
    pbc: (n_structures, 3) bool.
    total_charges: (n_structures,) in e, float64.
    """

    positions: Tensor
    cells: Tensor
    pbc: Tensor
    total_charges: Tensor
