"""JSON lines as published with NeuralIL: one object per line, one frame per object.

Keys (data_sets/EAN and data_sets/STO of Madsen-s-research-group/neuralil-public-releases):
`Positions` (n_atoms, 3) in A, `Cell-Size` the three edges of an orthogonal periodic box in A,
`Energy` in eV, `Forces` (n_atoms, 3) in eV/A, `Types` element symbols. The EAN files have no
`Types`: their atoms are in the order of `ethylammonium_nitrate_species`.
"""

import json
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from physrep.io.structures.raw import (
    LabelKeys,
    RawFrame,
    damage_as_data_error,
    open_text,
    require_names,
    resolve_keys,
)
from physrep.io.structures.structure import DataError

ETHYLAMMONIUM = ("N", "H", "H", "H", "C", "H", "H", "C", "H", "H", "H")
NITRATE = ("N", "O", "O", "O")
DEFAULT_KEYS = LabelKeys(energy="Energy", forces="Forces")


class Repeated(ValueError):
    """A name occurs twice in one object."""


def read_neuralil_json(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
    """Frames of a NeuralIL JSON-lines file, plain or gzipped; other entries go to `info`.

    Raises:
        DataError: a line is not a JSON object or lacks an entry; the species are not given and the
            number of atoms is not that of whole ethylammonium nitrate ion pairs.
    """
    damage = (OSError, EOFError, zlib.error, UnicodeDecodeError)
    with damage_as_data_error(path, *damage), open_text(path) as file:
        for frame, line in enumerate(line for line in file if line.strip()):
            record = _parse(line, path, frame)
            require_names(["Positions", "Cell-Size"], record, path, frame)
            yield _frame(record, asked, path, frame)


def ethylammonium_nitrate_species(n_atoms: int) -> list[str]:
    """Element symbols of the EAN files: all cations, N H H H C H H C H H H each, then all anions.

    Raises:
        ValueError: `n_atoms` is not a multiple of 15, the atoms of one ion pair.
    """
    n_pairs, rest = divmod(n_atoms, len(ETHYLAMMONIUM) + len(NITRATE))
    if rest:
        raise ValueError(f"{n_atoms} atoms are no whole number of ethylammonium nitrate ion pairs")
    return list(ETHYLAMMONIUM * n_pairs + NITRATE * n_pairs)


def _parse(line: str, path: Path, frame: int) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_without_repetition)
    except Repeated as error:
        raise DataError(f"has {error} twice; remove one", path, frame) from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"is not a JSON object ({error}); the line is truncated or the file is of another "
            f"format: fetch it again or name the format",
            path,
            frame,
        ) from error
    if not isinstance(record, dict):
        raise DataError(f"is a JSON {type(record).__name__}, not an object", path, frame)
    return record


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse repeated names; Python's json would keep the last one."""
    record: dict[str, Any] = {}
    for name, value in pairs:
        if name in record:
            raise Repeated(name)
        record[name] = value
    return record


def _frame(record: dict[str, Any], asked: LabelKeys, path: Path, frame: int) -> RawFrame:
    keys = resolve_keys(asked, DEFAULT_KEYS, record, path, frame)
    edges = record["Cell-Size"]
    if np.shape(edges) != (3,):
        raise DataError(f"Cell-Size = {edges!r}; it needs three edges in A", path, frame)
    used = {"Positions", "Cell-Size", "Types", "Natoms", *keys}
    return RawFrame(
        positions=record["Positions"],
        species=_species(record, path, frame),
        info={key: value for key, value in record.items() if key not in used},
        cell=np.diag(edges),
        pbc=True,
        **keys.select(record),
    )


def _species(record: dict[str, Any], path: Path, frame: int) -> list[int]:
    n_atoms = len(record["Positions"])
    if record.get("Natoms", n_atoms) != n_atoms:
        raise DataError(f"Natoms = {record['Natoms']}, but it has {n_atoms} Positions", path, frame)
    try:
        symbols = record.get("Types") or ethylammonium_nitrate_species(n_atoms)
        return [atomic_numbers[symbol] for symbol in symbols]
    except KeyError as error:
        raise DataError(f"{error} in Types is not an element symbol", path, frame) from error
    except ValueError as error:
        raise DataError(f"has no Types, and {error}; add Types", path, frame) from error
