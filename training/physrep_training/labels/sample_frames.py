"""Frames of MD, to be labelled: runs at several temperatures, densities and seeds, resumable."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms

from physrep.errors import UserError
from physrep.io import DataError
from physrep.io.structures.total_charge import keep_state
from physrep.progress import progress, say
from physrep_training.labels.frame_file import alone
from physrep_training.labels.perturbed import at_density
from physrep_training.labels.read_frames import read_frames
from physrep_training.sampling.md_settings import TIME_STEP, TOO_CLOSE, MDSettings, Run
from physrep_training.sampling.potentials import MovingPotential, moving_potential
from physrep_training.sampling.sample_state import SampleState, open_state
from physrep_training.sampling.sampled_run import WHOLE, SampledRun


class Start(NamedTuple):
    """A run with the frame that it begins with."""

    run: Run
    atoms: Atoms


class Sampled(NamedTuple):
    """n_frames: in the output; stopped: of each run that did not reach its end, why."""

    n_frames: int
    stopped: dict[str, str]


def sample_frames(frames: str | Path, given: str, output: Path, settings: MDSettings) -> Sampled:
    """Run MD and append its frames to ``output``, each as soon as it is there.

    Every run begins with a frame drawn from ``frames`` by its seed. A run ends early where atoms
    come closer than TOO_CLOSE, the atoms are far too hot or the potential fails; the others go on.
    After a kill the same call goes on where it was.

    Args:
        given: the potential, see `moving_potential`; it gets the charge and the spin that the frame
            states, and the written frames carry them.

    Raises:
        UserError: no such potential, frames that do not go with the settings, an output of another
            call. DataError: a frame contradicts itself. OutputError: the disk is full.
    """
    found = read_frames(frames)
    starts = [_start(found, run, Path(frames)) for run in settings.runs()]
    potential = moving_potential(given, [start.atoms for start in starts])
    how = f" ({potential.why})" if potential.why else ""
    limit = f"a run stops where atoms are nearer than {TOO_CLOSE:g} A"
    say("sample", f"MD with {potential.name}{how}; {limit}")
    with alone(output, "sample"):
        said = _words(frames, found, potential, settings)
        state = open_state(output, said, [start.run.name for start in starts])
        _run_all(starts, potential, settings, state, output)
    stopped = {n: one.ended for n, one in state.runs.items() if one.ended != WHOLE}
    return Sampled(sum(one.frames for one in state.runs.values()), stopped)


def _words(
    frames: str | Path, found: Sequence[Atoms], potential: MovingPotential, settings: MDSettings
) -> dict[str, str]:
    """What must not change between a call and the one that goes on with it, by option."""
    contents = sha256()
    for atoms in found:
        for array in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc):
            contents.update(np.ascontiguousarray(array).tobytes())
    every = "when independent" if settings.every_fs is None else f"{settings.every_fs:g}"
    pressure = "none" if settings.pressure is None else f"{settings.pressure:g}"
    return {
        "START": f"{Path(frames).name} ({len(found)} frames, {contents.hexdigest()[:8]})",
        "--with": f"{potential.name} ({potential.identity[:16]})",
        "--temperature": _listed(settings.temperatures),
        "--density": _listed(settings.densities) or "that of the frames",
        "--pressure": pressure,
        "--ps": f"{settings.ps:g}",
        "--every-fs": every,
        "--seed": str(settings.seed),
        "--seeds": str(settings.n_seeds),
    }


def _listed(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)


def _start(frames: Sequence[Atoms], run: Run, path: Path) -> Start:
    """The frame that the seed draws, at the density of the run.

    Raises:
        UserError: a density or a pressure, and a frame that is not periodic.
        DataError: its charges contradict each other.
    """
    index = int(np.random.default_rng(run.seed).integers(len(frames)))
    frame = frames[index]
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
    try:
        keep_state(frame, atoms)
    except ValueError as error:
        raise DataError(str(error), path, index) from None
    for option, value in (("--density", run.density), ("--pressure", run.pressure)):
        if value is not None and not (atoms.pbc.all() and atoms.cell.volume > 0.0):
            raise UserError(
                f"{option} {value:g}: needs frames that are periodic in all directions, and frame "
                f"{index} of {path} is not; leave {option} out"
            )
    if run.density is not None:
        atoms = at_density(atoms, run.density)
    return Start(run, atoms)


def _run_all(
    starts: Sequence[Start],
    potential: MovingPotential,
    settings: MDSettings,
    state: SampleState,
    output: Path,
) -> None:
    left = [start for start in starts if not state.runs[start.run.name].ended]
    done = state.current["n_steps"] if state.current else 0
    if len(left) < len(starts) or done:
        part = f", and {done * TIME_STEP:g} fs of the next" if done else ""
        say("sample", f"{len(starts) - len(left)} of {len(starts)} runs are done{part}")
    steps = (
        None
        for start in left
        for _ in SampledRun(start.run, state, output, settings).steps(start.atoms, potential)
    )
    for _ in progress(steps, "sample", "step", len(left) * settings.n_steps - done):
        pass
