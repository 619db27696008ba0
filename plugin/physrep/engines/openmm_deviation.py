"""A reporter of the disagreement of a committee's members in an OpenMM run."""

import logging
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.metadata import ExportError, read_metadata
from physrep.engines.openmm_frames import Frame, atoms_of, frame_of, next_frame, write_frame
from physrep.engines.openmm_guard import GuardStop
from physrep.output import make_folder
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

logger = logging.getLogger(__name__)

FORCE_UNIT = EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM  # kJ/mol/nm in an eV/A
HEADER = "# step, force deviation of the atoms (kJ/mol/nm): max mean min, energy deviation (kJ/mol)"


class DeviationReporter:
    """An OpenMM reporter: by how much the members of a committee disagree, every so many steps.

        simulation.reporters.append(DeviationReporter("deviation.txt", "committee.pt", 100))

    The file has one line a report: step; largest, mean and smallest force deviation of the atoms;
    energy deviation; see :class:`physrep.deviation.Deviation`. Each report evaluates the members
    once more, so that a report every 10 steps costs a tenth of the run.
    """

    def __init__(
        self,
        output: str | Path,
        path: str | Path,
        interval: int,
        warn: float | None = None,
        stop: float | None = None,
        atoms: Iterable[int] | None = None,
        device: str | None = None,
        total_charge: float | None = None,
    ) -> None:
        """output: the file to write; path: of the exported committee; interval: in steps.

        Args:
            warn, stop: largest force deviation in kJ/mol/nm above which a report is a warning in
                the log, or ends the run; None for no limit.
            atoms, device, total_charge: as those of ``add_potential``.

        Raises:
            ExportError: not an exported file, or one of a single potential; a limit or an interval
                that is not above 0.
            OutputError: the file cannot be written.
        """
        metadata = read_metadata(path)
        if metadata.n_members < 2:
            raise ExportError(
                f"{path}: holds one potential, and a deviation is between the members of a "
                "committee; make one with 'physrep committee A.ckpt B.ckpt -o committee.ckpt' and "
                "export it"
            )
        for name, value in (("interval", interval), ("warn", warn), ("stop", stop)):
            if value is not None and not value > 0:
                raise ExportError(f"{name} = {value:g}: must be above 0")
        charge = metadata.total_charge if total_charge is None else total_charge
        self.calculator = PhysRepCalculator(path, device, check_contacts=False, total_charge=charge)
        self.interval, self.warn, self.stop = interval, warn, stop
        self.served = None if atoms is None else [int(k) for k in atoms]
        self.output = Path(output)
        make_folder(self.output.parent)
        self._file = self.output.open("w", encoding="utf-8")
        print(HEADER, file=self._file, flush=True)

    def describeNextReport(self, simulation: Any) -> dict[str, Any]:  # noqa: N802 (of OpenMM)
        """When the next report is and what it needs."""
        return next_frame(simulation, self.interval)

    def report(self, simulation: Any, state: Any) -> None:
        """Write a line; warn or stop where the largest force deviation is above its limit.

        Raises:
            GuardStop: it is above ``stop``; the frame is next to the output, as extxyz.
        """
        frame = frame_of(simulation, state)
        served = list(range(len(frame.symbols))) if self.served is None else self.served
        atoms = atoms_of(frame)[served]
        self.calculator.calculate(atoms)
        found = self.calculator.results
        forces = FORCE_UNIT * found["forces_deviation"]
        energy = EV_IN_KJ_PER_MOL * found["energy_deviation"]
        numbers = (forces.max(), forces.mean(), forces.min(), energy)
        line = " ".join(f"{number:.8g}" for number in numbers)
        print(frame.step, line, file=self._file, flush=True)
        self._judge(frame, forces, served)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __del__(self) -> None:
        if file := getattr(self, "_file", None):
            file.close()

    def _judge(self, frame: Frame, forces: np.ndarray, served: list[int]) -> None:
        worst = int(np.argmax(forces))
        k, value = served[worst], float(forces[worst])
        text = (
            f"the force deviation of atom {k} ({frame.symbols[k]}, counted from 0) is {value:.4g} "
            "kJ/mol/nm"
        )
        if self.stop is not None and not value <= self.stop:
            where = write_frame(frame, f"{self.output}-stop.extxyz", "this")
            raise GuardStop(
                f"run stopped at step {frame.step} ({frame.time:.4g} ps): {text} (limit "
                f"{self.stop:.4g}): the members of the committee do not know this surrounding; "
                f"{where}"
            )
        if self.warn is not None and not value <= self.warn:
            logger.warning("step %d: %s (warn above %.4g)", frame.step, text, self.warn)
