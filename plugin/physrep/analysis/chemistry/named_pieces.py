"""The molecules of one structure with their names, and which of them are ions."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from physrep.analysis.chemistry.bond_tracking import molecules
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.species_names import SpeciesBook, SpeciesName
from physrep.covalent import is_metal


class Piece(NamedTuple):
    """name: of the molecule; indices: (n,) int64 of its atoms in the structure, rising."""

    name: SpeciesName
    indices: np.ndarray


def named_pieces(
    species: np.ndarray, pairs: np.ndarray, charges: Mapping[str, float] | None = None
) -> list[Piece]:
    """All molecules; where there is nothing but metal, its atoms are neutral.

    Args:
        species: (n_atoms,) atomic numbers; pairs: (n_bonds, 2) indices of bonded atoms;
            charges: of molecules by formula or name, in place of guesses from their bonds.
    """
    species, pairs = np.asarray(species, dtype=np.int64), np.asarray(pairs, dtype=np.int64)
    book = SpeciesBook(charges, metallic=bool(is_metal(species).all()))
    molecule_of = molecules(pairs, len(species))
    atoms = _split(np.arange(len(species)), molecule_of)
    bonds = _split(pairs, molecule_of[pairs[:, 0]], len(atoms))
    return [
        Piece(book.name(species[indices], np.searchsorted(indices, inside)), indices)
        for indices, inside in zip(atoms, bonds, strict=True)
    ]


def ions_in(
    species: np.ndarray, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray
) -> dict[str, float]:
    """Formal charge in e of every kind of ion, by its label, the most frequent first.

    Args:
        species: (n_atoms,) atomic numbers; positions: (n_atoms, 3) in A; cell: (3, 3) in A, rows;
            pbc: (3,) bool.
    """
    pieces = named_pieces(species, find_bonds(positions, species, cell, pbc).pairs)
    counted = Counter(piece.name for piece in pieces).most_common()
    return {name.label: name.charge for name, _ in counted if name.charge}


def _split(rows: np.ndarray, numbers: np.ndarray, n: int = 0) -> list[np.ndarray]:
    """Rows by their number, each group in its order."""
    order = np.argsort(numbers, kind="stable")
    return np.split(rows[order], np.cumsum(np.bincount(numbers, minlength=n))[:-1])
