"""Errors of a potential on labelled structures."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sized
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, Calculator, PropertyNotImplementedError
from ase.geometry import complete_cell

from physrep.config import ConfigError
from physrep.engines.guard_action import GuardedPair, guard_limits, guarded_pairs
from physrep.io import Structure
from physrep.io.structures.structure import LABELS
from physrep.io.structures.unread_labels import UnreadWatch
from physrep.probes.named_calculator import ASE_PREFIX, named_calculator
from physrep.progress import plural, progress, say

NAMED = 20  # structures in which the guard acts
COMPARED = {  # label -> its plural, what a calculator needs for it
    "virial": ("virials", "stress"),
    "charges": ("charges", "charges"),
    "dipole": ("dipoles", "dipole"),
}


@dataclass(frozen=True)
class Errors:
    """Errors over a data set; None where it has no such labels.

    Energies in meV/atom, after the mean offset of the energy per atom is removed (labels of
    different codes differ by a constant per atom), so at least two are needed. Energies of whole
    structures in meV: ``energy_mae_mev`` and ``energy_rmse_mev`` as they are, for labels of the
    level that the potential was fitted to; ``energy_centred_mae_mev`` after their mean offset is
    removed, for the shape of a scan or path of one molecule. Forces in eV/A, over Cartesian
    components; ``force_max`` is the largest error of one component. Virials in meV/atom and, of
    structures that are periodic in all directions, stresses in meV/A^3, over the nine components.
    Charges of atoms in e; dipoles of isolated structures in e A, over the three components, of
    charged ones about the centre of mass.

    ``n_guarded`` counts the structures in which the short-range guard acts (None where the
    calculator has none), ``guarded`` names the first of them: file, frame (from 0) and the pair
    furthest below its limit, as :meth:`physrep.engines.guard_action.GuardedPair.as_dict`.
    """

    energy_mae_mev_per_atom: float | None
    energy_rmse_mev_per_atom: float | None
    force_mae: float | None
    force_rmse: float | None
    force_max: float | None
    n_structures: int
    virial_mae_mev_per_atom: float | None = None
    virial_rmse_mev_per_atom: float | None = None
    stress_mae_mev_per_a3: float | None = None
    stress_rmse_mev_per_a3: float | None = None
    charge_mae: float | None = None
    charge_rmse: float | None = None
    dipole_mae: float | None = None
    dipole_rmse: float | None = None
    n_guarded: int | None = None
    guarded: list[dict[str, Any]] = field(default_factory=list)
    energy_mae_mev: float | None = None
    energy_rmse_mev: float | None = None
    energy_centred_mae_mev: float | None = None

    def to_json(self) -> str:
        """One JSON object, the fields as keys."""
        return json.dumps(asdict(self), indent=1)

    def table(self) -> str:
        """The same for people, one line a number, and one for each structure named."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        frames = known.pop("guarded")
        lines = [f"{name:26s} {value:.6g}" for name, value in known.items()]
        return "\n".join(lines + [guarded_line(frame) for frame in frames])


@dataclass
class _Sum:
    """Errors of components, added up."""

    n: int = 0
    absolute: float = 0.0
    square: float = 0.0
    largest: float = 0.0

    def add(self, difference: np.ndarray) -> None:
        error = np.abs(difference)
        self.n += error.size
        self.absolute += float(error.sum())
        self.square += float((error**2).sum())
        # Not max(): it would drop a NaN.
        self.largest = float(np.maximum(self.largest, error.max()))

    def mae(self) -> float | None:
        return self.absolute / self.n if self.n else None

    def rmse(self) -> float | None:
        return math.sqrt(self.square / self.n) if self.n else None


@dataclass
class _Sums:
    """What is kept while structures stream by."""

    energy_errors: list[float] = field(default_factory=list)  # eV/atom
    total_energy_errors: list[float] = field(default_factory=list)  # eV
    forces: _Sum = field(default_factory=_Sum)
    virial: _Sum = field(default_factory=_Sum)  # meV/atom
    stress: _Sum = field(default_factory=_Sum)  # meV/A^3
    charges: _Sum = field(default_factory=_Sum)  # e
    dipole: _Sum = field(default_factory=_Sum)  # e A
    n_structures: int = 0
    n_labelled: Counter[str] = field(default_factory=Counter)
    n_missing: Counter[str] = field(default_factory=Counter)  # what the calculator does not have
    guarded: list[dict[str, Any]] = field(default_factory=list)

    def add(self, calculator: BaseCalculator, structure: Structure) -> None:
        """Compute one structure and add its errors."""
        atoms = structure.to_ase()
        if structure.virial is not None and atoms.pbc.any():
            atoms.cell = complete_cell(atoms.cell)  # a slab: its stress needs a volume
        atoms.calc = calculator
        self.n_structures += 1
        self.n_labelled.update(n for n in LABELS if getattr(structure, n) is not None)
        if structure.forces is not None:
            self.forces.add(atoms.get_forces() - structure.forces)
        if structure.virial is not None:
            self._add_virial(atoms, structure)
        if structure.charges is not None:
            self._add_electric("charges", self.charges, atoms, structure.charges)
        if structure.dipole is not None:
            self._add_electric("dipole", self.dipole, atoms, structure.dipole)
        if structure.energy is not None:
            difference = atoms.get_potential_energy() - structure.energy
            self.energy_errors.append(difference / len(atoms))
            self.total_energy_errors.append(difference)
        pairs = guarded_pairs(calculator, atoms)
        if pairs:
            where = {"file": Path(structure.source).name, "frame": structure.frame}
            self.guarded.append({**where, **pairs[0].as_dict()})

    def _add_virial(self, atoms: Atoms, structure: Structure) -> None:
        try:
            difference = 1000.0 * (_virial(atoms) - structure.virial)
        except PropertyNotImplementedError:
            self.n_missing["virial"] += 1
            return
        self.virial.add(difference / len(atoms))
        if structure.pbc.all():
            self.stress.add(difference / atoms.get_volume())

    def _add_electric(self, name: str, errors: _Sum, atoms: Atoms, label: np.ndarray) -> None:
        try:
            found = atoms.calc.get_property(name, atoms)
        except PropertyNotImplementedError:
            self.n_missing[name] += 1
            return
        errors.add(found - label)

    def errors(self, guard: bool) -> Errors:
        """The means; guard: whether the calculator has one."""
        energy_mae = energy_rmse = None
        if len(self.energy_errors) > 1:
            error = 1000.0 * (np.array(self.energy_errors) - np.mean(self.energy_errors))
            energy_mae = float(np.abs(error).mean())
            energy_rmse = float(np.sqrt((error**2).mean()))
        return Errors(
            energy_mae,
            energy_rmse,
            self.forces.mae(),
            self.forces.rmse(),
            self.forces.largest if self.forces.n else None,
            self.n_structures,
            self.virial.mae(),
            self.virial.rmse(),
            self.stress.mae(),
            self.stress.rmse(),
            self.charges.mae(),
            self.charges.rmse(),
            self.dipole.mae(),
            self.dipole.rmse(),
            len(self.guarded) if guard else None,
            self.guarded[:NAMED],
            *self._of_whole_structures(),
        )

    def _of_whole_structures(self) -> tuple[float | None, float | None, float | None]:
        """The last three of ``Errors``, meV."""
        if not self.total_energy_errors:
            return None, None, None
        error = 1000.0 * np.array(self.total_energy_errors)
        centred = float(np.abs(error - error.mean()).mean()) if len(error) > 1 else None
        return float(np.abs(error).mean()), float(np.sqrt((error**2).mean())), centred


def _virial(atoms: Atoms) -> np.ndarray:
    """-dE/dstrain, (3, 3) eV: from the stress, or of a molecule the sum of r_i F_i."""
    if atoms.pbc.any():
        return -atoms.get_volume() * atoms.get_stress(voigt=False)
    virial = atoms.positions.T @ atoms.get_forces()
    return 0.5 * (virial + virial.T)


def guarded_line(found: dict[str, Any]) -> str:
    """For people; found: an entry of ``Errors.guarded``."""
    pair = GuardedPair(*(found[name] for name in GuardedPair._fields))
    return f"{found['file']}, frame {found['frame']}: {pair.line()}"


def evaluate(calculator: BaseCalculator, structures: Iterable[Structure]) -> Errors:
    """Compare a calculator with the labels, one structure at a time; progress on standard error.

    Frames of isolated atoms (``config_type=IsolatedAtom``) are not judged.

    Args:
        calculator: an ASE calculator (``PhysRepCalculator`` or any other).
        structures: labelled structures (``physrep.io``), a list or a stream.

    Raises:
        ConfigError: there is nothing to compare with.
    """
    sums = _Sums()
    judged = without_isolated_atoms(structures)
    total = len(structures) if isinstance(structures, Sized) else None
    for structure in progress(judged, "evaluate", "structure", total):
        sums.add(calculator, structure)
    for label, n in sums.n_labelled.items():
        if n < sums.n_structures:
            say("evaluate", f"{n} of {sums.n_structures} structures have a label of {label}")
    for label, n in sums.n_missing.items():
        words, needed = COMPARED[label]
        say(
            "evaluate",
            f"{words} of {n} structures are not compared: the calculator has no {needed}",
        )
    if not (sums.energy_errors or sums.forces.n or sums.virial.n or sums.charges.n):
        raise ConfigError(
            f"{sums.n_structures} structures, none with energy, forces, virial or charges: there "
            "is nothing to compare with; check the names of the labels in the file"
        )
    return sums.errors(guard_limits(calculator) is not None)


def without_isolated_atoms(structures: Iterable[Structure]) -> Iterator[Structure]:
    """The other structures; says how many were set apart, and which labels no one reads."""
    n_atoms = 0
    watch = UnreadWatch()
    for structure in structures:
        if structure.is_isolated_atom:
            n_atoms += 1
            continue
        for line in watch.new_lines(structure):
            say("evaluate", line)
        yield structure
    if n_atoms:
        say(
            "evaluate",
            f"{n_atoms} {plural('frame', n_atoms)} of isolated atoms "
            "(config_type=IsolatedAtom) set apart: not judged",
        )


def predict_forces(calculator: BaseCalculator, structures: Iterable[Structure]) -> np.ndarray:
    """Forces of all atoms of all structures, one after the other, (n, 3) in eV/A."""
    return np.concatenate([calculator.get_forces(structure.to_ase()) for structure in structures])


def load_calculator(model: str | Path) -> Calculator:
    """A calculator from a checkpoint, an exported file or ``ase:MODULE:CLASS``, see
    `named_calculator`.

    Raises:
        CheckpointError, ExportError: not such a file.
        ConfigError: no such module or class.
    """
    if str(model).startswith(ASE_PREFIX):
        return named_calculator(str(model))
    from physrep.engines.ase import PhysRepCalculator

    return PhysRepCalculator(model, check_contacts=False)
