"""Stage label: the chosen frames with their labels, one by one, none lost or computed twice."""

import multiprocessing
import os
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from physrep.errors import UserError
from physrep_training.active.active_config import LabelConfig
from physrep_training.active.active_layout import Work
from physrep_training.labels.label_frames import label_frames
from physrep_training.labels.label_processes import end_with_parent
from physrep_training.labels.methods import method_of


def label_chosen(work: Work) -> None:
    """Label what the round has chosen, if anything.

    Raises:
        UserError: as `label_frames`.
    """
    if work.chosen.exists():
        label(work.chosen, work.labelled, work.config.label)


def label(frames: Path, output: Path, settings: LabelConfig) -> None:
    """Append labels until all frames have theirs, or are known to have none.

    Several workers are started by a new process: this one has computed, and forks of it would hang
    in threads that they do not have.

    Raises:
        UserError: as `label_frames`.
    """
    if settings.workers == 1:
        _label(frames, output, settings)
        return
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_label_alone, args=(frames, output, settings, theirs))
    process.start()
    theirs.close()
    process.join()
    problem = ours.recv() if ours.poll() else "it was killed"
    if problem:
        raise UserError(f"the process that labels {frames} has stopped: {problem}")


def _label(frames: Path, output: Path, settings: LabelConfig) -> None:
    method = method_of(settings.method, settings.words)
    label_frames(frames, output, method, workers=settings.workers)


def _label_alone(frames: Path, output: Path, settings: LabelConfig, answer: Connection) -> None:
    """In a process of its own, which ends with the one that started it."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        _label(frames, output, settings)
    except (UserError, OSError, ImportError) as error:
        answer.send(str(error))
    else:
        answer.send("")
