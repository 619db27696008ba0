"""ASE-LMDB files (.aselmdb, .lmdb): rows of ASE's database in one LMDB file, as fairchem writes.

The environment is a single file. The keys are row numbers in ASCII from "1" on, `nextid` (one
above the last row), `deleted_ids` and `metadata`; every value is JSON packed with zlib. A row has
`numbers` (n_atoms,), `positions` (n_atoms, 3) and `cell` (3, 3) in A, `pbc` (3,), where known
`energy` (eV), `forces` (n_atoms, 3; eV/A), `stress` (6,; eV/A^3, ASE's sign and order), `charges`
(n_atoms,; e), `dipole` (3,; e A), `constraints`, `tags` and more, and the dictionaries
`key_value_pairs` and `data`. Arrays are nested lists or ASE's `{"__ndarray__": [shape, dtype, flat
list]}` (layout as read by github.com/facebookresearch/fairchem and the package ase-db-backends).

Legacy LMDB files of OC20 hold pickles, which can run any code when they are read. They are
refused; nothing here ever unpickles.
"""

import json
import math
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase.io import jsonio

from physrep.io.structures.raw import (
    LabelKeys,
    RawFrame,
    damage_as_data_error,
    require_names,
    resolve_keys,
)
from physrep.io.structures.structure import DataError

DEFAULT_KEYS = LabelKeys(
    energy="energy", forces="forces", stress="stress", charges="charges", dipole="dipole"
)
GEOMETRY = frozenset({"numbers", "positions", "cell", "pbc"})
# How ASE keeps its books; of no use to a reader.
BOOKKEEPING = frozenset({"unique_id", "ctime", "mtime", "user", "key_value_pairs", "data"})
PICKLE = b"\x80"  # first byte of every pickle since protocol 2; JSON and zlib never start with it
PICKLED = (
    "holds pickled objects (a legacy LMDB file), which can run any code when they are read, so "
    "physrep never does; convert it where you trust it: unpickle each row into ase.Atoms, "
    "structure by structure, and save them with ase.io.write('new.extxyz', frames)"
)


def read_ase_lmdb(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
    """Rows of an ASE-LMDB file in the order of their numbers, read one by one.

    `info` has the number of the row as `row`, the key-value pairs, the data and whatever else the
    row has. A label may stand in any of these places; two that differ are refused.

    Raises:
        DataError: the package lmdb is not installed; the file holds pickles, is truncated or
            damaged, is already open, or lacks a row or an array.
    """
    with _environment(path) as environment, environment.begin() as transaction:
        ids = _row_ids(transaction, path)
        for frame, number in enumerate(ids):
            packed = transaction.get(str(number).encode())
            if packed is None:
                raise DataError(
                    f"row {number} is missing and is not marked as deleted; fetch it again",
                    path,
                    frame,
                )
            row = _unpacked(packed, f"row {number}", path, frame)
            yield _frame(row, number, asked, path, frame)


def _frame(row: Any, number: int, asked: LabelKeys, path: Path, frame: int) -> RawFrame:
    if not isinstance(row, dict):
        raise DataError(f"row {number} is a JSON {type(row).__name__}, not an object", path, frame)
    require_names(["numbers", "positions"], row, path, frame)
    fields = _fields(row, path, frame)
    keys = resolve_keys(asked, DEFAULT_KEYS, fields, path, frame)
    return RawFrame(
        positions=row["positions"],
        species=row["numbers"],
        info={**{k: v for k, v in fields.items() if k not in keys}, "row": number},
        cell=row.get("cell"),
        pbc=row.get("pbc", False),
        **keys.select(fields),
    )


def _fields(row: dict[str, Any], path: Path, frame: int) -> dict[str, Any]:
    """Everything a row says besides its geometry, by name."""
    fields = {k: v for k, v in row.items() if k not in GEOMETRY | BOOKKEEPING}
    for place in ("key_value_pairs", "data"):
        nested = row.get(place) or {}
        if not isinstance(nested, dict):
            raise DataError(
                f"{place} is a {type(nested).__name__}, not an object; fetch it again", path, frame
            )
        for name, value in nested.items():
            if not _same(fields.setdefault(name, value), value):
                raise DataError(
                    f"{name} is {fields[name]!r} in one place and {value!r} in {place}; remove "
                    f"one of them",
                    path,
                    frame,
                )
    return fields


def _same(first: Any, second: Any) -> bool:
    return first is second or np.array_equal(first, second)


def _row_ids(transaction: Any, path: Path) -> Iterator[int]:
    following = transaction.get(b"nextid")
    if following is None:
        _refuse_other_layouts(transaction, path)
        return iter(())
    last = _unpacked(following, "nextid", path)
    packed = transaction.get(b"deleted_ids")
    deleted = [] if packed is None else _unpacked(packed, "deleted_ids", path)
    if not isinstance(last, int) or not isinstance(deleted, list):
        raise DataError(
            f"nextid = {last!r} and deleted_ids = {deleted!r} are no whole number and list; the "
            f"file is damaged, fetch it again",
            path,
        )
    absent = set(deleted)
    return (number for number in range(1, last) if number not in absent)


def _refuse_other_layouts(transaction: Any, path: Path) -> None:
    """Say what a file without `nextid` is; an empty file passes."""
    for key, value in transaction.cursor():
        _unpacked(value, f"the value of {key[:40]!r}", path)
        raise DataError(
            f"has no key 'nextid' (its first is {key[:40]!r}), so it is not an ASE database; "
            "convert it to extxyz",
            path,
        )


def _unpacked(packed: bytes, what: str, path: Path, frame: int | None = None) -> Any:
    if packed.startswith(PICKLE):
        raise DataError(PICKLED, path, frame)
    try:
        text = zlib.decompress(packed)
    except zlib.error as error:
        raise _damaged(what, error, path, frame) from error
    if text.startswith(PICKLE):
        raise DataError(PICKLED, path, frame)
    try:
        return json.loads(text, object_hook=_decoded)
    # ASE's hook has no error of its own for what it cannot make sense of.
    except Exception as error:
        raise _damaged(what, error, path, frame) from error


def _damaged(what: str, error: Exception, path: Path, frame: int | None) -> DataError:
    return DataError(
        f"{what} is not packed JSON ({type(error).__name__}: {error}); the file is damaged or of "
        f"another layout: fetch it again or convert it to extxyz",
        path,
        frame,
    )


def _decoded(fields: dict[str, Any]) -> Any:
    """ASE's decoding of one JSON object, without its broadcasting of arrays that are too short."""
    if "__ndarray__" in fields:
        shape, dtype, flat = fields["__ndarray__"]
        n_needed = math.prod(shape) * (2 if dtype.startswith("complex") else 1)
        if len(flat) != n_needed:
            raise ValueError(f"an array of shape {shape} has {len(flat)} entries")
    return jsonio.object_hook(fields)


@contextmanager
def _environment(path: Path) -> Iterator[Any]:
    """The LMDB file, read-only and without a lock file, once it is known to be whole."""
    try:
        import lmdb  # an optional extra
    except ImportError as error:
        raise DataError(
            "reading LMDB files needs the package lmdb: pip install 'physrep[lmdb]'", path
        ) from error
    with damage_as_data_error(path, lmdb.Error, OSError):
        try:
            environment = lmdb.open(
                str(path), subdir=False, readonly=True, lock=False, create=False
            )
        except lmdb.Error as error:
            if "already open" not in str(error):
                raise
            raise DataError(
                "is already open in this process, and LMDB opens a file once; finish or close "
                "the first reader of it",
                path,
            ) from error
        with environment:
            _require_whole(environment, path)
            yield environment


def _require_whole(environment: Any, path: Path) -> None:
    # A page beyond the end of the file would kill the process when it is touched.
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    size = path.stat().st_size
    if size < needed:
        raise DataError(
            f"has {size} bytes of the {needed} it announces; it is truncated, fetch it again",
            path,
        )
