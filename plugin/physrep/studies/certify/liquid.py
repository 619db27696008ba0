"""Structure and motion of the survival runs, measured as ``physrep analyze`` measures files."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms

from physrep.io import Structure
from physrep.io.trajectories.frames import Frame
from physrep.studies.analyze.collector import Results, TrajectoryAnalysis
from physrep.studies.analyze.settings import Settings
from physrep.studies.certify.survival import EVERY, TIMESTEP, Run
from physrep.studies.certify.task import Task

INTERVAL = 1e-3 * TIMESTEP * EVERY  # ps
FEWEST = 10  # frames
SAME_VOLUME, SAME_TEMPERATURE = 0.02, 0.1  # relative


class Liquid(NamedTuple):
    """Structure and motion at one temperature, and of the data like it.

    temperature: K; measured: the longest sound run, or None with the reason in ``gap``; data: the
    frames of the data at the same conditions, or None with the reason in ``data_gap``.
    """

    temperature: float
    measured: Results | None
    gap: str
    data: Results | None
    data_gap: str

    @property
    def name(self) -> str:
        """As in legends."""
        return f"{self.temperature:g} K"


def liquids(task: Task, runs: Sequence[Run]) -> list[Liquid]:
    """One for each temperature of the survival runs."""
    found = []
    for temperature in task.level.temperatures:
        task.progress(f"structure: {temperature:g} K")
        found.append(_liquid(task, runs, temperature))
    return found


def _liquid(task: Task, runs: Sequence[Run], temperature: float) -> Liquid:
    run, gap = longest_sound_run(runs, temperature, task.level.equilibration)
    if run is None:
        return Liquid(temperature, None, gap, None, gap)
    measured = measured_run(run, task.atoms, task.level.equilibration)
    frames, data_gap = frames_like(task.data, task.atoms, temperature)
    if not frames:
        return Liquid(temperature, measured, "", None, data_gap)
    radial = measured.structure.elements.value
    r_max = None if radial is None else float(radial.edges[-1])
    return Liquid(temperature, measured, "", measured_data(frames, temperature, r_max), "")


def longest_sound_run(
    runs: Sequence[Run], temperature: float, equilibration: float
) -> tuple[Run | None, str]:
    """The longest run at a temperature (K) in which nothing failed; None with the reason, where
    there is none or too little of it is left after the equilibration (ps).
    """
    at_temperature = [run for run in runs if run.temperature == temperature]
    sound = [run for run in at_temperature if run.stability.sound]
    if not sound:
        longest = max((run.stability.time for run in at_temperature), default=0.0)
        return None, f"no run at {temperature:g} K was sound; the longest ended at {longest:.2f} ps"
    run = max(sound, key=lambda one: one.stability.time)
    if sum(sample.time > equilibration for sample in run.samples) < FEWEST:
        return None, f"fewer than {FEWEST} frames after {equilibration:g} ps of equilibration"
    return run, ""


def measured_run(run: Run, atoms: Atoms, equilibration: float) -> Results:
    """A run without its equilibration (ps), in the fixed cell of ``atoms``."""
    kept = [sample for sample in run.samples if sample.time > equilibration]
    settings = Settings(temperature=run.temperature)
    analysis = TrajectoryAnalysis(atoms.numbers, len(kept), INTERVAL, settings)
    cell = np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)
    for k, one in enumerate(kept):
        place = one.positions, cell, atoms.pbc, one.time, one.velocities
        analysis.observe(Frame(*place, wrapped=False, index=k))
    return analysis.finish()


def frames_like(
    data: Sequence[Structure], atoms: Atoms, temperature: float
) -> tuple[list[Structure], str]:
    """Frames of the data that a liquid at this temperature (K) may be compared with, in one order
    of atoms; none, with the reason, where there are too few.

    They are periodic, of the same composition, of the same volume within 2 %, and, where the data
    tells temperatures (``info["temperature"]``, K), of the same one within 10 %.
    """
    if not data:
        return [], "no data to compare with: give --reference"
    if not atoms.pbc.all():
        return [], "the structure is not periodic in three directions: it is no liquid"
    composition, volume = np.sort(atoms.numbers), atoms.get_volume()
    alike = [one for one in data if one.pbc.all() and _same(one, composition, volume)]
    known = [one for one in alike if "temperature" in one.info]
    near = [
        one
        for one in known
        if abs(float(one.info["temperature"]) - temperature) <= SAME_TEMPERATURE * temperature
    ]
    kept = near if known else alike
    kept = [one for one in kept if np.array_equal(one.species, kept[0].species)]
    if len(kept) < FEWEST:
        return [], (
            f"{len(kept)} periodic frames of the data have this composition, volume (within 2 %) "
            f"and temperature (within 10 % of {temperature:g} K); {FEWEST} are needed"
        )
    return kept, ""


def _same(one: Structure, composition: np.ndarray, volume: float) -> bool:
    if not np.array_equal(np.sort(one.species), composition):
        return False
    return abs(abs(np.linalg.det(one.cell)) / volume - 1.0) <= SAME_VOLUME


def measured_data(frames: list[Structure], temperature: float, r_max: float | None) -> Results:
    """Frames of the data, the times of which are not known; r_max: A, of the run's g(r)."""
    settings = Settings(temperature=temperature, r_max=r_max)
    analysis = TrajectoryAnalysis(frames[0].species, len(frames), None, settings)
    for k, one in enumerate(frames):
        analysis.observe(Frame(one.positions, one.cell, one.pbc, None, None, True, k))
    return analysis.finish()
