"""Trajectory files that mdtraj reads, frame by frame, without its messages on stdout."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from physrep.io.structures.raw import Cut, damage_as_data_error
from physrep.io.structures.structure import DataError

T = TypeVar("T")
CHUNK = 64  # frames read at a time


def mdtraj_for(path: Path) -> ModuleType:
    """mdtraj, which is not needed for other formats.

    Raises:
        DataError: it is not installed.
    """
    try:
        import mdtraj
    except ImportError as error:
        text = "is read through mdtraj, which is not installed: pip install 'physrep[analysis]'"
        raise DataError(text, path) from error
    return mdtraj


def mdtraj_count(path: Path) -> int:
    """Frames in the file by its header or size."""
    with _quietly(mdtraj_for(path).open, str(path)) as file:
        return _quietly(len, file)


def mdtraj_frames(path: Path) -> Iterator[tuple]:
    """What mdtraj's file gives of each frame, in the file's units; None: not in the file.

    Raises:
        DataError: it cannot be opened. Cut: damaged after the frames already returned.
    """
    mdtraj, given, size = mdtraj_for(path), 0, CHUNK
    while True:
        with damage_as_data_error(path, OSError), _quietly(mdtraj.open, str(path)) as file:
            try:
                for at in count(0, size):
                    chunk = _quietly(file.read, n_frames=size)
                    if len(chunk[0]) == 0:
                        return
                    for k in range(max(0, given - at), len(chunk[0])):
                        given += 1
                        yield tuple(None if part is None else part[k] for part in chunk)
            except (RuntimeError, OSError) as error:
                if size == 1:
                    raise Cut(str(error)) from error
                size = 1  # again, for the frames before the damage


def _quietly(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    with _stdout_shut():
        return function(*arguments, **options)


@contextmanager
def _stdout_shut() -> Iterator[None]:
    """mdtraj's DCD reader prints from C, not through sys.stdout: file descriptor 1 is sent to the
    null device.

    C keeps what is printed in a buffer of its own, which must be written before each change.
    """
    sys.stdout.flush()
    _flush_c()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        _flush_c()
        os.dup2(kept, 1)
        os.close(kept)


def _flush_c() -> None:
    ctypes.CDLL(None).fflush(None)
