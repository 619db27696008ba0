"""Label the frames of a file by a method, several at a time, resumable."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ase import Atoms

from physrep.io import DataError
from physrep.progress import progress, say
from physrep_training.labels.electrons import Electrons, charge_lines, electrons_of_all
from physrep_training.labels.frame_file import alone, append_frame
from physrep_training.labels.label_output import INDEX, labelled_before
from physrep_training.labels.label_processes import Task, outcomes
from physrep_training.labels.labelled import earlier_labels
from physrep_training.labels.level import LabelMethod
from physrep_training.labels.read_frames import read_frames

SHOWN = 20  # frames without labels, named at the end


def label_frames(
    frames_file: str | Path,
    output: Path,
    method: LabelMethod,
    charge: int | None = None,
    spin: int | None = None,
    workers: int = 1,
) -> str:
    """Append to ``output`` (extxyz) every frame that it lacks, with its labels (`labelled`).

    A frame carries its number in ``frames_file`` as ``label_index``. Frames that have no labels by
    this method, as where the self-consistent cycle does not converge or ions lose charge that they
    should keep, are skipped and reported. This process alone writes, a frame at a time.

    Args:
        charge, spin: of frames that state none (`electrons_of`); by default neutral, lowest spin.
        workers: processes that compute.

    Returns:
        a line that sums up.

    Raises:
        DataError: a frame's charge or spin contradicts itself or what is given, or the method
            cannot compute it; the output holds other frames, or others' labels
            (`labelled_before`). UserError: another process writes to the output, or a worker was
            killed. OutputError: the disk is full. Frames labelled before are kept.
    """
    frames = read_frames(frames_file)
    electrons = electrons_of_all(frames, Path(frames_file), charge, spin)
    _check(frames, electrons, method, Path(frames_file))
    with alone(output, "label"):
        done = labelled_before(output, electrons, method)
        for line in _first_lines(frames, electrons, frames_file, method):
            say("label", line)
        if done:
            say("label", f"{len(done)} of {len(frames)} frames are labelled already")
        tasks = [
            Task(index, frames[index], electrons[index])
            for index in range(len(frames))
            if index not in done
        ]
        failed = _write_labels(output, method, tasks, workers)
    if not failed:
        return f"label: done, {output}"
    named = ", ".join(map(str, failed[:SHOWN])) + (", ..." if len(failed) > SHOWN else "")
    return f"label: done, {output}; without labels: {len(failed)} of {len(frames)}: {named}"


def _check(
    frames: Sequence[Atoms], electrons: Sequence[Electrons], method: LabelMethod, path: Path
) -> None:
    for index, (atoms, state) in enumerate(zip(frames, electrons, strict=True)):
        try:
            method.check(atoms, state)
        except ValueError as error:
            raise DataError(str(error), path, index) from None


def _first_lines(
    frames: Sequence[Atoms],
    electrons: Sequence[Electrons],
    path: str | Path,
    method: LabelMethod,
) -> list[str]:
    """What a user must know before the work."""
    earlier = dict.fromkeys(name for atoms in frames for name in earlier_labels(atoms))
    lines = [f"{method.name} by {method.program}; settings: {method.settings}"]
    lines += charge_lines(frames, electrons) + method.remarks(frames)
    if earlier:
        lines.append(f"labels of {path} are replaced: {', '.join(earlier)}")
    return lines


def _write_labels(
    output: Path, method: LabelMethod, tasks: Sequence[Task], workers: int
) -> list[int]:
    """Numbers of the frames that have no labels."""
    failed = []
    with closing(outcomes(method, tasks, min(workers, max(len(tasks), 1)))) as results:
        for outcome in progress(results, "label", "frame", len(tasks)):
            if outcome.atoms is None:
                say("label", f"frame {outcome.number} skipped: {outcome.reason}")
                failed.append(outcome.number)
            else:
                outcome.atoms.info[INDEX] = outcome.number
                append_frame(output, outcome.atoms)
    return sorted(failed)
