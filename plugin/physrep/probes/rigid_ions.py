"""Rigid ions carried apart, and above a cluster: how strongly they interact, near and far.

Orientations come in sixes that turn each of the six directions +-x, +-y, +-z of an ion to the
other one, from a random start. This octahedral design integrates spherical harmonics up to degree
3, so the mean over the six holds no term of the charge of one ion with the dipole, quadrupole or
octupole of the other (A. J. Stone, "The Theory of Intermolecular Forces", 2nd ed., Oxford 2013,
chapter 3): far apart it is that of two point charges, wherever in the ions the charges sit.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from scipy.spatial.transform import Rotation

from physrep.covalent import is_metal, radii_of
from physrep.io.structures.total_charge import state_charge, stated_by, total_charge
from physrep.units import COULOMB_CONSTANT

N_ORIENTATIONS = 6
# A, beyond the sum of covalent radii: O...O 2.5, H...O 2.2, C...H 2.3. Metals, which are ions here,
# touch at the sum itself (Na-Cl in rock salt: 1.06 of it).
CONTACT_GAP = 1.2
APPROACH = 0.05  # A, in which an ion comes down to a cluster


class IonPair(NamedTuple):
    """Two ions alone, and together: by orientation and distance, None where they would overlap.

    distances: (n,) A between the centres of mass, along z; structures: N_ORIENTATIONS lists of n.
    """

    first: Atoms
    second: Atoms
    distances: np.ndarray
    structures: list[list[Atoms | None]]


class IonScan(NamedTuple):
    """What a calculator makes of an :class:`IonPair`.

    distances: (n,) A; energies: (N_ORIENTATIONS, n) eV, of the pair minus those of the two alone;
    forces: (N_ORIENTATIONS, n) eV/A on the second ion along the line, positive where it is pushed
    away. NaN where there is no structure, or the calculator raised.
    """

    distances: np.ndarray
    energies: np.ndarray
    forces: np.ndarray

    @property
    def mean_energy(self) -> np.ndarray:
        """(n,) eV over the orientations; NaN where one is missing."""
        return self.energies.mean(axis=0)

    @property
    def mean_force(self) -> np.ndarray:
        """(n,) eV/A over the orientations; NaN where one is missing."""
        return self.forces.mean(axis=0)

    def blind_from(self, size: float) -> float:
        """The distance (A) from which on no energy is larger than ``size`` (eV); inf: there is
        none.
        """
        blind = np.isfinite(self.energies).any(axis=0)
        blind &= np.abs(np.nan_to_num(self.energies)).max(axis=0) <= size
        return float(
            min(self.distances[np.flatnonzero(~blind).max(initial=-1) + 1 :], default=np.inf)
        )


def point_charges(product: float, distances: np.ndarray) -> np.ndarray:
    """Coulomb energy in eV of two charges in vacuum; product: of the charges, e^2."""
    return COULOMB_CONSTANT * product / distances


def ion_pair(
    first: Atoms, second: Atoms, distances: np.ndarray, rng: np.random.Generator
) -> IonPair:
    """The structures of a pair, each stating the sum of the charges that the ions state.

    Args:
        first, second: not periodic, with their charges (``state_charge``); distances: (n,) A.
    """
    charge = sum(total_charge(stated_by(ion)) or 0.0 for ion in (first, second))
    one, other = (_orientations(ion, rng) for ion in (first, second))
    reach = contact_distances(first.numbers[:, None], second.numbers)
    structures: list[list[Atoms | None]] = []
    for k in range(N_ORIENTATIONS):
        # Not the same direction of both: an ion and its like would only turn together.
        here, there = one[k], other[(k + 2) % N_ORIENTATIONS]
        placed = [there + [0.0, 0.0, distance] for distance in distances]
        apart = [(_distances(here, place) >= reach).all() for place in placed]
        structures.append(
            [
                joined(first, second, here, place, charge) if free else None
                for place, free in zip(placed, apart, strict=True)
            ]
        )
    return IonPair(first, second, np.asarray(distances, dtype=float), structures)


def scan_ions(calculator: Calculator, pair: IonPair) -> IonScan:
    """Energies of interaction and forces of all structures of a pair."""
    alone = sum(energy_or_nan(calculator, ion)[0] for ion in (pair.first, pair.second))
    shape = len(pair.structures), len(pair.distances)
    energies, forces = np.full((2, *shape), np.nan)
    for k, row in enumerate(pair.structures):
        for m, atoms in enumerate(row):
            if atoms is not None:
                energy, on_atoms = energy_or_nan(calculator, atoms)
                energies[k, m] = energy - alone
                forces[k, m] = on_atoms[len(pair.first) :, 2].sum()
    return IonScan(pair.distances, energies, forces)


def above(cluster: Atoms, ion: Atoms, height: float, rng: np.random.Generator) -> list[Atoms]:
    """N_ORIENTATIONS copies of the cluster with the ion above it, in six directions from the
    cluster's centre: the nearest two atoms are ``height`` (A) apart.

    The total charge is the sum of those that the two state.
    """
    charge = sum(total_charge(stated_by(part)) or 0.0 for part in (cluster, ion))
    ground = cluster.positions - cluster.positions.mean(axis=0)
    places = []
    for turned in _orientations(ion, rng):
        around = ground @ Rotation.random(random_state=rng).as_matrix()
        far = np.linalg.norm(ground, axis=1).max() + np.linalg.norm(turned, axis=1).max() + height
        steps = np.arange(far, 0.0, -APPROACH)
        lifted = (turned + [0.0, 0.0, z] for z in steps)
        free = takewhile(lambda place: _distances(around, place).min() >= height, lifted)  # noqa: B023
        places.append(joined(cluster, ion, around, list(free)[-1], charge))
    return places


def energies_above(
    calculator: Calculator, cluster: Atoms, ion: Atoms, places: Sequence[Atoms]
) -> np.ndarray:
    """(n,) eV of interaction of the ion with the cluster; NaN where the calculator raised."""
    alone = sum(energy_or_nan(calculator, part)[0] for part in (cluster, ion))
    return np.array([energy_or_nan(calculator, atoms)[0] - alone for atoms in places])


def contact_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A, from which on atoms of two ions are said to be in contact and no nearer; shapes of atomic
    numbers broadcast.
    """
    gap = np.where(is_metal(first) | is_metal(second), 0.0, CONTACT_GAP)
    return radii_of(first) + radii_of(second) + gap


def joined(
    first: Atoms, second: Atoms, here: np.ndarray, there: np.ndarray, charge: float
) -> Atoms:
    """The atoms of both at new places (A), stating the total charge (e)."""
    atoms = Atoms(np.concatenate([first.numbers, second.numbers]), np.concatenate([here, there]))
    state_charge(atoms, charge)
    return atoms


def energy_or_nan(calculator: Calculator, atoms: Atoms) -> tuple[float, np.ndarray]:
    """eV and (n_atoms, 3) eV/A; NaN where the calculator raises, as an SCF of ions far apart may.

    Quantum chemistry goes on from the wave function of the structure before; where that does not
    converge, it has a second try without one.
    """
    copy = atoms.copy()
    copy.calc = calculator
    for _ in range(2):
        try:
            return float(copy.get_potential_energy()), copy.get_forces()
        except Exception:  # foreign calculators raise what they like
            calculator.reset()
    return np.nan, np.full((len(atoms), 3), np.nan)


def _orientations(ion: Atoms, rng: np.random.Generator) -> list[np.ndarray]:
    """N_ORIENTATIONS times (n_atoms, 3) in A around the centre of mass, see above."""
    start = (ion.positions - ion.get_center_of_mass()) @ Rotation.random(
        random_state=rng
    ).as_matrix()
    cycle = np.eye(3)[[1, 2, 0]]
    turns = [np.linalg.matrix_power(cycle, k) @ flip
             for k in range(3) for flip in (np.eye(3), np.diag([1.0, -1.0, -1.0]))]  # fmt: skip
    angles = rng.uniform(0.0, 2.0 * np.pi, N_ORIENTATIONS)
    about_z = Rotation.from_rotvec(angles[:, None] * [0.0, 0.0, 1.0]).as_matrix()
    return [start @ turn @ spin for turn, spin in zip(turns, about_z, strict=True)]


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n_first, n_second) in A."""
    return np.linalg.norm(second[None, :, :] - first[:, None, :], axis=-1)
