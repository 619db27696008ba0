"""Extended XYZ, plain or gzipped, parsed by ASE one frame at a time.

The frames are cut here and not by ASE: its scan stops without a word at a blank line and ignores
columns that the header does not announce.
"""

import re
import zlib
from collections.abc import Generator, Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import ase.io
import numpy as np

from physrep.io.structures.raw import (
    LabelKeys,
    RawFrame,
    damage_as_data_error,
    open_text,
    require_names,
)
from physrep.io.structures.structure import DataError

# Reference labels come first: next to them, plain names often belong to a model or force field.
DEFAULT_KEYS = (
    LabelKeys("REF_energy", "REF_forces", "REF_virial", "REF_stress"),
    LabelKeys("energy", "forces", "virial", "stress"),
)


def read_extxyz(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
    """Frames of an extended XYZ file; everything that is no label goes to `info`.

    Labels are looked for as REF_energy, REF_forces, REF_virial, REF_stress or, in a file without
    any of these, as energy, forces, virial, stress; keys that are asked for replace both sets.

    Raises:
        DataError: the file is truncated or corrupt, a key that was asked for is missing, or some
            frames name their labels REF_* and others do not.
    """
    defaults = _DefaultKeys(path)
    damage = (OSError, EOFError, zlib.error, UnicodeDecodeError)
    with damage_as_data_error(path, *damage), open_text(path) as file:
        for frame, text in enumerate(_frame_texts(file, path)):
            atoms = _parse(text, path, frame)
            fields = _named_fields(atoms)
            keys = asked if any(asked) else defaults.of(fields, frame)
            require_names([key for key in keys if key], fields, path, frame)
            yield RawFrame(
                positions=atoms.positions,
                species=atoms.numbers,
                info={name: value for name, value in fields.items() if name not in keys},
                cell=atoms.cell.array,
                pbc=atoms.pbc,
                **keys.select(fields),
            )


class _DefaultKeys:
    """Picks one of DEFAULT_KEYS for a file and holds every later frame to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chosen: int | None = None

    def of(self, fields: dict[str, Any], frame: int) -> LabelKeys:
        found = [keys.present_in(fields) for keys in DEFAULT_KEYS]
        choice = next((k for k, keys in enumerate(found) if any(keys)), None)
        if choice is None:
            return LabelKeys()
        if self.chosen is None:
            self.chosen = choice
        if choice != self.chosen:
            names = ", ".join(key for key in found[choice] if key)
            raise DataError(
                f"labels are named {names}, in frames before it "
                f"{DEFAULT_KEYS[self.chosen].energy} and so on; they may be of two levels of "
                f"theory: name the ones to read (energy_key=, forces_key=, ...)",
                self.path,
                frame,
            )
        return found[choice]


def _named_fields(atoms: ase.Atoms) -> dict[str, Any]:
    """All that a frame names, by its name in the file: per-atom columns and comment line.

    ASE moves energy, forces, stress and the like into a calculator; they are put back.
    """
    columns = {k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions")}
    results = atoms.calc.results if atoms.calc else {}
    fields = {**columns, **results, **atoms.info}
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in fields.items()}


def _frame_texts(file: TextIO, path: Path) -> Iterator[str]:
    """Cut the file into frames, each complete: atom count, comment line, one line per atom."""
    frame = 0
    while header := file.readline():
        if not header.strip():
            if any(line.strip() for line in file):
                raise DataError(
                    "found a blank line instead of the number of atoms, and more text "
                    "follows; the file is damaged, fetch it again",
                    path,
                    frame,
                )
            return
        n_atoms = _atom_count(header, path, frame)
        comment = file.readline()
        lines = list(islice(file, n_atoms))
        if len(lines) < n_atoms:
            raise DataError(
                f"announces {n_atoms} atoms and the file ends after {len(lines)}; it is "
                f"truncated, fetch it again or remove the frame",
                path,
                frame,
            )
        _check_columns(comment, lines, path, frame)
        yield "".join([header, comment, *lines])
        frame += 1


def _atom_count(header: str, path: Path, frame: int) -> int:
    text = header.strip()
    if not text.isdecimal() or int(text) == 0:
        raise DataError(
            f"must begin with its number of atoms, got {text[:60]!r}; a line was lost or added "
            f"before it, or the frame is empty: repair the file",
            path,
            frame,
        )
    return int(text)


def _check_columns(comment: str, lines: list[str], path: Path, frame: int) -> None:
    announced = re.search(r'\bProperties\s*=\s*"?([^\s"]+)', comment)
    widths = re.findall(r":[A-Z]:(\d+)", announced.group(1)) if announced else []
    n_columns = sum(int(width) for width in widths)
    for atom, line in enumerate(lines):
        n_found = len(line.split())
        if announced and n_found != n_columns:
            raise DataError(
                f"atom {atom} has {n_found} columns, Properties={announced.group(1)} announces "
                f"{n_columns}: {line.strip()[:80]!r}; repair the line or remove the frame",
                path,
                frame,
            )


def _parse(text: str, path: Path, frame: int) -> ase.Atoms:
    try:
        return next(ase.io.iread(StringIO(text), format="extxyz"))
    except KeyError as error:
        raise DataError(
            f"{error} is not an element symbol; correct the species column", path, frame
        ) from error
    # ASE's parser has no error of its own for most of what a damaged line does to it.
    except Exception as error:
        raise DataError(
            f"cannot be parsed as extended XYZ ({type(error).__name__}: {error}); repair the "
            f"frame or remove it",
            path,
            frame,
        ) from error
