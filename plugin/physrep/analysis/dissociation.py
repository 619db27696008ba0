"""Bonds pulled apart: energy and force along the way."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.geometry import find_mic


class BondScan(NamedTuple):
    """distances: (n,) A; energies: (n,) eV; forces: (n,) eV/A on the moved atom along the bond,
    negative where the bond pulls the atom back."""

    distances: np.ndarray
    energies: np.ndarray
    forces: np.ndarray

    def spurious(self) -> np.ndarray:
        """(n,) bool: the atom is pushed away beyond the point of the steepest pull."""
        steepest = int(np.argmin(self.forces))
        return (np.arange(len(self.forces)) > steepest) & (self.forces > 0.0)


def bond_scan(
    calculator: Calculator, atoms: Atoms, fixed: int, moved: int, distances: np.ndarray
) -> BondScan:
    """A rigid scan: atom ``moved`` goes along the line from ``fixed``, all others stay.

    Source: the N-O stretch of a nitrate, S. Hoedl, thesis, TU Wien 2022, Fig. 4.10.

    Args:
        atoms: the structure to start from, not changed; distances: (n,) A.
    Raises:
        ValueError: ``fixed`` and ``moved`` are the same atom.
    """
    if fixed == moved:
        raise ValueError(f"atoms {fixed} and {moved}: a bond needs two atoms")
    apart = atoms.positions[moved] - atoms.positions[fixed]
    (apart,), (length,) = find_mic([apart], atoms.cell, atoms.pbc)
    direction = apart / length
    stretched = atoms.copy()
    energies, forces = [], []
    for distance in distances:
        stretched.positions[moved] = atoms.positions[fixed] + distance * direction
        energies.append(calculator.get_potential_energy(stretched))
        forces.append(calculator.get_forces(stretched)[moved] @ direction)
    return BondScan(np.asarray(distances), np.array(energies), np.array(forces))
