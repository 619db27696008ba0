"""A file that frames are appended to, one by one: whole after a kill, and of one process alone."""

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ase.io
from ase import Atoms
from filelock import FileLock, Timeout

from physrep.errors import UserError
from physrep.output import append_to_file


def append_frame(output: Path, atoms: Atoms) -> None:
    """One frame, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    text = io.StringIO()
    ase.io.write(text, atoms, format="extxyz")
    contents = text.getvalue().encode()
    append_to_file(output, gzip.compress(contents) if output.suffix == ".gz" else contents)


@contextmanager
def alone(output: Path, verb: str) -> Iterator[None]:
    """Refuse a second process of the same verb that would write the same frames to the same file.

    Raises:
        UserError: there is one.
    """
    lock = output.with_name(f"{output.name}.lock")
    try:
        with FileLock(lock, blocking=False):
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
    except Timeout:
        raise UserError(
            f"another 'physrep {verb}' writes to {output}; wait for it, or give another -o"
        ) from None


def cut_unfinished(output: Path, mark: str) -> bool:
    """Cut off a last frame that a killed process left unfinished; returns whether there was one.

    Only of a file that `append_frame` wrote: any other is left as it is, for its reader to refuse.

    Args:
        mark: a word that the comment line of every frame of this verb has.
    """
    with open(output, "rb") as file:
        frames = _compressed(file) if output.suffix == ".gz" else _plain(file)
        whole, ours = _extent(frames, mark)
    unfinished = ours and whole < output.stat().st_size
    if unfinished:
        os.truncate(output, whole)
    return unfinished


def _extent(frames: Iterable[tuple[bytes, int]], mark: str) -> tuple[int, bool]:
    """Where the last whole frame ends, and whether all have the mark."""
    whole, ours = 0, True
    for comment, end in frames:
        whole, ours = end, ours and f"{mark}=".encode() in comment
    return whole, ours and whole > 0


def _plain(file: io.BufferedReader) -> Iterator[tuple[bytes, int]]:
    """Comment line and end of each whole frame, in bytes."""
    while (header := file.readline()).strip().isdigit():
        lines = [file.readline() for _ in range(1 + int(header))]
        if not lines[-1].endswith(b"\n"):
            return
        yield lines[0], file.tell()


def _compressed(file: io.BufferedReader) -> Iterator[tuple[bytes, int]]:
    """The same of a file of which each frame was compressed by itself."""
    contents, end = file.read(), 0
    with suppress(zlib.error):  # what follows is no gzip
        while end < len(contents):
            unpacker = zlib.decompressobj(wbits=31)
            text = unpacker.decompress(contents[end:])
            if not unpacker.eof:
                return
            end = len(contents) - len(unpacker.unused_data)
            yield text, end
