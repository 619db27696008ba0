"""Errors of a potential on labelled structures."""

import importlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase.calculators.calculator import BaseCalculator, Calculator

from physrep.config import ConfigError
from physrep.io import Structure
from physrep.progress import progress

ASE_PREFIX = "ase:"


@dataclass(frozen=True)
class Errors:
    """Errors over a data set; None where it has no such labels.

    Energies in meV/atom, after the mean offset of the energy per atom is removed (labels of
    different codes differ by a constant per atom), so at least two are needed. Forces in eV/A,
    over Cartesian components; ``force_max`` is the largest error of one component.
    """

    energy_mae_mev_per_atom: float | None
    energy_rmse_mev_per_atom: float | None
    force_mae: float | None
    force_rmse: float | None
    force_max: float | None
    n_structures: int

    def to_json(self) -> str:
        """One JSON object, the fields as keys."""
        return json.dumps(asdict(self), indent=1)

    def table(self) -> str:
        """The same for people, one line a number."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return "\n".join(f"{name:26s} {value:.6g}" for name, value in known.items())


@dataclass
class _Sums:
    """What is kept while structures stream by."""

    energy_errors: list[float] = field(default_factory=list)  # eV/atom
    n_components: int = 0
    absolute: float = 0.0
    square: float = 0.0
    largest: float = 0.0
    n_structures: int = 0

    def add(self, calculator: BaseCalculator, structure: Structure) -> None:
        """Compute one structure and add its errors."""
        atoms = structure.to_ase()
        atoms.calc = calculator
        self.n_structures += 1
        if structure.forces is not None:
            error = np.abs(atoms.get_forces() - structure.forces)
            self.n_components += error.size
            self.absolute += float(error.sum())
            self.square += float((error**2).sum())
            # Not max(): it would drop a NaN.
            self.largest = float(np.maximum(self.largest, error.max()))
        if structure.energy is not None:
            difference = atoms.get_potential_energy() - structure.energy
            self.energy_errors.append(difference / len(atoms))

    def errors(self) -> Errors:
        """The means."""
        energy_mae = energy_rmse = mae = rmse = largest = None
        if len(self.energy_errors) > 1:
            error = 1000.0 * (np.array(self.energy_errors) - np.mean(self.energy_errors))
            energy_mae = float(np.abs(error).mean())
            energy_rmse = float(np.sqrt((error**2).mean()))
        if self.n_components:
            mae = self.absolute / self.n_components
            rmse = math.sqrt(self.square / self.n_components)
            largest = self.largest
        return Errors(energy_mae, energy_rmse, mae, rmse, largest, self.n_structures)


def evaluate(calculator: BaseCalculator, structures: Iterable[Structure]) -> Errors:
    """Compare a calculator with the labels, one structure at a time; progress on standard error.

    Args:
        calculator: an ASE calculator (``PhysRepCalculator`` or any other).
        structures: labelled structures (``physrep.io``), a list or a stream.

    Raises:
        ConfigError: there is nothing to compare with.
    """
    sums = _Sums()
    for structure in progress(structures, "evaluate", "structure"):
        sums.add(calculator, structure)
    if not sums.energy_errors and not sums.n_components:
        raise ConfigError(
            f"{sums.n_structures} structures, none with energy or forces: there is nothing to "
            "compare with; check the names of the labels in the file"
        )
    return sums.errors()


def predict_forces(calculator: BaseCalculator, structures: Iterable[Structure]) -> np.ndarray:
    """Forces of all atoms of all structures, one after the other, (n, 3) in eV/A."""
    return np.concatenate([calculator.get_forces(structure.to_ase()) for structure in structures])


def load_calculator(model: str | Path) -> Calculator:
    """A calculator from a checkpoint, an exported file or ``ase:MODULE:CLASS``.

    The class is made without arguments, e.g. ``ase:tblite.ase:TBLite``.

    Raises:
        CheckpointError, ExportError: not such a file.
        ConfigError: no such module or class.
    """
    if not str(model).startswith(ASE_PREFIX):
        from physrep.engines.ase import PhysRepCalculator

        return PhysRepCalculator(model)
    module_name, _, class_name = str(model).removeprefix(ASE_PREFIX).partition(":")
    try:
        made: Any = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"model = {str(model)!r}: {error}; give ase:MODULE:CLASS, e.g. ase:ase.calculators.lj:"
            "LennardJones"
        ) from None
    return made()
