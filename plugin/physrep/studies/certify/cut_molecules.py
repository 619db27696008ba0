"""The ions and molecules of a system, cut out of it one by one."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.geometry import find_mic, get_distances

from physrep.analysis.chemistry.bond_tracking import molecules
from physrep.analysis.chemistry.bonds import bond_lengths, find_bonds
from physrep.analysis.chemistry.species_names import SpeciesBook, SpeciesName
from physrep.figures.picture import whole_molecules


class Molecule(NamedTuple):
    """label: formula with its charge; charge: e, None where the bonds do not tell; atoms: whole,
    not periodic, with initial charges that sum up to it (quantum chemistry through ASE reads its
    total charge from there; a potential of ours does not look); indices: (n,) in the system;
    n_ions: 2 of an ion pair.
    """

    label: str
    charge: float | None
    atoms: Atoms
    indices: np.ndarray
    n_ions: int = 1


def molecules_of(atoms: Atoms) -> list[Molecule]:
    """One molecule of each kind in the system, the first of it."""
    book, found = SpeciesBook(), {}
    for name, indices, positions in _pieces(atoms, book):
        if name.label not in found:
            found[name.label] = _molecule(name.label, name.charge, atoms, indices, positions)
    return list(found.values())


def ion_pair_of(atoms: Atoms) -> Molecule | None:
    """The first cation with the anion nearest to it, contact by contact; None where there is no
    cation or no anion.
    """
    pieces = list(_pieces(atoms, SpeciesBook()))
    cations = [piece for piece in pieces if (piece[0].charge or 0) > 0]
    anions = [piece for piece in pieces if (piece[0].charge or 0) < 0]
    if not cations or not anions:
        return None
    name, indices, positions = cations[0]
    gaps = [
        get_distances(positions, other, cell=atoms.cell, pbc=atoms.pbc)[1].min()
        for _, _, other in anions
    ]
    partner, its, there = anions[int(np.argmin(gaps))]
    together = np.concatenate([positions, _brought_near(positions, there, atoms)])
    charge, label = (name.charge or 0) + (partner.charge or 0), f"{name.label} {partner.label}"
    pair = _molecule(label, charge, atoms, np.concatenate([indices, its]), together)
    return pair._replace(n_ions=2)


def largest_change_of_bonds(before: Atoms, after: Atoms) -> float:
    """Of the bonds in ``before``, A."""
    pairs = find_bonds(before.positions, before.numbers, before.cell.array, before.pbc).pairs
    if not len(pairs):
        return 0.0
    cell, pbc = before.cell.array, before.pbc
    lengths = [bond_lengths(atoms.positions, pairs, cell, pbc) for atoms in (before, after)]
    return float(np.abs(lengths[1] - lengths[0]).max())


def _pieces(atoms: Atoms, book: SpeciesBook) -> list[tuple[SpeciesName, np.ndarray, np.ndarray]]:
    """Name, indices (n,) and positions (n, 3) in A, whole, of every molecule."""
    pairs = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    positions = whole_molecules(atoms.positions, pairs, atoms.cell.array, atoms.pbc)
    labels, found = molecules(pairs, len(atoms)), []
    for label in np.unique(labels):
        indices = np.flatnonzero(labels == label)
        inside = pairs[labels[pairs[:, 0]] == label] if len(pairs) else pairs
        name = book.name(atoms.numbers[indices], np.searchsorted(indices, inside))
        found.append((name, indices, positions[indices]))
    return found


def _molecule(
    label: str, charge: float | None, system: Atoms, indices: np.ndarray, positions: np.ndarray
) -> Molecule:
    atoms = Atoms(system.numbers[indices], positions)
    atoms.set_initial_charges(np.full(len(atoms), (charge or 0) / len(atoms)))
    return Molecule(label, charge, atoms, indices)


def _brought_near(fixed: np.ndarray, other: np.ndarray, atoms: Atoms) -> np.ndarray:
    """``other`` in the periodic image in which the two are nearest."""
    apart = other[None, :, :] - fixed[:, None, :]
    vectors, lengths = find_mic(apart.reshape(-1, 3), atoms.cell, atoms.pbc)
    nearest = int(np.argmin(lengths))
    return other + vectors[nearest] - apart.reshape(-1, 3)[nearest]
