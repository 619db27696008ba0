"""Synthetic trajectories of a real liquid box: 15 ethylammonium and 15 nitrate ions, 225 atoms."""

import ase.io
import numpy as np
from ase import Atoms
from repository import REPOSITORY

from physrep.analysis.chemistry.bonds import find_bonds

TOPOLOGY = REPOSITORY / "md_examples" / "ean.pdb"
AWAY = 0.85  # A; N-O is 1.25 long and breaks above 1.99


def box() -> Atoms:
    atoms = ase.io.read(TOPOLOGY)
    atoms.pbc = True
    return atoms


def stretched(atoms: Atoms, n_wanted: int) -> list[tuple[int, int, np.ndarray]]:
    """(nitrogen, oxygen, displacement of the oxygen) that breaks this N-O bond and no other, and
    forms none."""
    numbers, cell = atoms.numbers, atoms.cell.array
    pairs = find_bonds(atoms.positions, numbers, cell, atoms.pbc).pairs
    found = []
    for i, j in pairs:
        nitrogen, oxygen = (i, j) if numbers[i] == 7 else (j, i)
        if (numbers[nitrogen], numbers[oxygen]) != (7, 8) or nitrogen in [n for n, _, _ in found]:
            continue
        along = atoms.get_distance(nitrogen, oxygen, mic=True, vector=True)
        moved = AWAY * along / np.linalg.norm(along)
        trial = atoms.copy()
        trial.positions[oxygen] += moved
        apart = trial.get_distances(oxygen, range(len(atoms)), mic=True)
        apart[[nitrogen, oxygen]] = 9.0
        if apart.min() > 1.3:  # O-H forms below 1.12 A
            found.append((int(nitrogen), int(oxygen), moved))
        if len(found) == n_wanted:
            return found
    raise AssertionError(f"{len(found)} bonds can be broken, {n_wanted} are wanted")


class Frames:
    """Jitter, a drift of everything, and bonds that are broken in the frames of ``windows``."""

    def __init__(self, windows: list[tuple[int, int]], jitter: float = 0.02, drift: float = 0.02):
        """windows: first frame with the bond broken, first frame with it whole again; jitter: A;
        drift: A for each frame."""
        self.atoms, self.windows, self.jitter = box(), windows, jitter
        self.events = stretched(self.atoms, len(windows))
        self.drift = drift * np.array([1.0, 0.7, -0.5])

    def positions(self, first: int, last: int, rng: np.random.Generator) -> np.ndarray:
        """(last - first, n_atoms, 3) in A, wrapped into the cell."""
        cell = self.atoms.cell.array
        index = np.arange(first, last)
        found = self.atoms.positions + rng.normal(0.0, self.jitter, (len(index), 225, 3))
        for (_, oxygen, moved), (start, end) in zip(self.events, self.windows, strict=True):
            found[(index >= start) & (index < end), oxygen] += moved
        found += index[:, None, None] * self.drift
        return found - np.floor(found @ np.linalg.inv(cell)) @ cell
