"""One run of ``physrep sample``: its steps, its frames, its state on disk."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms, units

from physrep.errors import UserError
from physrep.io.structures.total_charge import keep_state
from physrep.progress import say
from physrep_training.labels.frame_file import append_frame
from physrep_training.sampling.decorrelation import Decorrelation
from physrep_training.sampling.md_settings import TIME_STEP, MDSettings, Run
from physrep_training.sampling.potentials import MovingPotential
from physrep_training.sampling.sample_state import INDEX, SampleState
from physrep_training.sampling.trajectory import Trajectory, relaxed_start

LOOK = 20  # steps between looks at contacts and energy: 10 fs
SECONDS_BETWEEN_SAVES = 30.0
WHOLE = "whole"  # a run that reached its end


class SampledRun:
    """A run, from its begin or from where the state has it."""

    def __init__(self, run: Run, state: SampleState, output: Path, settings: MDSettings) -> None:
        self.run, self.state, self.output, self.settings = run, state, output, settings
        self.record = state.runs[run.name]
        self.saved = time.monotonic()

    def steps(self, start: Atoms, potential: MovingPotential) -> Iterator[None]:
        """Every time step that the run lacks; start: its frame at its density.

        Raises:
            UserError: the potential cannot compute the start. OutputError: the disk is full.
        """
        moving, decorrelation = self._begin(start, potential)
        self._save(moving, decorrelation)
        while moving.n_steps < self.settings.n_steps and not self.record.ended:
            reason = self._failure(moving)
            if reason:
                self.record.ended = f"stopped after {moving.n_steps * TIME_STEP:g} fs: {reason}"
                say("sample", f"{self.run.name} {self.record.ended}")
            else:
                self._keep(moving, decorrelation, potential)
            yield
        self.record.ended = self.record.ended or WHOLE
        self.state.current = None
        self.state.save()

    def _begin(self, start: Atoms, potential: MovingPotential) -> tuple[Trajectory, Decorrelation]:
        atoms = start.copy()
        try:
            atoms.calc = potential.calculator(start)
            before = self.state.current
            if before is not None and before["name"] == self.run.name:
                moving = Trajectory.restore(atoms, self.run, before)
                return moving, Decorrelation(before["energies"], before["n_since"])
            relaxed_start(atoms)
            rng = self.run.generator()
            spread = np.sqrt(atoms.get_masses()[:, None] * units.kB * self.run.temperature)
            atoms.set_momenta(spread * rng.normal(size=(len(atoms), 3)))
            return Trajectory(atoms, self.run, rng), Decorrelation()
        except (RuntimeError, ValueError) as error:
            if isinstance(error, UserError):
                raise
            words = " ".join(str(error).split())
            raise UserError(
                f"{potential.name} cannot compute the start of {self.run.name} "
                f"({start.get_chemical_formula()}): {words}; choose another --with"
            ) from None

    def _failure(self, moving: Trajectory) -> str:
        """Of a step and, every LOOK steps and where a frame is due, of what it led to."""
        try:
            moving.step()
            return moving.failure() if self._is_look(moving) or self._is_due(moving) else ""
        except (RuntimeError, ValueError, UserError) as error:
            return " ".join(str(error).split())

    def _is_look(self, moving: Trajectory) -> bool:
        return moving.n_steps % LOOK == 0

    def _is_due(self, moving: Trajectory) -> bool:
        """By the interval that was given."""
        interval = self.settings.interval
        return interval is not None and moving.n_steps % interval == 0

    def _keep(
        self, moving: Trajectory, decorrelation: Decorrelation, potential: MovingPotential
    ) -> None:
        """Write the frame, if it is one to be written, and the state where it is time for it."""
        due = self._is_due(moving)
        if self.settings.interval is None and self._is_look(moving):
            due = decorrelation.add(float(moving.atoms.get_potential_energy()))
        if due:
            if self.state.written[self.run.name] <= self.record.frames:
                append_frame(self.output, self._frame(moving, potential))
            self.record.frames += 1
        if due or time.monotonic() - self.saved > SECONDS_BETWEEN_SAVES:
            self._save(moving, decorrelation)

    def _frame(self, moving: Trajectory, potential: MovingPotential) -> Atoms:
        atoms = moving.atoms
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        keep_state(atoms, frame)
        frame.info.update(
            {
                "temperature": self.run.temperature,
                "trajectory": self.run.name,
                "time_fs": moving.n_steps * TIME_STEP,
                "sampled_with": potential.name,
                INDEX: self.record.frames,
            }
        )
        if self.run.pressure is not None:
            frame.info["pressure_bar"] = self.run.pressure
        return frame

    def _save(self, moving: Trajectory, decorrelation: Decorrelation) -> None:
        self.state.current = {
            "name": self.run.name,
            "energies": decorrelation.energies,
            "n_since": decorrelation.n_since,
            **moving.state(),
        }
        self.state.save()
        self.saved = time.monotonic()
