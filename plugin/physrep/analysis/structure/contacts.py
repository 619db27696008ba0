"""How near atoms come that are not bonded: in a data set, and in a frame.

A potential has no data below the shortest distance in its data. That distance is taken in two
classes, because they differ by much and one would hide the other: atoms two bonds apart (O and O
of one nitrate, 2.0 A) and all further ones (O and O of two nitrates, 2.6 A). Bonded pairs are in
neither class; their lengths are judged by themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ase.data import chemical_symbols

from physrep.analysis.chemistry.bonds import find_bonds, neighbor_pairs, pairs_two_bonds_apart

SEARCH_RADIUS = 4.0  # A
TWO_BONDS, FURTHER = 0, 1
CLASS_NAMES = ("two bonds apart", "not bonded")


class Contacts(NamedTuple):
    """pairs: (n, 2), i < j; distances: (n,) in A; classes: (n,), TWO_BONDS or FURTHER."""

    pairs: np.ndarray
    distances: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True, eq=False)
class ContactTable:
    """Shortest distances of pairs that are not bonded.

    Attributes:
        elements: (n_elements,) atomic numbers, ascending.
        shortest: (2, n_elements, n_elements) in A, symmetric, by class (TWO_BONDS, FURTHER). A
            pair of elements that never came within ``radius`` has ``radius``: nearer is unknown.
        radius: in A, how far was searched.
    """

    elements: np.ndarray
    shortest: np.ndarray
    radius: float

    def of(self, first: np.ndarray, second: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """(n,) shortest distances in A for atomic numbers ``first``, ``second``, each (n,).

        Raises:
            ValueError: an element that the data does not hold.
        """
        rows = [np.searchsorted(self.elements, numbers) for numbers in (first, second)]
        for row, numbers in zip(rows, (first, second), strict=True):
            known = self.elements[np.minimum(row, len(self.elements) - 1)] == numbers
            if not known.all():
                symbol = chemical_symbols[int(np.asarray(numbers)[~known][0])]
                raise ValueError(
                    f"element {symbol} is not in the data behind these shortest distances "
                    f"({' '.join(chemical_symbols[z] for z in self.elements)}); give data with it"
                )
        return self.shortest[classes, rows[0], rows[1]]

    def as_dict(self) -> dict[str, Any]:
        """Distances in A by class and element pair, for JSON."""
        symbols = [chemical_symbols[z] for z in self.elements]
        pairs = [(a, b) for a in range(len(symbols)) for b in range(a, len(symbols))]
        return {
            name: {f"{symbols[a]}-{symbols[b]}": float(table[a, b]) for a, b in pairs}
            for name, table in zip(CLASS_NAMES, self.shortest, strict=True)
        }


def shortest_contacts(structures: Iterable[Any], radius: float = SEARCH_RADIUS) -> ContactTable:
    """Shortest distances of pairs that are not bonded, over a data set.

    Bonds are searched again in every frame: in reactive data a transferred proton is bonded to its
    new partner, and that distance is a bond length, not a contact.

    Args:
        structures: with ``positions`` (A), ``species``, ``cell`` (A), ``pbc``, as `physrep.io`
            reads them.

    Raises:
        ValueError: there are no structures.
    """
    structures = list(structures)
    if not structures:
        raise ValueError("0 structures: the shortest distances need a data set")
    elements = np.unique(np.concatenate([np.unique(s.species) for s in structures]))
    shortest = np.full((2, len(elements), len(elements)), radius)
    for s in structures:
        bonds = find_bonds(s.positions, s.species, s.cell, s.pbc)
        found = find_contacts(s.positions, s.cell, s.pbc, bonds.pairs, radius)
        types = np.searchsorted(elements, s.species[found.pairs])
        np.minimum.at(shortest, (found.classes, types[:, 0], types[:, 1]), found.distances)
    return ContactTable(elements, np.minimum(shortest, shortest.transpose(0, 2, 1)), radius)


def find_contacts(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, bonds: np.ndarray, radius: float
) -> Contacts:
    """All pairs nearer than ``radius`` that are not in ``bonds``, over periodic images.

    A bonded pair is skipped with all its images, which matters in cells as small as a molecule
    only.

    Args:
        positions: (n_atoms, 3) in A; cell: (3, 3) in A; pbc: (3,); bonds: (n_bonds, 2), i < j;
        radius: in A.
    """
    n_atoms = len(positions)
    i, j, distances = neighbor_pairs(positions, cell, pbc, radius)
    codes = i * n_atoms + j
    apart = ~np.isin(codes, _codes(bonds, n_atoms))
    geminal = np.isin(codes[apart], _codes(pairs_two_bonds_apart(bonds), n_atoms))
    classes = np.where(geminal, TWO_BONDS, FURTHER)
    return Contacts(np.stack([i, j], axis=1)[apart], distances[apart], classes)


def _codes(pairs: np.ndarray, n_atoms: int) -> np.ndarray:
    """One number a pair."""
    return pairs[:, 0] * n_atoms + pairs[:, 1]
