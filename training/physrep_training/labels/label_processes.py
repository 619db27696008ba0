"""Frames are labelled in this process, or in several at a time, which end with their parent."""

import multiprocessing
import os
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

from ase import Atoms

from physrep.errors import UserError
from physrep_training.labels.electrons import Electrons
from physrep_training.labels.labelled import labelled
from physrep_training.labels.level import LabelMethod


class Task(NamedTuple):
    """number: of the frame in its file."""

    number: int
    atoms: Atoms
    electrons: Electrons


class Outcome(NamedTuple):
    """atoms: with labels, or None where there are none; reason: why."""

    number: int
    atoms: Atoms | None
    reason: str = ""


def outcomes(method: LabelMethod, tasks: Sequence[Task], workers: int) -> Generator[Outcome]:
    """One for each task, as they end.

    Raises:
        UserError: a process was killed, or the method cannot begin.
    """
    if workers == 1:
        yield from (_outcome(method, task) for task in tasks)
        return
    # Forking is safe, as this process has computed nothing: no thread of it holds a lock.
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(method,))
    try:
        for future in as_completed([pool.submit(_in_process, task) for task in tasks]):
            yield future.result()
    except BrokenProcessPool:
        raise UserError(
            f"a process that computed labels was killed (is there memory for --workers "
            f"{workers}?); the frames labelled before are kept: give the command again to go on"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _outcome(method: LabelMethod, task: Task) -> Outcome:
    try:
        return Outcome(task.number, labelled(task.atoms, task.electrons, method))
    except UserError:
        raise
    except (RuntimeError, ValueError, ArithmeticError) as error:
        return Outcome(task.number, None, " ".join(str(error).split()) or type(error).__name__)


_method: list[LabelMethod] = []  # of a process of the pool


def _begin(method: LabelMethod) -> None:
    _method[:] = [method]
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # of the pool, which this process belongs to
    parent.join()
    os._exit(1)


def _in_process(task: Task) -> Outcome:
    return _outcome(_method[0], task)
