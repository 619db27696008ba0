"""The ions and molecules of a system, cut out of it one by one."""

from collections import Counter
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.geometry import find_mic, get_distances

from physrep.analysis.chemistry.bonds import bond_lengths, find_bonds
from physrep.analysis.chemistry.named_pieces import named_pieces
from physrep.analysis.chemistry.species_names import SpeciesName
from physrep.analysis.chemistry.whole_molecules import whole_molecules
from physrep.io.structures.total_charge import state_charge


class Molecule(NamedTuple):
    """label: formula with its charge; charge: e, None where the bonds do not tell; atoms: whole,
    not periodic, and stating that charge to calculators; indices: (n,) in the system; n_ions: 2 of
    an ion pair; frequency: how many of its kind the system holds.
    """

    label: str
    charge: float | None
    atoms: Atoms
    indices: np.ndarray
    n_ions: int = 1
    frequency: int = 1


def molecules_of(atoms: Atoms) -> list[Molecule]:
    """One molecule of each kind in the system, the first of it."""
    pieces, found = _pieces(atoms), {}
    counts = Counter(name.label for name, _, _ in pieces)
    for name, indices, positions in pieces:
        if name.label not in found:
            one = _molecule(name.label, name.charge, atoms, indices, positions)
            found[name.label] = one._replace(frequency=counts[name.label])
    return list(found.values())


def ion_pair_of(atoms: Atoms) -> Molecule | None:
    """The first cation with the anion nearest to it, contact by contact; None where there is no
    cation or no anion.
    """
    pieces = _pieces(atoms)
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


def neutral_cluster(atoms: Atoms, most: int) -> Atoms | None:
    """Whole molecules around the first one, not periodic and neutral, at most ``most`` atoms.

    The nearest ones are taken, and of these, until the charges add up to zero, the furthest ions of
    the surplus are left out. None where that leaves nothing, or a charge is not known.
    """
    pieces = _pieces(atoms)
    centre = pieces[0][2].mean(axis=0)
    centroids = np.array([positions.mean(axis=0) for _, _, positions in pieces])
    vectors, apart = find_mic(centroids - centre, atoms.cell, atoms.pbc)
    order = np.argsort(apart, kind="stable")
    sizes = np.cumsum([len(pieces[k][1]) for k in order])
    kept = order[sizes <= most].tolist()
    charges = [pieces[k][0].charge for k in kept]
    if any(charge is None for charge in charges):
        return None
    while total := sum(charges):
        surplus = max(k for k, charge in enumerate(charges) if charge * total > 0)
        del kept[surplus], charges[surplus]
    if not kept:
        return None
    places = [pieces[k][2] - centroids[k] + vectors[k] for k in kept]
    indices = np.concatenate([pieces[k][1] for k in kept])
    cluster = Atoms(atoms.numbers[indices], np.concatenate(places))
    state_charge(cluster, 0.0)
    return cluster


def _pieces(atoms: Atoms) -> list[tuple[SpeciesName, np.ndarray, np.ndarray]]:
    """Name, indices (n,) and positions (n, 3) in A, whole, of every molecule."""
    pairs = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    positions = whole_molecules(atoms.positions, pairs, atoms.cell.array, atoms.pbc)
    pieces = named_pieces(atoms.numbers, pairs)
    return [(name, indices, positions[indices]) for name, indices in pieces]


def _molecule(
    label: str, charge: float | None, system: Atoms, indices: np.ndarray, positions: np.ndarray
) -> Molecule:
    atoms = Atoms(system.numbers[indices], positions)
    if charge is not None:
        state_charge(atoms, float(charge))
    return Molecule(label, charge, atoms, indices)


def _brought_near(fixed: np.ndarray, other: np.ndarray, atoms: Atoms) -> np.ndarray:
    """``other`` in the periodic image in which the two are nearest."""
    apart = other[None, :, :] - fixed[:, None, :]
    vectors, lengths = find_mic(apart.reshape(-1, 3), atoms.cell, atoms.pbc)
    nearest = int(np.argmin(lengths))
    return other + vectors[nearest] - apart.reshape(-1, 3)[nearest]
