"""Every file format physrep reads, and the only path from a file to checked structures in eV, A."""

import difflib
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict, Unpack, cast

import h5py

from physrep.config import ConfigError
from physrep.io.structures.ani import ANI_UNITS, read_ani1
from physrep.io.structures.ase_lmdb import read_ase_lmdb
from physrep.io.structures.convert import to_structure
from physrep.io.structures.extxyz import read_extxyz
from physrep.io.structures.label_candidates import how_to_name, in_words, label_candidates
from physrep.io.structures.label_units import LabelUnits, parse_units, require_stated_unit
from physrep.io.structures.molecule_npz import EAN_DISTILLED, RMD17, trajectory_reader
from physrep.io.structures.neuralil_json import read_neuralil_json
from physrep.io.structures.npz import ARRAYS, read_physrep_npz
from physrep.io.structures.raw import LabelKeys, RawFrame, damage_as_data_error
from physrep.io.structures.structure import DataError, Structure, is_isolated_atom
from physrep.io.structures.transition1x import ARRAYS as TRANSITION1X_ARRAYS
from physrep.io.structures.transition1x import read_transition1x


class Format(NamedTuple):
    """One file format."""

    read: Callable[[Path, LabelKeys], Generator[RawFrame]]
    units: str  # of its labels, unless the user names others; see `parse_units`
    suffixes: tuple[str, ...]  # also with .gz appended, where it is text
    # What distinguishes formats of the same suffix; without any: whatever no other format claims.
    arrays: frozenset[str] = frozenset()


FORMATS = {
    "extxyz": Format(read_extxyz, "eV", (".extxyz", ".xyz")),
    "physrep-npz": Format(read_physrep_npz, "eV", (".npz",), frozenset(ARRAYS)),
    "rmd17": Format(trajectory_reader(RMD17), "kcal/mol", (".npz",), RMD17.required),
    "ean-distilled": Format(
        trajectory_reader(EAN_DISTILLED), "eV", (".npz",), EAN_DISTILLED.required
    ),
    "neuralil-json": Format(read_neuralil_json, "eV", (".json", ".jsonl")),
    "ani1": Format(read_ani1, ANI_UNITS, (".h5", ".hdf5")),
    "transition1x": Format(read_transition1x, "eV", (".h5", ".hdf5"), TRANSITION1X_ARRAYS),
    "ase-lmdb": Format(read_ase_lmdb, "eV", (".aselmdb", ".lmdb")),
}


FITTED = ("energy", "forces")  # never left out because of their names


class LabelOptions(TypedDict, total=False):
    """Which labels are read: see :func:`read_structures`."""

    energy_key: str | None
    forces_key: str | None
    virial_key: str | None
    stress_key: str | None
    charges_key: str | None
    dipole_key: str | None
    require: Iterable[str]
    unread: Literal["refuse", "ignore"]
    refused: Callable[[DataError], None] | None


def read_structures(
    path: str | Path,
    format: str | None = None,
    units: str | None = None,
    **labels: Unpack[LabelOptions],
) -> list[Structure]:
    """Read a whole file, every frame checked, labels in eV and A.

    Args:
        path: the file.
        format: a name of `FORMATS`; by default recognised from the file's name and, for npz and
            HDF5, from the arrays it holds.
        units: units of the labels: "eV", "Hartree", "kcal/mol" or "kJ/mol" (forces per
            A), or with a length for forces and stress, "Hartree/Bohr"; by default the format's
            own. Positions and cells are always in A.
        energy_key, forces_key, virial_key, stress_key, charges_key, dipole_key: names of the
            labels in the file. With one of them given, only those given are read and each frame
            must have them (charges and dipole: one frame at least); with none, the format's
            default names, where present. A virial is -dE/dstrain, a stress has ASE's sign; either
            becomes `Structure.virial`. Dipoles of periodic structures are not read.
        require: labels every frame must have, out of "energy", "forces", "virial", "charges",
            "dipole".
        unread: with no key given, a frame without energy or forces that holds something which
            may be them under another name is refused; "ignore" reads it without.
        refused: called with the error of each frame that is refused and skipped; by default the
            first error ends the reading, as one that makes the frames after it unreadable does.

    Raises:
        DataError: the file is damaged, a frame cannot be computed (see
            `Structure.validate`), labels contradict each other, or a label is missing or would
            be left out. No part of such a file is returned.
        FileNotFoundError: there is no such file.
        ValueError: the format, the unit or a label to require is not known.
    """
    return list(iter_structures(path, format, units, **labels))


def iter_structures(
    path: str | Path,
    format: str | None = None,
    units: str | None = None,
    **labels: Unpack[LabelOptions],
) -> Iterator[Structure]:
    """As `read_structures`, one frame at a time, for files larger than memory.

    All formats except npz read their frames from disk one by one. An error in a later
    frame is raised when that frame is reached.
    """
    path = Path(path)
    if path.is_dir():
        raise FileNotFoundError(f"{path}: is a folder; name the files in it")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    chosen = _named_format(format) if format else _detected_format(path)
    factors = parse_units(units or chosen.units)
    given = cast(Mapping[str, str | None], labels)
    keys = LabelKeys(*(given.get(f"{label}_key") for label in LabelKeys._fields))
    unread = labels.get("unread", "refuse")
    if unread not in ("refuse", "ignore"):
        raise ConfigError(f"unread: {unread!r} is not known; write refuse or ignore")
    checks: list[Callable[[RawFrame, int], None]] = []
    if unread == "refuse" and not any(keys):
        checks.append(_UnreadLabels(path).check)
    if units is None:
        checks.append(partial(_check_stated_unit, path, chosen.units))
    require = tuple(labels.get("require", ()))
    refused = labels.get("refused")
    return _checked_frames(path, chosen.read(path, keys), factors, require, checks, refused)


def _check_stated_unit(path: Path, assumed: str, raw: RawFrame, frame: int) -> None:
    try:
        require_stated_unit(raw.info, assumed)
    except ValueError as error:
        raise DataError(str(error), path, frame) from None


class _UnreadLabels:
    """Refuses frames whose energy or forces would be left out because of their names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: set[tuple] = set()  # names seen, which need no second look

    def check(self, raw: RawFrame, frame: int) -> None:
        wanted = ("energy",) if is_isolated_atom(raw.info) else FITTED
        missing = tuple(label for label in wanted if getattr(raw, label) is None)
        names = (missing, *raw.info, *raw.unread)
        if not missing or names in self.known:
            return
        self.known.add(names)
        candidates = label_candidates({**raw.info, **raw.unread}, len(raw.species))
        for label in missing:
            found = candidates[label]
            if found:
                raise DataError(
                    f"no {label} would be read, but the frame holds {in_words(found)}: name the "
                    f"one to read ({how_to_name(label, found)}), and the other labels with it; "
                    f"{self._way_out(raw)}",
                    self.path,
                    frame,
                )

    def _way_out(self, raw: RawFrame) -> str:
        read = [label for label in FITTED if getattr(raw, label) is not None]
        if not read:
            return "only what is named is read"
        return f"to read {read[0]} alone, name {read[0]} alone"


def _checked_frames(
    path: Path,
    raw_frames: Generator[RawFrame],
    factors: LabelUnits,
    require: tuple[str, ...],
    checks: Sequence[Callable[[RawFrame, int], None]],
    refused: Callable[[DataError], None] | None,
) -> Iterator[Structure]:
    frame = -1
    # Closed at once when a frame is refused, not when the error's traceback is forgotten.
    with closing(raw_frames):
        for frame, raw in enumerate(raw_frames):
            try:
                structure = to_structure(raw, factors, path, frame)
                for check in checks:
                    check(raw, frame)
                structure.validate(require)
            except DataError as error:
                if refused is None:
                    raise
                refused(error)
            else:
                yield structure
    if frame < 0:
        raise DataError("holds no structures; fetch it again or name its format", path)


def _named_format(name: str) -> Format:
    if name not in FORMATS:
        near = difflib.get_close_matches(name, FORMATS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"format: {name!r} is not known; {hint}known: {', '.join(FORMATS)}")
    return FORMATS[name]


def _detected_format(path: Path) -> Format:
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    candidates = [known for known in FORMATS.values() if suffix in known.suffixes]
    if len(candidates) > 1:
        names = _npz_names(path) if suffix == ".npz" else _hdf5_names(path)
        candidates = [known for known in candidates if known.arrays <= names]
        candidates = [known for known in candidates if known.arrays] or candidates
        suffix = f"{suffix} with the arrays {', '.join(sorted(names))}"
    if len(candidates) != 1:
        raise DataError(
            f"cannot recognise the format from {suffix!r}; name it (format=, --format): "
            + ", ".join(FORMATS),
            path,
        )
    return candidates[0]


def _npz_names(path: Path) -> set[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (OSError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DataError(
            f"is not an npz archive ({error}); it is truncated or of another format: "
            "fetch it again",
            path,
        ) from error


def _hdf5_names(path: Path) -> set[str]:
    """Names in the first group that contains an array."""
    with damage_as_data_error(path, OSError, RuntimeError, KeyError), h5py.File(path, "r") as file:
        return _first_arrays(file)


def _first_arrays(group: h5py.Group) -> set[str]:
    members = [group.get(name, getclass=True) for name in group]
    if h5py.Dataset in members:
        return set(group)
    below = (_first_arrays(child) for child in group.values() if isinstance(child, h5py.Group))
    return next((names for names in below if names), set())
