"""Frames of several files as a stream, labels under whatever names, and what is not read said."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from physrep.io import DataError, Structure, iter_structures
from physrep.io.structures.unread_labels import UnreadWatch
from physrep.progress import say
from physrep_training.data.label_names import find_label_names, named_keys

Refused = Callable[[DataError], None]


class Source(NamedTuple):
    """A file with what reads it.

    options: of `physrep.io.iter_structures`, names of the labels among them.
    """

    path: Path
    options: Mapping[str, Any]


def sources_of(files: Sequence[str | Path], options: Mapping[str, Any]) -> list[Source]:
    """The files with the names of their labels: those that ``options`` gives, else those that they
    have, found by words and shape where they are not usual (`find_label_names`); such names are
    said on standard error.

    Raises:
        FileNotFoundError: no such file.
    """
    given = {name: value for name, value in options.items() if value is not None}
    sources = []
    for path in map(Path, files):
        names: dict[str, Any] = {}
        if not any(name.endswith("_key") for name in given) and "format" not in given:
            with suppress(DataError):  # of what is wrong with the file its reader tells
                found, others = find_label_names(path)
                names = dict(named_keys(found))
                _say_names(path, found, others)
        sources.append(Source(path, {**given, **names}))
    return sources


def _say_names(path: Path, found: Mapping[str, str], others: Mapping[str, list[str]]) -> None:
    if not found:
        return
    words = ", ".join(f"{label} from {name}" for label, name in found.items())
    rest = [name for label in found for name in others.get(label, ())]
    say("dataset", f"{path}: {words}" + (f"; not read: {', '.join(rest)}" if rest else ""))


def iter_frames(
    sources: Sequence[Source], refused: Refused | None = None, warn: bool = False
) -> Iterator[Structure]:
    """All frames, file by file.

    Args:
        refused: see `iter_structures`; warn: say which labels are not read.

    Raises:
        DataError: as `iter_structures`.
    """
    watch = UnreadWatch()
    for source in sources:
        named = any(name.endswith("_key") for name in source.options)
        options = {**source.options, "unread": "ignore", "refused": refused}
        for structure in iter_structures(source.path, **options):
            for line in watch.new_lines(structure) if warn and not named else ():
                say("dataset", f"warning: {line}")
            yield structure
