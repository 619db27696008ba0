"""``physrep analyze``: a trajectory file in, analysis.json and report.html out."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from physrep.config import ConfigError
from physrep.figures.page import html_page
from physrep.io import DataError
from physrep.io.trajectories.frames import Trajectory, TrajectoryWarning, open_trajectory
from physrep.output import make_folder, write_file
from physrep.progress import progress
from physrep.studies.analyze.chapter import counted
from physrep.studies.analyze.chapters import chapters, summary
from physrep.studies.analyze.charge_sources import ChargeSource
from physrep.studies.analyze.collector import Results, TrajectoryAnalysis
from physrep.studies.analyze.record import as_dict
from physrep.studies.analyze.settings import Settings


def analyze(
    path: str | Path,
    topology: str | Path | None = None,
    settings: Settings | None = None,
    start: int = 0,
    stop: int | None = None,
    stride: int = 1,
    timestep: float | None = None,
    units: str | None = None,
    elements: Mapping[int, str] | None = None,
    charges: Callable[[np.ndarray], ChargeSource] | None = None,
) -> Results:
    """One pass over a file, a progress bar on stderr.

    Args: as :func:`physrep.io.trajectories.frames.open_trajectory`; timestep: fs between frames
        in the file, replaces times in the file; charges: of the atoms with these atomic numbers,
        in place of those in the file.

    Raises:
        ConfigError: an argument that makes no sense. DataError: the file is not what it should be.
        FileNotFoundError: there is no such file.
    """
    dt = None if timestep is None else 1e-3 * timestep
    try:
        trajectory = open_trajectory(path, topology, stride, start, stop, dt, units, elements)
    except DataError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TrajectoryWarning)
        n_frames = trajectory.count()
        interval = interval_of(trajectory)
        # Known from the first frame on; a trajectory without frames is refused.
        numbers = np.zeros(0, dtype=int) if trajectory.species is None else trajectory.species
        given = None if charges is None else charges(numbers)
        analysis = _collector(numbers, n_frames, interval, settings, given)
        for frame in progress(trajectory, "analyze", "frame", n_frames):
            analysis.observe(frame)
    ours = [one for one in caught if issubclass(one.category, TrajectoryWarning)]
    for one in (one for one in caught if one not in ours):
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    analysis.notes[:0] = dict.fromkeys(str(one.message) for one in ours)
    return analysis.finish()


def _collector(numbers: np.ndarray, *others: Any) -> TrajectoryAnalysis:
    try:
        return TrajectoryAnalysis(numbers, *others)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def interval_of(trajectory: Trajectory) -> float | None:
    """ps between the first two frames that an iteration gives; None where there are no times.

    Raises:
        DataError: the second is not later than the first.
    """
    frames = list(islice(trajectory, 2))
    times = [frame.time for frame in frames]
    if len(times) < 2 or times[0] is None or times[1] is None:
        return None
    interval = times[1] - times[0]
    if not interval > 0.0:
        raise DataError(
            f"is at {times[1]:g} ps, the frame before at {times[0]:g} ps: times must rise; "
            "cut the trajectory (start, stop), or give the time between frames (--timestep, fs)",
            trajectory.path,
            frames[1].index,
        )
    return interval


def write_analysis(
    results: Results, directory: Path, title: str, command: Sequence[str] = ()
) -> None:
    """analysis.json and report.html; the folder is made. command: argument list behind them."""
    make_folder(directory)
    write_file(directory / "analysis.json", json.dumps(as_dict(results)) + "\n")
    sections = [chapter.section() for chapter in chapters({title: results})]
    page = html_page(f"Analysis of {title}", sections, command)
    write_file(directory / "report.html", page)


def lines(results: Results) -> str:
    """For a terminal: what there is, and what happened."""
    counts = results.system.counts
    said = [summary(results), ", ".join(f"{n} {label}" for label, n in counts.items())]
    said += [f"note: {note}" for note in results.notes]
    if results.charges.source:
        said.append(f"charges of atoms: {results.charges.source}")
    reactions = results.reactions
    if reactions.value is not None:
        said.append(counted(len(reactions.value.events), "event"))
    said += [f"{name}: not measured: {reason}" for name, reason in as_dict(results)["gaps"].items()]
    return "\n".join(said)
