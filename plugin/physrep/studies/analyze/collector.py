"""The collector: one frame after the other, from a file or from a running simulation."""

from dataclasses import dataclass

import numpy as np

from physrep.analysis.chemistry.events import EventTracker, Reactions
from physrep.analysis.chemistry.species_names import SpeciesBook
from physrep.covalent import is_metal
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.charge_answers import charge_results
from physrep.studies.analyze.charge_sources import ChargeSource
from physrep.studies.analyze.charge_stream import ChargeResults, ChargeSums
from physrep.studies.analyze.given import system_notes
from physrep.studies.analyze.lags import UNEVEN
from physrep.studies.analyze.lifetime_stream import LifetimeResults, LifetimeSums
from physrep.studies.analyze.motion_stream import (
    MotionResults,
    MotionSums,
    given_temperature,
)
from physrep.studies.analyze.settings import Settings
from physrep.studies.analyze.stream import Answer, Stream
from physrep.studies.analyze.structure_stream import StructureResults, StructureSums
from physrep.studies.analyze.system import System, read_system

NO_TIMES = "the frames have no times; give the time between frames (--timestep, fs)"
SINGLE_PRECISION = 1e-7  # of a time: XTC stores no more


@dataclass(frozen=True, eq=False)
class Results:
    """All results of one trajectory.

    system: of the first frame; n_frames: observed; start, end: ps, None without times; interval:
    ps between frames. motion and lifetimes are None, and motion_gap says why, where times are
    missing. notes: on the trajectory as a whole.
    """

    system: System
    settings: Settings
    n_frames: int
    start: float | None
    end: float | None
    interval: float | None
    structure: StructureResults
    motion: MotionResults | None
    motion_gap: str
    lifetimes: LifetimeResults | None
    charges: ChargeResults
    reactions: Answer[Reactions]
    notes: list[str]


class TrajectoryAnalysis:
    """``observe`` every frame, ``finish`` at the end. Memory does not grow with the frames, but
    for 72 bytes each for the cell and what reactions there are.
    """

    def __init__(
        self,
        numbers: np.ndarray,
        n_frames: int,
        interval: float | None = None,
        settings: Settings | None = None,
        charges: ChargeSource | None = None,
    ) -> None:
        """Args: numbers: (n_atoms,) atomic numbers; n_frames: that will come, at most; interval:
        ps between frames, None where it is not known: then no motion; charges: of atoms, in place
        of those of the frames.

        Raises:
            ValueError: n_frames below 1, interval not positive, a charge of the settings for what
                is no formula and no name.
        """
        if n_frames < 1 or not (interval is None or 0.0 < interval < float("inf")):
            raise ValueError(
                f"{n_frames} frames, {interval} ps between them: need at least one frame and a "
                "positive time, or None"
            )
        self.numbers, self.expected, self.interval = np.asarray(numbers), n_frames, interval
        self.settings = settings or Settings()
        metallic = bool(is_metal(self.numbers).all())
        self.book = SpeciesBook(self.settings.charges, metallic)
        self.events = Stream(lambda: EventTracker(self.numbers, self.settings.tau, self.book))
        self.n_frames, self._given = 0, charges
        self.start: float | None = None
        self.end: float | None = None
        self.notes: list[str] = []

    def observe(self, frame: Frame) -> None:
        """Look at one frame.

        Raises:
            ValueError: another number of atoms than numbers, or positions that are not finite.
        """
        if len(frame.positions) != len(self.numbers):
            raise ValueError(
                f"frame {frame.index} has {len(frame.positions)} atoms, expected "
                f"{len(self.numbers)}: the number of atoms must not change"
            )
        if not self.n_frames:
            self._begin(frame)
        where = f"frame {frame.index} of the trajectory"
        if frame.time is None:
            self.events.stop(NO_TIMES)
        else:
            where += f" ({frame.time:g} ps)"
            place = frame.time, frame.positions, frame.cell, frame.pbc
            self.events.feed(lambda tracker: tracker.observe(*place), where)
        looked_at = self.n_frames % self.settings.every == 0
        if looked_at:
            self.structure.add(frame, where)
        if self.motion is not None and self._on_time(frame, where):
            self.motion.add(frame, where)
            if looked_at and self.lifetimes is not None:
                found = self.structure.centres_found, self.structure.bonds_found
                self.lifetimes.add(frame, *found, where)
        self.charges.add(frame, where)
        self.end = frame.time
        self.n_frames += 1

    def finish(self) -> Results:
        """All answers and gaps.

        Raises:
            ValueError: no frame was observed.
        """
        if not self.n_frames:
            raise ValueError("0 frames observed: nothing to analyse; give at least one")
        structure = self.structure.result()
        motion = self.motion.result(structure.volume) if self.motion else None
        temperature = motion.temperature if motion else given_temperature(self.settings)
        found = motion.lines if motion else {}, structure.volume, temperature
        return Results(
            self.system,
            self.settings,
            self.n_frames,
            self.start,
            self.end,
            self.interval,
            structure,
            motion,
            "" if self.motion else self._motion_gap,
            self.lifetimes.result() if self.lifetimes else None,
            charge_results(self.charges, *found, self.settings.quantum_correction),
            self.events.answer(lambda tracker: tracker.result()),
            list(self.notes),
        )

    def _begin(self, frame: Frame) -> None:
        given = self.settings.molecules
        self.system = read_system(self.numbers, frame, self.book, given)
        self.notes += system_notes(self.system, self.settings.charges)
        used = -(-self.expected // self.settings.every)
        self.structure = StructureSums(self.system, frame, self.settings, used)
        self.start, self.motion, self._late = frame.time, None, False
        self.lifetimes = self._lifetimes()
        self._motion_gap = "one frame alone does not move" if self.expected < 2 else NO_TIMES
        if self.interval is not None:
            self.motion = MotionSums(
                self.system, frame, self.expected, self.interval, self.settings
            )
        gap = "" if self.motion else self._motion_gap
        place = self.system, frame, self.expected
        self.charges = ChargeSums(*place, self._given, self.motion, gap)

    def _lifetimes(self) -> LifetimeSums | None:
        if self.interval is None:
            return None
        every = self.settings.every
        frames, possible = self.expected // every, self.structure.possible_hydrogen_bonds
        return LifetimeSums(self.system, frames, self.interval * every, possible)

    def _on_time(self, frame: Frame, where: str) -> bool:
        """Whether the frames have been evenly spaced so far; displacements need that."""
        if self._late or frame.time is None or self.start is None:
            return not self._late
        assert self.interval is not None
        assert self.motion is not None
        due = self.start + self.n_frames * self.interval
        allowed = UNEVEN * self.interval + SINGLE_PRECISION * abs(due)
        if abs(frame.time - due) > allowed:
            self._late = True
            reason = (
                f"{where} should be at {due:g} ps, as frames every {self.interval:g} ps are: "
                "frames must be evenly spaced for this; choose a part of the trajectory that is, "
                "or give the time between frames"
            )
            self.motion.stop(reason)
            self.charges.stop_motion(reason)
            if self.lifetimes is not None:
                self.lifetimes.stop(reason)
        return not self._late
