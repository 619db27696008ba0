"""Where the charges of atoms are from: the trajectory, a model, a list, or ions of one atom."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, PropertyNotImplementedError

from physrep.config import ConfigError
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.system import System

MODELS = (".ckpt", ".pt")
REMEDY = (
    "store charges with the trajectory (LAMMPS dump column q, extended XYZ column charges), or "
    "give a model or a file with one charge for each atom (--charges)"
)


class ChargeSource(Protocol):
    """Charges of the atoms of a frame; name: of the source, for "charges are ..."."""

    @property
    def name(self) -> str: ...

    def of(self, frame: Frame, /) -> np.ndarray:
        """(n_atoms,) in e, NaN where one is unknown.

        Raises:
            ValueError: this frame has none.
        """
        ...


class TrajectoryCharges:
    """Charges that each frame holds."""

    name = "those in the trajectory"

    def of(self, frame: Frame) -> np.ndarray:
        """As :meth:`ChargeSource.of`."""
        if frame.charges is None:
            raise ValueError("it has no charges, the frames before had")
        return frame.charges


@dataclass(frozen=True, eq=False)
class ConstantCharges:
    """The same in every frame; values: (n_atoms,) in e; name: as of any source."""

    values: np.ndarray
    name: str

    def of(self, _frame: Frame) -> np.ndarray:
        """As :meth:`ChargeSource.of`."""
        return self.values


class ModelCharges:
    """Computed for each frame by an ASE calculator."""

    def __init__(
        self, calculator: BaseCalculator, name: str, numbers: np.ndarray, total_charge: float = 0.0
    ) -> None:
        """Args: calculator: with the result "charges" (e); name: of the model; numbers: (n_atoms,)
        atomic numbers; total_charge: e, of all atoms.

        Raises:
            ConfigError: a calculator without charges.
        """
        self.name = f"those that {name} computes for each frame"
        self._calculator, self._of = calculator, name
        self._atoms = Atoms(numbers=numbers, info={"charge": total_charge})
        if "charges" not in calculator.implemented_properties:
            raise self._without_charges()

    def of(self, frame: Frame) -> np.ndarray:
        """As :meth:`ChargeSource.of`.

        Raises:
            ConfigError: a potential without charges.
        """
        self._atoms.positions[:] = frame.positions
        self._atoms.cell, self._atoms.pbc = frame.cell, frame.pbc
        try:
            return np.asarray(self._calculator.get_property("charges", self._atoms), dtype=float)
        except PropertyNotImplementedError as error:
            raise self._without_charges() from error

    def _without_charges(self) -> ConfigError:
        return ConfigError(
            f"--charges {self._of}: this potential has no charges; give one that was fitted with "
            "electrostatics, or charges from elsewhere"
        )


def load_model(path: str | Path, numbers: np.ndarray, total_charge: float = 0.0) -> ModelCharges:
    """Charges by a checkpoint or an exported file; arguments and errors: as ModelCharges.

    Raises:
        ExportError, FileNotFoundError: the file cannot be used.
    """
    from physrep.engines.ase import PhysRepCalculator  # PyTorch, only for models

    calculator = PhysRepCalculator(path, check_contacts=False)
    return ModelCharges(calculator, Path(path).name, numbers, total_charge)


def source_of(
    given: ChargeSource | None, system: System, frame: Frame
) -> tuple[ChargeSource | None, str]:
    """What is used for a trajectory with this first frame, or why there is nothing.

    A source that the user gives goes before the trajectory, that before charges of whole ions,
    which are those of atoms where every molecule is one atom.
    """
    if given is not None:
        return given, ""
    if frame.charges is not None and frame.charges.any():
        return TrajectoryCharges(), ""
    reason = "the trajectory has no charges of atoms"
    if frame.charges is not None:
        reason = "all charges in the trajectory are 0: nothing has set them"
    if all(len(group) == 1 for group in system.groups) and np.nan_to_num(system.charges).any():
        values = np.empty(len(system.species))
        values[np.concatenate(system.groups)] = system.charges
        return ConstantCharges(values, "whole charges of ions of one atom"), ""
    return None, f"{reason}; {REMEDY}"
