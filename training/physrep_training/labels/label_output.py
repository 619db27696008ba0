"""The file that labelled frames are appended to: resumed, never mixed, repaired after a kill."""

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms
from filelock import FileLock, Timeout

from physrep.errors import UserError
from physrep.io import DataError
from physrep.output import append_to_file
from physrep.progress import say
from physrep_training.labels.electrons import Electrons
from physrep_training.labels.level import LabelMethod
from physrep_training.labels.read_frames import read_frames
from physrep_training.labels.separate_ions import SEPARATE

INDEX = "label_index"


def append_frame(output: Path, atoms: Atoms, index: int) -> None:
    """One labelled frame, whole or not at all; index: of the frame in its file.

    Raises:
        OutputError: it cannot be written.
    """
    atoms.info[INDEX] = index
    text = io.StringIO()
    ase.io.write(text, atoms, format="extxyz")
    contents = text.getvalue().encode()
    append_to_file(output, gzip.compress(contents) if output.suffix == ".gz" else contents)


@contextmanager
def alone(output: Path) -> Iterator[None]:
    """Refuse a second process that would label the same frames into the same file.

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
            f"another 'physrep label' writes to {output}; wait for it, or give another -o"
        ) from None


def labelled_before(output: Path, electrons: Sequence[Electrons], method: LabelMethod) -> set[int]:
    """Numbers of the frames that the output holds; a last frame that a killed run left unfinished
    is cut off.

    Raises:
        DataError: it holds frames that were not labelled here, of other frames, by another method,
            or with other settings, charge or spin.
    """
    if not output.exists() or not output.stat().st_size:
        return set()
    _cut_unfinished(output)
    done: set[int] = set()
    programs: set[str] = set()
    for number, atoms in enumerate(read_frames(output)):
        index = atoms.info.get(INDEX)
        if index is None:
            raise DataError("holds frames without label_index, not from 'physrep label'", output)
        if index >= len(electrons):
            raise DataError(
                f"label_index is {index}, and there are {len(electrons)} frames to label: it was "
                f"made from another file; give another -o",
                output,
                number,
            )
        _check_method(atoms.info, method, output, number)
        _check_state(atoms.info, electrons[index], output, number)
        programs.add(str(atoms.info.get("method_program", method.program)))
        done.add(int(index))
    for program in sorted(programs - {method.program}):
        say("label", f"frames of {output} were labelled by {program}, and this is {method.program}")
    return done


def _check_method(info: dict[str, Any], method: LabelMethod, output: Path, number: int) -> None:
    """Frames of earlier versions state no settings: they had the defaults."""
    name = str(info.get("method")).removesuffix(SEPARATE)
    settings = info.get("method_settings", method.settings)
    if (name, str(settings)) == (method.name, method.settings):
        return
    found = f"{name} ({settings})" if name == method.name else name
    wanted = f"{method.name} ({method.settings})" if name == method.name else method.name
    raise DataError(
        f"was labelled by {found}, and now this is {wanted}; give another -o", output, number
    )


def _check_state(info: dict[str, Any], wanted: Electrons, output: Path, number: int) -> None:
    """Frames of earlier versions say nothing: they were neutral and of the lowest spin."""
    lowest = 1 + (wanted.n_electrons + wanted.charge) % 2
    found = info.get("charge", 0), info.get("multiplicity", lowest)
    if found != (wanted.charge, wanted.multiplicity):
        raise DataError(
            f"was labelled with charge {found[0]:+d} and multiplicity {found[1]}, and now these "
            f"are {wanted.charge:+d} and {wanted.multiplicity}; give another -o",
            output,
            number,
        )


def _cut_unfinished(output: Path) -> None:
    """Of a file that `append_frame` wrote; any other is left as it is, for its reader to refuse."""
    with open(output, "rb") as file:
        frames = _compressed(file) if output.suffix == ".gz" else _plain(file)
        whole, ours = _extent(frames)
    if ours and whole < output.stat().st_size:
        os.truncate(output, whole)
        say("label", f"{output}: the last frame was not finished and is labelled again")


def _extent(frames: Iterable[tuple[bytes, int]]) -> tuple[int, bool]:
    """Where the last whole frame ends, and whether all are of `append_frame`."""
    whole, ours = 0, True
    for comment, end in frames:
        whole, ours = end, ours and f"{INDEX}=".encode() in comment
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
