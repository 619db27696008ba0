"""The shortest distance between molecules, of their periodic images too."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

FARTHEST = 3.0  # A; a contact beyond it is not looked for


class Contact(NamedTuple):
    """Two atoms of different molecules, or of two images of one.

    distance: A; symbols: of their elements; image: whether they belong to one molecule and its
    image.
    """

    distance: float
    symbols: tuple[str, str]
    image: bool

    def __str__(self) -> str:
        return f"{self.distance:.2f} A ({'-'.join(self.symbols)})"


def nearest_molecules(atoms: Atoms, molecule_of: np.ndarray) -> Contact | None:
    """The nearest two atoms that no bond joins, None where all are more than FARTHEST apart.

    Args:
        atoms: molecules are whole, so that no bond crosses the boundary.
        molecule_of: (n_atoms,) the number of each atom's molecule.
    """
    first, second, lengths, shifts = neighbor_list("ijdS", atoms, FARTHEST)
    apart = (molecule_of[first] != molecule_of[second]) | shifts.any(axis=1)
    if not apart.any():
        return None
    rows = np.flatnonzero(apart)
    row = rows[np.argmin(lengths[rows])]
    i, j = int(first[row]), int(second[row])
    symbols = str(atoms.symbols[i]), str(atoms.symbols[j])
    return Contact(float(lengths[row]), symbols, bool(molecule_of[i] == molecule_of[j]))
