"""A reporter that stops an OpenMM run which has left what the potential knows."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from physrep.engines.frame_checks import FrameError, check_contacts, check_finite, contact_limits
from physrep.engines.metadata import read_metadata
from physrep.neighbors import neighbor_list
from physrep.output import make_folder, replacing
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

MAX_FORCE = 50_000.0  # kJ/mol/nm, 52 eV/A; a liquid at 300 K reaches 10 eV/A


class GuardStop(RuntimeError):
    """A run was stopped; the message says at which step, why, and where the frames are."""


class _Frame(NamedTuple):
    """A report in OpenMM's units: nm, kJ/mol; cell (3, 3), zero where there is no box."""

    step: int
    time: float
    positions: np.ndarray
    cell: np.ndarray
    forces: np.ndarray
    energy: float


class PotentialGuard:
    """An OpenMM reporter: stops the run at the first frame that means nothing.

    That is a frame with NaN, a force above a limit, or a contact below half the shortest one of its
    elements in the training data. The last good frame and the bad one are written as extxyz.

        simulation.reporters.append(PotentialGuard("ean.pt"))

    As a context manager around ``simulation.step`` it also writes the last good frame where OpenMM
    itself ends the run between two reports:

        with guard: simulation.step(1000)
    """

    def __init__(
        self,
        path: str | Path,
        interval: int = 10,
        max_force: float = MAX_FORCE,
        atoms: Iterable[int] | None = None,
        output: str | Path = "guard",
    ) -> None:
        """path: of the exported file; interval: steps between two looks; max_force: kJ/mol/nm.

        atoms: indices of the atoms to check, as those of ``add_potential``; None for all.
        output: frames go to OUTPUT-last-good.extxyz and OUTPUT-bad.extxyz.

        Raises:
            ExportError: not an exported file.
        """
        self.shortest = read_metadata(path).shortest_distances
        self.interval = interval
        self.max_force = max_force
        self.atoms = None if atoms is None else np.array([int(k) for k in atoms])
        self.output = str(output)
        self.last_good: _Frame | None = None
        self._symbols: list[str] = []

    def describeNextReport(self, simulation: Any) -> dict[str, Any]:  # noqa: N802 (of OpenMM)
        """When the next look is and what it needs."""
        steps = self.interval - simulation.currentStep % self.interval
        return {"steps": steps, "periodic": False, "include": ["positions", "forces", "energy"]}

    def report(self, simulation: Any, state: Any) -> None:
        """Look at a State.

        Raises:
            GuardStop: it means nothing.
        """
        elements = [atom.element for atom in simulation.topology.atoms()]
        self._symbols = ["X" if one is None else one.symbol for one in elements]
        cell = np.zeros((3, 3))
        if simulation.system.usesPeriodicBoundaryConditions():
            cell = state.getPeriodicBoxVectors(asNumpy=True)._value
        frame = _Frame(
            simulation.currentStep,
            state.getTime()._value,
            np.array(state.getPositions(asNumpy=True)._value),
            np.array(cell),
            np.array(state.getForces(asNumpy=True)._value),
            state.getPotentialEnergy()._value,
        )
        try:
            self._check(frame)
        except FrameError as error:
            raise GuardStop(self._stopped(frame, str(error))) from None
        self.last_good = frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the last good frame where another error than the guard's ends the run."""
        if error is not None and not isinstance(error, GuardStop) and self.last_good is not None:
            error.add_note(self._write(self.last_good, "last-good"))

    def _check(self, frame: _Frame) -> None:
        check_finite(self._symbols, frame.positions)
        if not np.isfinite(frame.energy):
            raise FrameError(f"the potential energy is {frame.energy}")
        served = np.arange(len(self._symbols)) if self.atoms is None else self.atoms
        sizes = np.linalg.norm(frame.forces[served], axis=1)
        if not (sizes <= self.max_force).all():  # NaN too
            k = int(served[np.argmax(np.nan_to_num(sizes, nan=np.inf))])
            raise FrameError(
                f"the force on atom {k} ({self._symbols[k]}, counted from 0) is "
                f"{np.linalg.norm(frame.forces[k]):.4g} kJ/mol/nm (limit {self.max_force:.4g})"
            )
        self._check_contacts(frame, served)

    def _check_contacts(self, frame: _Frame, served: np.ndarray) -> None:
        real = served[[self._symbols[k] != "X" for k in served]]
        symbols = [self._symbols[k] for k in real]
        periodic = bool(frame.cell.any())
        found = neighbor_list(
            torch.from_numpy(frame.positions[real] * NM_IN_ANGSTROM),
            torch.from_numpy(frame.cell * NM_IN_ANGSTROM),
            torch.full((3,), periodic),
            float(contact_limits(sorted(set(symbols)), self.shortest).max()),
        )
        edge_index = torch.from_numpy(real)[found.edge_index]
        check_contacts(self._symbols, edge_index, found.distances, self.shortest)

    def _stopped(self, frame: _Frame, reason: str) -> str:
        """Write both frames; returns the message."""
        where = [self._write(frame, "bad")]
        if self.last_good is not None:
            where.append(self._write(self.last_good, "last-good"))
        return f"run stopped at step {frame.step} ({frame.time:.4g} ps): {reason}; " + ", ".join(
            where
        )

    def _write(self, frame: _Frame, kind: str) -> str:
        atoms = Atoms(
            self._symbols,
            positions=frame.positions * NM_IN_ANGSTROM,
            cell=frame.cell * NM_IN_ANGSTROM,
            pbc=bool(frame.cell.any()),
            info={"step": frame.step, "time": frame.time},
        )
        forces = frame.forces / (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM)
        energy = frame.energy / EV_IN_KJ_PER_MOL
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        path = f"{self.output}-{kind}.extxyz"
        make_folder(Path(path).parent)
        with replacing(path) as partial:
            ase.io.write(partial, atoms, format="extxyz")
        return f"{kind.replace('-', ' ')} frame (step {frame.step}) in {path}"
