"""What a sound molecular dynamics run is, and the watch that finds where one stopped being it.

A run is sound while, in every frame observed,

- every bond of the start frame is within 30 % of its equilibrium length;
- no pair that is not bonded is nearer than 80 % of the shortest distance of its kind in the data
  (:mod:`physrep.analysis.structure.contacts`): below it the potential has seen nothing;
- positions, energy and temperature are finite;

and, after an equilibration time,

- no instantaneous temperature is further than 5 sigma from the target,
  sigma = T sqrt(2 / N) with N degrees of freedom (canonical fluctuation of the kinetic energy);
- the mean temperature is within 3 % of the target and twice its standard error; of fewer than ten
  frames it is not judged.

A proton that moves from N to O breaks a bond by this definition. In ionic liquids that can be
real chemistry of the surface the potential was fitted to; it is counted as a broken ion all the
same, and the message names donor, distance and acceptor so that a reader can tell.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from ase.geometry import get_distances

from physrep.analysis.chemistry.bonds import Bonds, bond_kinds, bond_lengths
from physrep.analysis.stability.drift import mean_and_error
from physrep.analysis.structure.contacts import CLASS_NAMES, FURTHER, ContactTable, find_contacts
from physrep.covalent import bond_reach

FEWEST_FRAMES = 10


@dataclass(frozen=True)
class Limits:
    """The numbers of the definition. bond, mean_temperature: relative deviations; contact: share
    of the shortest distance in the data; sigmas: of the instantaneous temperature;
    equilibration: ps at the start of which the temperature is not judged.
    """

    bond: float = 0.30
    contact: float = 0.80
    mean_temperature: float = 0.03
    sigmas: float = 5.0
    equilibration: float = 2.0


@dataclass(frozen=True)
class Failure:
    """time: ps; kind: bond, contact, temperature, mean temperature or not finite; atoms: indices
    from 0, may be empty; value and limit: in A or K; message: all this in a sentence.
    """

    time: float
    kind: str
    atoms: tuple[int, ...]
    value: float
    limit: float
    message: str


@dataclass(frozen=True)
class Stability:
    """Outcome of a run.

    first_failure: None of a sound run. time: ps observed. bond_strain: largest |d / d0 - 1|;
    nearest_contact: smallest d / (shortest in the data), inf where no pair came into reach.
    Temperatures in K after equilibration: mean with standard error, lowest, highest; None where
    the run ended before.
    """

    first_failure: Failure | None
    time: float
    n_frames: int
    bond_strain: float
    nearest_contact: float
    target_temperature: float
    mean_temperature: float | None
    mean_temperature_error: float | None
    lowest_temperature: float | None
    highest_temperature: float | None

    @property
    def sound(self) -> bool:
        """Whether nothing failed."""
        return self.first_failure is None

    def as_dict(self) -> dict[str, Any]:
        """All numbers, for JSON, which knows no infinity and no NaN: those become None."""
        return asdict(self, dict_factory=_finite) | {"sound": self.sound}


class StabilityWatch:
    """Looks at frames as a run produces them: ``observe`` each, ``result`` at any time."""

    def __init__(
        self,
        species: np.ndarray,
        cell: np.ndarray,
        pbc: np.ndarray,
        bonds: Bonds,
        contacts: ContactTable,
        temperature: float,
        n_dof: int,
        reference_lengths: np.ndarray | None = None,
        limits: Limits = Limits(),
    ) -> None:
        """Args: species (n_atoms,); cell (3, 3) in A; pbc (3,); bonds of the start frame;
        contacts: from the data of the potential; temperature: target in K; n_dof: degrees of
        freedom behind the instantaneous temperature; reference_lengths: (n_bonds,) in A, by
        default the mean over the bonds of the same two elements in the start frame.

        Raises:
            ValueError: an element without contacts in the data.
        """
        self.species, self.cell, self.pbc = np.asarray(species), cell, pbc
        self.bonds, self.contacts, self.limits = bonds, contacts, limits
        self.target, self.sigma = temperature, temperature * np.sqrt(2.0 / n_dof)
        if reference_lengths is None:
            reference_lengths = mean_lengths(self.species, bonds)
        self.reference_lengths = np.asarray(reference_lengths, dtype=float)
        kinds = np.unique(self.species)
        first, second = (grid.ravel() for grid in np.meshgrid(kinds, kinds))
        self.radius = float(contacts.of(first, second, np.full(len(first), FURTHER)).max())
        self.first_failure: Failure | None = None
        self.time, self.n_frames = 0.0, 0
        self.bond_strain, self.nearest_contact = 0.0, np.inf
        self.temperatures: list[float] = []

    def observe(
        self, time: float, positions: np.ndarray, temperature: float, energy: float = 0.0
    ) -> Failure | None:
        """Look at one frame; returns what is wrong with it, the worst of several.

        Args: time in ps, positions (n_atoms, 3) in A, temperature in K, potential energy in eV.
        """
        self.time, self.n_frames = time, self.n_frames + 1
        failure = self._not_finite(time, positions, temperature, energy)
        if failure is None:
            found = (
                self._bonds(time, positions),
                self._contacts(time, positions),
                self._temperature(time, temperature),
            )
            failure = next((each for each in found if each is not None), None)
        if self.first_failure is None:
            self.first_failure = failure
        return failure

    def result(self) -> Stability:
        """The outcome so far; the mean temperature is judged here."""
        failure, kept = self.first_failure, np.array(self.temperatures)
        # One frame alone is as far from the mean as temperatures are; it has no error bar.
        mean, error = mean_and_error(kept) if len(kept) >= FEWEST_FRAMES else (None, None)
        if failure is None and mean is not None and error is not None:
            failure = self._mean_temperature(mean, error)
        low, high = (float(kept.min()), float(kept.max())) if len(kept) else (None, None)
        numbers = (self.time, self.n_frames, self.bond_strain, self.nearest_contact)
        return Stability(failure, *numbers, self.target, mean, error, low, high)

    def _not_finite(
        self, time: float, positions: np.ndarray, temperature: float, energy: float
    ) -> Failure | None:
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        if len(bad) == 0 and np.isfinite(temperature) and np.isfinite(energy):
            return None
        atoms = tuple(bad[:1].tolist())
        where = f"the position of {self._name(atoms[0])}" if atoms else "energy or temperature"
        message = f"{where} is not finite (E = {energy:.6g} eV, T = {temperature:.6g} K)"
        return Failure(time, "not finite", atoms, float("nan"), float("nan"), message)

    def _bonds(self, time: float, positions: np.ndarray) -> Failure | None:
        lengths = bond_lengths(positions, self.bonds.pairs, self.cell, self.pbc)
        if len(lengths) == 0:
            return None
        strains = np.abs(lengths / self.reference_lengths - 1.0)
        worst = int(strains.argmax())
        self.bond_strain = max(self.bond_strain, float(strains[worst]))
        if strains[worst] <= self.limits.bond:
            return None
        pair = tuple(self.bonds.pairs[worst].tolist())
        length, usual = float(lengths[worst]), float(self.reference_lengths[worst])
        sign = 1.0 if length > usual else -1.0
        limit = usual * (1.0 + sign * self.limits.bond)
        bond = f"bond {self._name(pair[0])} - {self._name(pair[1])} is {length:.2f} A long"
        message = f"{bond} (usually {usual:.2f}){self._new_partner(pair, positions, sign)}"
        return Failure(time, "bond", pair, length, limit, message)

    def _new_partner(self, pair: tuple[int, ...], positions: np.ndarray, sign: float) -> str:
        """Where a hydrogen atom that leaves its bond goes to."""
        hydrogens = [k for k in pair if self.species[k] == 1]
        if sign < 0 or len(hydrogens) != 1:
            return ""
        hydrogen = hydrogens[0]
        (_,), (distances,) = get_distances(
            positions[hydrogen], positions, cell=self.cell, pbc=self.pbc
        )
        distances[[*pair, *np.flatnonzero(self.species == 1)]] = np.inf
        acceptor = int(distances.argmin())
        if not np.isfinite(distances[acceptor]):
            return ""
        reach = bond_reach(1, self.species[acceptor])
        event = "proton transfer to" if distances[acceptor] < reach else "nearest acceptor"
        return f"; {event} {self._name(acceptor)}, {distances[acceptor]:.2f} A"

    def _contacts(self, time: float, positions: np.ndarray) -> Failure | None:
        found = find_contacts(positions, self.cell, self.pbc, self.bonds.pairs, self.radius)
        if len(found.pairs) == 0:
            return None
        ends = self.species[found.pairs]
        shortest = self.contacts.of(ends[:, 0], ends[:, 1], found.classes)
        ratios = found.distances / shortest
        worst = int(ratios.argmin())
        self.nearest_contact = min(self.nearest_contact, float(ratios[worst]))
        if ratios[worst] >= self.limits.contact:
            return None
        pair, distance = tuple(found.pairs[worst].tolist()), float(found.distances[worst])
        message = (
            f"{self._name(pair[0])} and {self._name(pair[1])}, "
            f"{CLASS_NAMES[found.classes[worst]]}, are {distance:.2f} A apart (shortest known: "
            f"{shortest[worst]:.2f})"
        )
        limit = self.limits.contact * float(shortest[worst])
        return Failure(time, "contact", pair, distance, limit, message)

    def _temperature(self, time: float, temperature: float) -> Failure | None:
        if time < self.limits.equilibration:
            return None
        self.temperatures.append(temperature)
        away = self.limits.sigmas * self.sigma
        if abs(temperature - self.target) <= away:
            return None
        limit = self.target + np.copysign(away, temperature - self.target)
        message = (
            f"T = {temperature:.0f} K is more than {self.limits.sigmas:g} sigma "
            f"({self.sigma:.1f} K) from {self.target:g} K"
        )
        return Failure(time, "temperature", (), temperature, float(limit), message)

    def _mean_temperature(self, mean: float, error: float) -> Failure | None:
        away = self.limits.mean_temperature * self.target
        if abs(mean - self.target) <= away + 2.0 * error:
            return None
        limit = self.target + np.copysign(away, mean - self.target)
        message = (
            f"the mean temperature, {mean:.1f} +- {error:.1f} K, is more than "
            f"{100 * self.limits.mean_temperature:g} % from {self.target:g} K"
        )
        return Failure(self.time, "mean temperature", (), mean, float(limit), message)

    def _name(self, atom: int) -> str:
        return f"{chemical_symbols[self.species[atom]]}{atom}"


def _finite(items: list[tuple[str, Any]]) -> dict[str, Any]:
    def known(value: Any) -> bool:
        return not isinstance(value, float) or bool(np.isfinite(value))

    return {name: value if known(value) else None for name, value in items}


def mean_lengths(species: np.ndarray, bonds: Bonds) -> np.ndarray:
    """(n_bonds,) in A: each bond's length averaged over the bonds of the same two elements."""
    _, kinds = np.unique(bond_kinds(species, bonds.pairs), return_inverse=True)
    sums = np.bincount(kinds, weights=bonds.lengths)
    return (sums / np.bincount(kinds))[kinds] if len(kinds) else np.zeros(0)
