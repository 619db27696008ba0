"""A reporter that stops an OpenMM run which has left what the potential knows."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from physrep.engines.frame_checks import FrameError, check_contacts, check_finite, contact_limits
from physrep.engines.metadata import read_metadata
from physrep.engines.openmm_frames import Frame, frame_of, next_frame, write_frame
from physrep.neighbors import neighbor_list
from physrep.units import NM_IN_ANGSTROM

MAX_FORCE = 50_000.0  # kJ/mol/nm, 52 eV/A; a liquid at 300 K reaches 10 eV/A


class GuardStop(RuntimeError):
    """A run was stopped; the message says at which step, why, and where the frames are."""


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
        self.last_good: Frame | None = None
        self._symbols: list[str] = []

    def describeNextReport(self, simulation: Any) -> dict[str, Any]:  # noqa: N802 (of OpenMM)
        """When the next look is and what it needs."""
        return next_frame(simulation, self.interval)

    def report(self, simulation: Any, state: Any) -> None:
        """Look at a State.

        Raises:
            GuardStop: it means nothing.
        """
        frame = frame_of(simulation, state)
        self._symbols = frame.symbols
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

    def _check(self, frame: Frame) -> None:
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

    def _check_contacts(self, frame: Frame, served: np.ndarray) -> None:
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

    def _stopped(self, frame: Frame, reason: str) -> str:
        """Write both frames; returns the message."""
        where = [self._write(frame, "bad")]
        if self.last_good is not None:
            where.append(self._write(self.last_good, "last-good"))
        return f"run stopped at step {frame.step} ({frame.time:.4g} ps): {reason}; " + ", ".join(
            where
        )

    def _write(self, frame: Frame, kind: str) -> str:
        return write_frame(frame, f"{self.output}-{kind}.extxyz", kind.replace("-", " "))
