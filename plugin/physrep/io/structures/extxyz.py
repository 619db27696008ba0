"""Extended XYZ, plain or gzipped, one frame at a time, with the names of its labels."""

import zlib
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from ase import Atoms

from physrep.io.structures.extxyz_frame import Frame, FrameTextError, parse_frame
from physrep.io.structures.label_candidates import has_shape
from physrep.io.structures.raw import (
    LabelKeys,
    RawFrame,
    damage_as_data_error,
    open_text,
    require_names,
)
from physrep.io.structures.structure import DataError, is_isolated_atom

PREFIX = "REF_"
SPELLINGS = {
    "energy": ("energy",),
    "forces": ("forces", "force"),
    "virial": ("virial", "virials"),
    "stress": ("stress",),
    "charges": ("charges",),
    "dipole": ("dipole",),
}
# A frame may lack them under a name that the caller gives.
OPTIONAL = ("charges", "dipole")


def read_extxyz(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
    """Frames of an extended XYZ file; everything that is not a label goes to `info`.

    Labels are read from REF_energy, REF_forces (or REF_force), REF_virial (or REF_virials),
    REF_stress, REF_charges, REF_dipole, or from the same names without REF_ (charges and dipole:
    where they are one number for each atom, and three). Where a frame has a label under both names,
    the names without REF_ belong to something else (a model, a force field) and none of them is
    read. Keys that the caller gives replace these names; a frame of an isolated atom needs the
    energy alone.

    Raises:
        DataError: the file is truncated or corrupt, a key that was asked for is missing (charges
            and dipole: from all frames), or a label has one name in some frames and another in
            others.
    """
    defaults = _DefaultKeys(path)
    never = [key for label, key in asked._asdict().items() if key and label in OPTIONAL]
    optional, fields = tuple(never), {}
    for number, frame in enumerate(_frames(path)):
        fields = {**frame.columns, **frame.pairs}
        keys = asked if any(asked) else defaults.of(fields, len(frame.species), number)
        # Of an isolated atom codes write the energy alone.
        wanted = (keys.energy,) if is_isolated_atom(fields) else keys
        require_names([k for k in wanted if k and k not in optional], fields, path, number)
        never = [key for key in never if key not in fields]
        keys = keys.present_in(fields)
        yield RawFrame(
            positions=frame.positions,
            species=frame.species,
            info={name: value for name, value in fields.items() if name not in keys},
            cell=frame.cell,
            pbc=frame.pbc,
            columns=frozenset(frame.columns.keys() - set(keys)),
            **keys.select(fields),
        )
    require_names(never, fields, path)


def iter_atoms(path: Path) -> Generator[Atoms]:
    """Frames as ASE's atoms, all columns in `arrays` and all pairs in `info`, labels too.

    Raises:
        DataError: the file is truncated or corrupt.
    """
    for frame in _frames(path):
        atoms = Atoms(frame.species, frame.positions, cell=frame.cell, pbc=frame.pbc)
        for name, values in frame.columns.items():
            atoms.set_array(name, values)
        atoms.info.update(frame.pairs)
        yield atoms


def _frames(path: Path) -> Generator[Frame]:
    damage = (OSError, EOFError, zlib.error, UnicodeDecodeError)
    with damage_as_data_error(path, *damage), open_text(path) as file:
        for number, (comment, lines) in enumerate(_frame_texts(file, path)):
            yield _parsed(comment, lines, path, number)


def _parsed(comment: str, lines: list[str], path: Path, frame: int) -> Frame:
    try:
        return parse_frame(comment, lines)
    except FrameTextError as error:
        raise DataError(f"cannot be parsed as extended XYZ: {error}", path, frame) from None


class _DefaultKeys:
    """Chooses the name of each label and requires it of all later frames."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chosen: dict[str, str] = {}  # label -> its name in the frames so far

    def of(self, fields: dict[str, Any], n_atoms: int, frame: int) -> LabelKeys:
        prefixed, plain = (self._present(fields, n_atoms, prefix, frame) for prefix in (PREFIX, ""))
        found = prefixed if prefixed.keys() & plain.keys() else {**plain, **prefixed}
        changed = [
            label for label, name in found.items() if self.chosen.setdefault(label, name) != name
        ]
        if changed:
            raise DataError(
                f"labels are named {', '.join(found[label] for label in changed)}, in frames "
                f"before it {', '.join(self.chosen[label] for label in changed)}; they may be of "
                f"two levels of theory: name the ones to read (energy_key=, forces_key=, ...)",
                self.path,
                frame,
            )
        return LabelKeys(**found)

    def _present(
        self, fields: dict[str, Any], n_atoms: int, prefix: str, frame: int
    ) -> dict[str, str]:
        """label -> name, for the names with this prefix."""
        found = {}
        for label, spellings in SPELLINGS.items():
            names = [prefix + spelling for spelling in spellings if prefix + spelling in fields]
            if label in OPTIONAL:  # other programs give these names to other things as well
                names = [name for name in names if has_shape(label, fields[name], n_atoms)]
            if len(names) > 1:
                raise DataError(
                    f"has {' and '.join(names)}; name the one to read ({label}_key=) or remove one",
                    self.path,
                    frame,
                )
            if names:
                found[label] = names[0]
        return found


def _frame_texts(file: TextIO, path: Path) -> Iterator[tuple[str, list[str]]]:
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
        yield comment, lines
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
