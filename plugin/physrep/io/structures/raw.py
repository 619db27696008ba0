"""What a format reader returns: one frame as it is in the file, before units and checks."""

import gzip
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TextIO

from physrep.io.structures.structure import DataError


class Cut(Exception):
    """The file ends within the frame that comes next; the message says how."""


class RawFrame(NamedTuple):
    """One frame in the file's own units; the fields of `Structure`, plus stress."""

    positions: Any  # (n_atoms, 3), A
    species: Any  # (n_atoms,) atomic numbers
    info: dict[str, Any]
    cell: Any = None  # (3, 3) rows, A
    pbc: Any = False
    energy: Any = None
    forces: Any = None
    virial: Any = None
    stress: Any = None  # (3, 3), (9,) or (6,) in Voigt order; ASE's sign
    charges: Any = None  # (n_atoms,), e
    dipole: Any = None  # (3,)
    unread: Mapping[str, Any] = MappingProxyType({})  # what is neither a label nor in `info`
    columns: frozenset[str] = frozenset()  # names in `info` that have a value for each atom


class LabelKeys(NamedTuple):
    """The names under which a file keeps its labels; None: do not read that label."""

    energy: str | None = None
    forces: str | None = None
    virial: str | None = None
    stress: str | None = None
    charges: str | None = None
    dipole: str | None = None

    def present_in(self, names: Collection[str]) -> "LabelKeys":
        """The keys that are in `names`."""
        return LabelKeys(*(key if key and key in names else None for key in self))

    def select(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """What `named` holds under each key, by label; labels without a key are skipped."""
        return {label: named[key] for label, key in self._asdict().items() if key is not None}


def resolve_keys(
    asked: LabelKeys,
    defaults: LabelKeys,
    names: Mapping[str, Any],
    path: Path,
    frame: int | None = None,
) -> LabelKeys:
    """Label keys for a format with one set of default names.

    Keys that the user gives must be in the file. If one is given, the default names are not
    read: labels of two levels of theory are never mixed by accident.

    Raises:
        DataError: a key that was asked for is not in the file.
    """
    if not any(asked):
        return defaults.present_in(names)
    require_names([key for key in asked if key], names, path, frame)
    return asked


def require_names(
    wanted: list[str], names: Mapping[str, Any], path: Path, frame: int | None = None
) -> None:
    """Raise DataError, naming what is there, unless `names` has everything in `wanted`."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(
            f"missing {', '.join(map(repr, missing))}; it has: {', '.join(map(str, names))}; "
            f"check the format and the names of the labels (energy_key=, forces_key=, ...)",
            path,
            frame,
        )


def open_text(path: Path) -> TextIO:
    """A text file, with or without a byte order mark, unpacked where its name ends in .gz."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig")


@contextmanager
def damage_as_data_error(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn the low-level `errors` of a damaged file into one DataError that names it."""
    try:
        yield
    except DataError:
        raise
    except errors as error:
        raise DataError(
            f"cannot be read ({type(error).__name__}: {error}); it is truncated, corrupt or of "
            f"another format: fetch it again or name the format",
            path,
        ) from error
