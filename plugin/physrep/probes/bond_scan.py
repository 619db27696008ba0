"""Bonds pulled apart: energy and force along the way."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.constraints import FixBondLength
from ase.geometry import find_mic
from ase.optimize import BFGS

from physrep.analysis.chemistry.bond_tracking import BondTracker
from physrep.analysis.chemistry.bonds import bond_kinds, bond_lengths
from physrep.probes.relaxation import relax

RELAXED_FMAX, RELAXED_STEPS = 0.05, 60  # eV/A: a scan needs its energies to some meV


class Stretch(NamedTuple):
    """A bond to be pulled: ``carried``, indices that move as one, holds ``moved`` and not
    ``fixed``.
    """

    fixed: int
    moved: int
    carried: np.ndarray


class BondScan(NamedTuple):
    """distances: (n,) A; energies: (n,) eV; forces: (n,) eV/A on all that is carried, along the
    bond, negative where the bond pulls it back.
    """

    distances: np.ndarray
    energies: np.ndarray
    forces: np.ndarray

    def spurious(self) -> np.ndarray:
        """(n,) bool: the atom is pushed away beyond the point of the steepest pull."""
        steepest = int(np.argmin(self.forces))
        return (np.arange(len(self.forces)) > steepest) & (self.forces > 0.0)

    def minimum(self, length: float) -> int:
        """Index of the minimum that lies downhill from the distance ``length`` (A)."""
        k = int(np.argmin(np.abs(self.distances - length)))
        energies = np.where(np.isfinite(self.energies), self.energies, np.inf)
        while True:
            lower = min((k - 1, k, k + 1), key=lambda m: _at(energies, m))
            if lower == k or _at(energies, lower) >= energies[k]:
                return k
            k = lower


class Fall(NamedTuple):
    """Where the energy beyond the equilibrium falls, as that of a bond should not.

    size: eV, from the top to the lowest point behind it, 0 where it rises throughout; top: A, from
    where on; barrier: eV, height of the top above the equilibrium; minimum: A, where behind the
    top the bond is caught, NaN where it falls to the end; depth: eV, of that minimum below the
    lower of its two sides, 0 without.
    """

    size: float
    top: float
    barrier: float
    minimum: float
    depth: float


def bond_scan(
    calculator: Calculator,
    atoms: Atoms,
    fixed: int,
    moved: int,
    distances: np.ndarray,
    carried: Iterable[int] | None = None,
) -> BondScan:
    """A rigid scan: ``moved`` goes along the line from ``fixed`` with all that is ``carried``.

    Source: the N-O stretch of a nitrate, S. Hoedl, thesis, TU Wien 2022, Fig. 4.10.

    Args:
        atoms: the structure to start from, not changed; distances: (n,) A; carried: indices,
        ``moved`` among them; by default it alone.

    Raises:
        ValueError: ``fixed`` and ``moved`` are the same atom.
    """
    stretch = Stretch(fixed, moved, np.array([moved] if carried is None else sorted(carried)))
    return scan_of(calculator, rigid_structures(atoms, stretch, distances), stretch)


def rigid_structures(atoms: Atoms, stretch: Stretch, distances: np.ndarray) -> list[Atoms]:
    """One copy for each distance (A), all but the carried atoms in their places.

    Raises:
        ValueError: ``fixed`` and ``moved`` are the same atom.
    """
    if stretch.fixed == stretch.moved:
        raise ValueError(f"atoms {stretch.fixed} and {stretch.moved}: a bond needs two atoms")
    return [_stretched(atoms, stretch, distance) for distance in distances]


def relaxed_structures(
    calculator: Calculator,
    atoms: Atoms,
    stretch: Stretch,
    distances: np.ndarray,
    fmax: float = RELAXED_FMAX,
    steps: int = RELAXED_STEPS,
) -> list[Atoms]:
    """One structure for each distance, relaxed (BFGS) with the bond held at that length.

    Each starts from the one before, so ``distances`` (A) should go in small steps from the length
    in ``atoms``. Where a relaxation fails the list ends: it may be shorter, even empty. One that is
    not converged after ``steps`` stays as it is.
    """
    found, start = [], atoms
    for distance in distances:
        start = _stretched(start, stretch, distance)
        start.set_constraint(FixBondLength(stretch.fixed, stretch.moved))
        reached = relax(calculator, start, fmax, steps, BFGS)
        if reached.failure:
            break
        start = reached.atoms
        start.set_constraint()
        found.append(start.copy())
    return found


def scan_of(calculator: Calculator, structures: Sequence[Atoms], stretch: Stretch) -> BondScan:
    """Energies and projected forces of structures made by the two functions above.

    The force is -dE/d(length) with the two parts rigid; where all else is relaxed it is that of
    the relaxed energy, too.
    """
    distances, energies, forces = [], [], []
    for atoms in structures:
        direction, length = _bond(atoms, stretch)
        distances.append(length)
        energies.append(float(calculator.get_potential_energy(atoms)))
        forces.append(float(calculator.get_forces(atoms)[stretch.carried].sum(axis=0) @ direction))
    return BondScan(np.array(distances), np.array(energies), np.array(forces))


def largest_fall(scan: BondScan, start: int) -> Fall:
    """The largest fall of the energy from ``start`` (an index, the equilibrium) outward; points
    that are not finite are skipped.
    """
    finite = np.isfinite(scan.energies)
    finite[:start] = False
    x, energies = scan.distances[finite], scan.energies[finite]
    if len(energies) < 2:
        return Fall(0.0, np.nan, np.nan, np.nan, 0.0)
    before = np.maximum.accumulate(energies)
    behind = np.maximum.accumulate(energies[::-1])[::-1]
    lowest = int(np.argmax(before - energies))
    top = int(np.argmax(energies[: lowest + 1]))
    depths = np.minimum(before, behind) - energies
    caught = int(np.argmax(depths))
    size, depth = float(before[lowest] - energies[lowest]), float(depths[caught])
    minimum = float(x[caught]) if depth > 0.0 else np.nan
    return Fall(size, float(x[top]), float(energies[top] - energies[0]), minimum, depth)


def bond_ranges(structures: Iterable[Any]) -> dict[str, tuple[float, float]]:
    """Shortest and longest bond of every kind, A; the kinds as :func:`bond_kinds` names them.

    Bonds are found as :class:`BondTracker` finds them in a first frame, so that an N-H stretched
    far, as in hot data, still counts.

    Args:
        structures: with ``positions`` (A), ``species``, ``cell`` (A), ``pbc``.
    """
    ranges: dict[str, tuple[float, float]] = {}
    for one in structures:
        tracker = BondTracker(one.species)
        tracker.update(one.positions, one.cell, one.pbc)
        lengths = bond_lengths(one.positions, tracker.pairs, one.cell, one.pbc)
        kinds = np.array(bond_kinds(one.species, tracker.pairs), dtype=np.str_)
        for kind in np.unique(kinds).tolist():
            of_kind = lengths[kinds == kind]
            low, high = ranges.get(kind, (np.inf, 0.0))
            ranges[kind] = (min(low, float(of_kind.min())), max(high, float(of_kind.max())))
    return ranges


def _bond(atoms: Atoms, stretch: Stretch) -> tuple[np.ndarray, float]:
    """Unit vector from ``fixed`` to ``moved``, and the length in A."""
    apart = atoms.positions[stretch.moved] - atoms.positions[stretch.fixed]
    (apart,), (length,) = find_mic([apart], atoms.cell, atoms.pbc)
    return apart / length, float(length)


def _stretched(atoms: Atoms, stretch: Stretch, distance: float) -> Atoms:
    direction, length = _bond(atoms, stretch)
    moved = atoms.copy()
    moved.positions[stretch.carried] += (distance - length) * direction
    return moved


def _at(energies: np.ndarray, k: int) -> float:
    return float(energies[k]) if 0 <= k < len(energies) else np.inf
