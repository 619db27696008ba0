"""Two atoms carried together and apart: no jump at a cutoff, a repulsive wall without holes."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.data import chemical_symbols
from ase.geometry import get_distances

from physrep.covalent import is_metal, shortest_contact
from physrep.studies.certify.check import Check, at_least, at_most, attempt, skipped
from physrep.studies.certify.exactness import energy_and_forces

NEAREST, FURTHEST = 0.3, 9.0  # A
WALL_STEP, TAIL_STEP = 0.05, 0.02  # A
SOUND_JUMP, POOR_JUMP = 2e-5, 1e-4  # eV
N_DIRECTIONS = 200
SMALL_MOVE = 0.6  # A, of an atom among its neighbours: shells of a crystal are less far apart


class PairScan(NamedTuple):
    """One atom carried along the line from another: distances (n,) A; energies (n,) eV; forces (n,)
    eV/A on it, positive where it is pushed away.
    """

    distances: np.ndarray
    energies: np.ndarray
    forces: np.ndarray


def smoothness(calculator: Calculator, atoms: Atoms, seed: int = 0) -> Iterator[Check]:
    """For every pair of elements of the system: the wall, alone and in the system; the tail.

    The tail needs no knowledge of a cutoff: wherever the energy jumps, the step between two
    distances is not what the forces there say. The tail of two metals is looked for in the system:
    potentials of metals depend on the density around an atom, and two atoms alone are no metal.
    """
    rng = np.random.default_rng(seed)
    for a, b in combinations_with_replacement(sorted(set(atoms.numbers.tolist())), 2):
        pair_name = f"{chemical_symbols[a]}-{chemical_symbols[b]}"
        if a == b and (atoms.numbers == a).sum() == 1 and not atoms.pbc.any():
            why = f"the system holds one atom of {chemical_symbols[a]}: no such pair"
            yield from (skipped(f"{what}: {pair_name}", why) for what in ("wall", "cutoff"))
            continue
        wall = np.arange(NEAREST, float(shortest_contact(a, b)), WALL_STEP)
        tail = np.arange(2.0, FURTHEST, TAIL_STEP)
        scans = {
            f"wall: {pair_name} alone": (wall_check, partial(scan_pair_alone, a=a, b=b), wall),
            f"cutoff: {pair_name}": (jump_check, partial(scan_pair_alone, a=a, b=b), tail),
        }
        pair = nearest_pair(atoms, a, b, rng)
        if pair is not None:
            inside = partial(scan_pair_inside, atoms=atoms, i=pair[0], j=pair[1])
            scans[f"wall: {pair_name} in the system"] = (wall_check, inside, wall)
            if is_metal(a) and is_metal(b):
                del scans[f"cutoff: {pair_name}"]
                carried = partial(scan_atom_inside, atoms=atoms, j=pair[1])
                moves = np.arange(-SMALL_MOVE, SMALL_MOVE, TAIL_STEP)
                scans[f"cutoff: {pair_name} in the system"] = (jump_check, carried, moves)
        for name, (judge, scan, distances) in scans.items():
            yield attempt(name, partial(_judged, name, judge, scan, calculator, distances))


def _judged(
    name: str,
    judge: Callable[[str, PairScan], Check],
    scan: Callable[..., PairScan],
    calculator: Calculator,
    distances: np.ndarray,
) -> Check:
    found = scan(calculator, distances=distances)
    check = judge(name, found)
    if judge is jump_check and check.verdict != "pass":
        # A jump is as large in small steps; what a steep but smooth curve leaves over is not.
        closer = judge(name, scan(calculator, distances=around_jump(found)))
        check = min(check, closer, key=lambda one: float(one.value or 0.0))
    return check


def wall_check(name: str, scan: PairScan) -> Check:
    """The weakest push within the wall; an attraction there is a hole that MD falls into."""
    weakest = int(np.argmin(scan.forces)) if np.isfinite(scan.forces).all() else 0
    value = float(scan.forces[weakest]) if np.isfinite(scan.forces).all() else float("nan")
    where = f"weakest at {scan.distances[weakest]:.2f} A"
    return at_least(name, value, "eV/A", 1.0, 0.0, where)


def jump_check(name: str, scan: PairScan) -> Check:
    """The largest step of the energy that the forces do not explain."""
    size, place = largest_jump(scan)
    return at_most(name, size, "eV", SOUND_JUMP, POOR_JUMP, f"at {place:.2f} A")


def largest_jump(scan: PairScan) -> tuple[float, float]:
    """Its size in eV and where it is in A."""
    f, step = scan.forces, np.diff(scan.distances)[1:-1]
    # Integral of the cubic through four forces: a trapezoid's error would look like a jump where
    # the repulsion is steep.
    explained = -step * (13.0 * (f[1:-2] + f[2:-1]) - f[:-3] - f[3:]) / 24.0
    rest = np.abs(np.diff(scan.energies)[1:-1] - explained)
    # What error is left is smooth: what stands out of its neighbours is a jump.
    excess = rest[1:-1] - np.maximum(rest[:-2], rest[2:])
    worst = int(np.argmax(excess))
    return max(float(excess[worst]), 0.0), float(scan.distances[worst + 2])


def around_jump(scan: PairScan) -> np.ndarray:
    """Distances in A around the largest jump of a scan, in a quarter of its steps."""
    _, place = largest_jump(scan)
    step = scan.distances[1] - scan.distances[0]
    return np.arange(max(place - 4.0 * step, scan.distances[0]), place + 5.0 * step, 0.25 * step)


def scan_pair_alone(calculator: Calculator, a: int, b: int, distances: np.ndarray) -> PairScan:
    """Two atoms of atomic numbers ``a`` and ``b`` in vacuum."""
    energies, forces = [], []
    for distance in distances:
        pair = Atoms([a, b], positions=[[0, 0, 0], [0, 0, distance]])
        energy, force = energy_and_forces(calculator, pair)
        energies.append(energy)
        forces.append(force[1, 2])
    return PairScan(distances, np.array(energies), np.array(forces))


def scan_pair_inside(
    calculator: Calculator, atoms: Atoms, i: int, j: int, distances: np.ndarray
) -> PairScan:
    """Atom ``j`` carried towards ``i`` in the system, all others held, from where most room is."""
    direction = open_direction(atoms, i, j, distances[-1])
    moved, energies, forces = atoms.copy(), [], []
    for distance in distances:
        moved.positions[j] = atoms.positions[i] + distance * direction
        energy, force = energy_and_forces(calculator, moved)
        energies.append(energy)
        forces.append(force[j] @ direction)
    return PairScan(distances, np.array(energies), np.array(forces))


def scan_atom_inside(
    calculator: Calculator, atoms: Atoms, j: int, distances: np.ndarray
) -> PairScan:
    """Atom ``j`` carried along a line through its place, all others held; its neighbours at the
    cutoff leave and enter. distances: of the place, A, negative ones too.
    """
    direction = np.ones(3) / np.sqrt([2.0, 3.0, 6.0])  # of no symmetry, so of unit length
    moved, energies, forces = atoms.copy(), [], []
    for distance in distances:
        moved.positions[j] = atoms.positions[j] + distance * direction
        energy, force = energy_and_forces(calculator, moved)
        energies.append(energy)
        forces.append(force[j] @ direction)
    return PairScan(distances, np.array(energies), np.array(forces))


def open_direction(atoms: Atoms, i: int, j: int, distance: float) -> np.ndarray:
    """(3,) unit vector: at this distance (A) from ``i`` all atoms but ``j`` are furthest away.

    On the straight way from ``j`` to ``i`` there may be a third atom, into which it would be
    carried first: what is met there tells nothing of the two.
    """
    k = np.arange(N_DIRECTIONS) + 0.5  # a spiral of even density over the sphere
    height, angle = 1.0 - 2.0 * k / N_DIRECTIONS, np.pi * (1.0 + 5.0**0.5) * k
    radius = np.sqrt(1.0 - height**2)
    directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    others = np.delete(atoms.positions, [i, j], axis=0)
    if not len(others):
        return directions[0]
    places = atoms.positions[i] + distance * directions
    _, lengths = get_distances(places, others, cell=atoms.cell, pbc=atoms.pbc)
    return directions[int(np.argmax(lengths.min(axis=1)))]


def nearest_pair(atoms: Atoms, a: int, b: int, rng: np.random.Generator) -> tuple[int, int] | None:
    """A random atom of element ``a`` and the nearest other one of ``b``, if there is one."""
    first = rng.permutation(np.flatnonzero(atoms.numbers == a))
    second = np.flatnonzero(atoms.numbers == b)
    second = second[second != first[0]]
    if len(second) == 0:
        return None
    _, lengths = get_distances(
        atoms.positions[first[0]], atoms.positions[second], cell=atoms.cell, pbc=atoms.pbc
    )
    return int(first[0]), int(second[np.argmin(lengths[0])])
