"""Files that physrep writes: checked before the work, written whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from physrep.errors import UserError

PARTIAL = ".partial-"  # how the name of a file begins while it is written, in its own folder


class OutputError(UserError):
    """An output that cannot be written; the message names it and says what to do."""


def check_output_file(
    path: str | Path, inputs: Iterable[str | Path | None] = (), option: str = "-o"
) -> None:
    """Refuse, before the work, a file that could not be written after it.

    Args:
        inputs: files that the work reads; none of them may be the output, under whatever name.
        option: what the user calls the output.

    Raises:
        OutputError: an input, a folder, no regular file, or in a folder that is not there or
            cannot be written to.
    """
    path = Path(path)
    called = f"{option} {path}"
    if path.is_dir():
        raise OutputError(f"{called} is a folder; give the name of a file in it")
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise OutputError(f"{called} is not a regular file; give the name of a file")
    _refuse_inputs(path, inputs, called)
    if not path.parent.exists():
        raise OutputError(f"{called}: there is no folder {path.parent}; make it, or give another")
    _check_writable(path.parent, called)


def check_output_folder(
    path: str | Path,
    inputs: Iterable[str | Path | None] = (),
    files: Iterable[str] = (),
    option: str = "-o",
) -> None:
    """Refuse, before the work, a folder that could not be written to after it. It may be absent: it
    is made when there is something to write.

    Args:
        inputs: files that the work reads; files: names that it writes in the folder.
        option: what the user calls the output.

    Raises:
        OutputError: a file is in the way, one of ``files`` is an input or a folder, or the folder
            cannot be written to.
    """
    path = Path(path)
    called = f"{option} {path}"
    present = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not present.is_dir():
        where = called if present == path else f"{called}: {present}"
        raise OutputError(f"{where} is a file; give the name of a folder")
    inputs = list(inputs)
    for name in files:
        if (path / name).is_dir():
            raise OutputError(f"{called}: {path / name} is a folder; give another {option}")
        _refuse_inputs(path / name, inputs, called)
    _check_writable(present, called)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A name of the same ending to write to; what is written there replaces ``path`` at the end.

    Whatever happens on the way, ``path`` holds all of the new file or what it held before, and
    nothing partial stays.

    Raises:
        OutputError: it cannot be written (full disk, limits, rights).
    """
    path = Path(path)
    partial = path.with_name(PARTIAL + path.name)
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise _explained(path, error) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def write_file(path: str | Path, contents: bytes | str) -> None:
    """Write a whole file, text in UTF-8; see :func:`replacing`."""
    data = contents.encode() if isinstance(contents, str) else contents
    with replacing(path) as partial:
        partial.write_bytes(data)


def append_to_file(path: str | Path, contents: bytes | str) -> None:
    """Append, or leave the file as it was.

    Raises:
        OutputError: it cannot be written.
    """
    path = Path(path)
    data = contents.encode() if isinstance(contents, str) else contents
    size = path.stat().st_size if path.exists() else None
    try:
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            if size is None:
                path.unlink(missing_ok=True)
            else:
                os.truncate(path, size)
        raise _explained(path, error) from None


def make_folder(path: str | Path) -> Path:
    """The folder, made with its parents where it is absent.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _explained(path, error) from None
    return Path(path)


def _explained(path: str | Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(
        f"{path}: cannot be written ({reason}); what it held before is kept; free space there or "
        "give another output"
    )


def _refuse_inputs(path: Path, inputs: Iterable[str | Path | None], called: str) -> None:
    """Links are followed: another name of an input is the input."""
    for given in inputs:
        if given is not None and path.exists() and Path(given).exists() and path.samefile(given):
            raise OutputError(f"{called} is the input {given}; give another name")


def _check_writable(folder: Path, called: str) -> None:
    """Rights, read-only disks and disks without room for a name, by trying."""
    if not folder.is_dir():
        raise OutputError(f"{called}: {folder} is a file; give a name in a folder")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
            file.flush()
    except OSError as error:
        raise OutputError(
            f"{called}: {folder} cannot be written to ({error.strerror}); give another"
        ) from None
