"""Stage choose: of the candidates of all runs a few that differ from each other and from the data.

Candidates of one run that follow one another are nearly one frame: of each stretch of time only the
one with the largest deviation stays. Of these, the farthest points are taken.
"""

import json
from collections.abc import Sequence

import ase.io
import numpy as np
from ase import Atoms

from physrep.io import Structure, iter_structures
from physrep.output import replacing, write_file
from physrep.progress import say
from physrep_training.active.active_layout import Work
from physrep_training.active.explore import runs_of
from physrep_training.active.explored_run import ExploredRun
from physrep_training.dataset.environments_of import as_rows, distances_of, frame_features
from physrep_training.dataset.select_frames import farthest_points, scaled


def choose(work: Work) -> None:
    """Write the frames to be labelled, if there are any, and how they were chosen."""
    runs, settings = runs_of(work), work.config.choose
    apart = [decorrelated(run, settings.apart_fs) for run in runs]
    frames = [
        _named(run.frame(k), run, work.round_number)
        for run, chosen in zip(runs, apart, strict=True)
        for k in chosen
    ]
    kept = frames
    if len(frames) > settings.most:
        kept = [frames[k] for k in _farthest(frames, work, settings.most)]
    numbers = {
        "candidates": sum(len(run.candidates) for run in runs),
        "decorrelated": len(frames),
        "chosen": len(kept),
    }
    if kept:
        with replacing(work.chosen) as partial:
            ase.io.write(partial, kept, format="extxyz")
    write_file(work.choice, json.dumps(numbers) + "\n")
    say("active", ", ".join(f"{n} {name}" for name, n in numbers.items()))


def decorrelated(run: ExploredRun, apart_fs: float) -> list[int]:
    """Candidates of which no two are nearer than ``apart_fs``: the one with the largest deviation,
    then the next one that is far enough from all before.
    """
    times = [1000.0 * run.looks[k].time for k, _ in run.candidates]
    largest = [run.looks[k].largest for k, _ in run.candidates]
    kept: list[int] = []
    for k in np.argsort(-np.array(largest), kind="stable").tolist():
        if all(abs(times[k] - times[j]) >= apart_fs - 1e-6 for j in kept):
            kept.append(k)
    return sorted(kept)


def _named(atoms: Atoms, run: ExploredRun, round_number: int) -> Atoms:
    """With its trajectory, so that splits and merges keep it together."""
    name = run.condition.file_name.removesuffix(".npz")
    atoms.info.update(kind="active", trajectory=f"round{round_number}_{name}")
    return atoms


def _farthest(frames: Sequence[Atoms], work: Work, n: int) -> list[int]:
    offered = [_features(_structure(atoms)) for atoms in frames]
    have = [
        _features(one)
        for file in work.data_files
        for one in iter_structures(file, unread="ignore")
        if len(one) > 1 and not one.is_isolated_atom
    ]
    rows = scaled(as_rows([*offered, *have]))
    return sorted(farthest_points(rows[: len(offered)], n, rows[len(offered) :]).order.tolist())


def _structure(atoms: Atoms) -> Structure:
    return Structure(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc)


def _features(structure: Structure) -> dict[tuple[int, int], np.ndarray]:
    return frame_features(structure, distances_of(structure))
