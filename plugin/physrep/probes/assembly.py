"""Molecular assembly: do functional groups that were pulled off relax back to their place?"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.geometry import find_mic

from physrep.analysis.chemistry.bonds import Bonds, find_bonds
from physrep.analysis.structure.superposition import structure_rmsd
from physrep.covalent import SINGLE_BOND_FACTOR, bond_reach
from physrep.probes.recovery import RECOVERED_WITHIN
from physrep.probes.relaxation import FMAX, STEPS, relax

PULL = 0.7  # A
# A single bond is longer than this times the sum of the covalent radii: C=C (1.34 A of 1.52), C=O
# (1.21 of 1.42) and C#N (1.16 of 1.47) are shorter; an amide's C-N (1.36) and C-F (1.35 of 1.33)
# are longer.


class FunctionalGroup(NamedTuple):
    """atoms: (n,) indices of the group, sorted; head: the one bonded to the rest; anchor: the atom
    of the rest it is bonded to.
    """

    anchor: int
    head: int
    atoms: np.ndarray


class Assembly(NamedTuple):
    """energies: (n_steps + 1,) eV above the stable structure, by the model, along the relaxation;
    delta_p: RMSD in A to the stable structure, NaN where the relaxation failed; same_bonds: the
    bonds of the stable structure and no others.
    """

    delta_p: float
    same_bonds: bool
    n_groups: int
    energies: np.ndarray
    converged: bool
    failure: str

    @property
    def recovered(self) -> bool:
        """Back within RECOVERED_WITHIN of the stable structure, with its bonds."""
        return self.delta_p < RECOVERED_WITHIN and self.same_bonds


def functional_groups(atoms: Atoms) -> list[FunctionalGroup]:
    """The smaller sides of single bonds between two heavy atoms that hold a molecule together.

    Such a bond is in no ring: without it the molecule falls into two parts. The part that has at
    most half of the molecule's atoms is the group (of two equal ones the part at the bond's lower
    atom index); hydrogen alone is none. Multiple bonds, by their length (SINGLE_BOND_FACTOR),
    are not cut.

    Args:
        atoms: one or several molecules, periodic or not.
    """
    bonds = _bonds(atoms)
    ends = atoms.numbers[bonds.pairs]
    shortest = bond_reach(ends[:, 0], ends[:, 1], SINGLE_BOND_FACTOR)
    single = (bonds.lengths > shortest) & (ends > 1).all(axis=1)
    groups = []
    for i, j in bonds.pairs[single].tolist():
        group = smaller_side(bonds.pairs, len(atoms), i, j)
        if group is not None:
            groups.append(group)
    return groups


def smaller_side(pairs: np.ndarray, n_atoms: int, i: int, j: int) -> FunctionalGroup | None:
    """What hangs on the bond i-j with fewer atoms, of equal sides that of ``i``; None in a ring.

    Args:
        pairs: (n_bonds, 2) atom indices, all bonds.
    """
    neighbors = _neighbors(pairs, n_atoms)
    first = _part_without_bond(neighbors, i, j)
    if j in first:
        return None
    second = _part_without_bond(neighbors, j, i)
    if len(first) <= len(second):
        return FunctionalGroup(j, i, np.array(sorted(first)))
    return FunctionalGroup(i, j, np.array(sorted(second)))


def choose_groups(groups: list[FunctionalGroup], rng: np.random.Generator) -> list[FunctionalGroup]:
    """Two groups without a common atom where there are such, else one, else none; at random."""
    pairs = [[a, b] for a, b in combinations(groups, 2) if not np.isin(a.atoms, b.atoms).any()]
    choices = pairs or [[group] for group in groups]
    return choices[rng.integers(len(choices))] if choices else []


def pulled_apart(atoms: Atoms, groups: list[FunctionalGroup], distance: float = PULL) -> Atoms:
    """A copy with each group shifted by ``distance`` (A) away from its anchor along the bond."""
    moved = atoms.copy()
    for group in groups:
        bond = atoms.positions[group.head] - atoms.positions[group.anchor]
        (bond,), (length,) = find_mic([bond], atoms.cell, atoms.pbc)
        moved.positions[group.atoms] += distance * bond / length
    return moved


def assemble(
    calculator: Calculator,
    stable: Atoms,
    groups: list[FunctionalGroup],
    stable_energy: float,
    fmax: float = FMAX,
    steps: int = STEPS,
) -> Assembly:
    """Pull the groups off by PULL, relax, and see whether the molecule came back.

    Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023), Fig. 3.

    Args:
        stable: the whole molecule, not changed; groups: of :func:`choose_groups`; stable_energy:
            the model's energy of ``stable`` in eV, the zero of the profile; fmax: eV/A.

    Raises:
        ValueError: there is no group.
    """
    if not groups:
        raise ValueError(
            f"no group of {stable.get_chemical_formula()} to pull off: leave out molecules for "
            "which functional_groups() finds none"
        )
    found = relax(calculator, pulled_apart(stable, groups), fmax, steps)
    delta_p, same_bonds = np.nan, False
    if not found.failure:
        delta_p = structure_rmsd(found.atoms, stable)
        same_bonds = np.array_equal(_bonds(found.atoms).pairs, _bonds(stable).pairs)
    energies = found.energies - stable_energy
    return Assembly(delta_p, same_bonds, len(groups), energies, found.converged, found.failure)


def _bonds(atoms: Atoms) -> Bonds:
    return find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc)


def _neighbors(pairs: np.ndarray, n_atoms: int) -> list[list[int]]:
    neighbors: list[list[int]] = [[] for _ in range(n_atoms)]
    for i, j in pairs.tolist():
        neighbors[i].append(j)
        neighbors[j].append(i)
    return neighbors


def _part_without_bond(neighbors: list[list[int]], start: int, other: int) -> set[int]:
    """Atoms that ``start`` is connected to once its bond to ``other`` is cut."""
    found, front = {start}, [start]
    while front:
        atom = front.pop()
        for neighbor in neighbors[atom]:
            cut = atom == start and neighbor == other
            if not cut and neighbor not in found:
                found.add(neighbor)
                front.append(neighbor)
    return found
