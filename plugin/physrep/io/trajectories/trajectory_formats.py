"""What each trajectory format holds, one function that parses for each frame.

Frames that are skipped are cut from the file and never parsed. The checks stand in
:mod:`physrep.io.trajectories.frames`.
"""

import re
import struct
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

import ase.io
import ase.units
import numpy as np
from ase.data import atomic_masses, atomic_numbers
from ase.geometry import cellpar_to_cell
from ase.io.extxyz import key_val_str_to_dict

from physrep.io.structures.raw import Cut, open_text
from physrep.io.structures.structure import DataError
from physrep.io.trajectories.mdtraj_files import mdtraj_count, mdtraj_frames
from physrep.units import NM_IN_ANGSTROM

FS_IN_PS = 1e-3
LAMMPS_TIME_IN_PS = {"metal": 1.0, "real": FS_IN_PS}  # both have A
# Charges of atoms in e, calculated ones before those a run was started with.
CHARGE_COLUMNS = ("charges", "charge", "q", "initial_charges")
LAMMPS_STEP = re.compile(r"^Atoms\. Timestep: (\d+)")  # the comment of a dump xyz
DAMAGE = (OSError, EOFError, zlib.error, UnicodeDecodeError)


class Raw(NamedTuple):
    """A frame before its checks, in A and ps; species None: the format has none."""

    positions: np.ndarray
    species: np.ndarray | None
    cell: np.ndarray
    pbc: np.ndarray
    time: float | None = None
    velocities: np.ndarray | None = None
    wrapped: bool = True
    step: int | None = None
    charges: np.ndarray | None = None


class Asked(Protocol):
    """Options of a Trajectory that a reader needs."""

    path: Path
    units: str | None
    elements: Mapping[int, str]
    species: np.ndarray | None


# A reader yields one function for each frame; those of skipped frames are never called.
Reader = Callable[[Asked], Generator[Callable[[], Raw]]]


def reader_of(path: Path) -> Reader:
    """By the suffix, with or without .gz; ASE for all others."""
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    known = {".dump": _read_dump, ".lammpstrj": _read_dump, ".dcd": _read_dcd, ".xtc": _read_xtc}
    known |= {".extxyz": _read_extxyz, ".xyz": _read_extxyz}
    return known.get(suffix, _read_ase)


def cheap_count(path: Path) -> int | None:
    """Frames in the file where its header or its size tells, else None."""
    if path.suffix.lower() == ".traj":
        with ase.io.Trajectory(path) as file:
            return len(file)
    if path.suffix.lower() == ".dcd":
        return mdtraj_count(path)
    return None


def _numbers(symbols: list[str], path: Path, index: int) -> np.ndarray:
    unknown = next((s for s in symbols if not atomic_numbers.get(s)), None)
    if unknown is not None:
        text = f"atom {symbols.index(unknown)} is {unknown!r}, which is not an element"
        raise DataError(f"{text}; correct the file", path, index)
    return np.array([atomic_numbers[s] for s in symbols], dtype=np.int64)


def _line(file: TextIO) -> str:
    try:
        return file.readline()
    except DAMAGE as error:
        raise Cut(f"cannot be read ({error})") from error


def _lines(file: TextIO, n_lines: int, whole: bool = True) -> list[str]:
    """Exactly n_lines; whole: the last one ends with a line feed, as programs write it."""
    try:
        lines = list(islice(file, n_lines))
    except DAMAGE as error:
        raise Cut(f"cannot be read ({error})") from error
    if len(lines) < n_lines:
        raise Cut(f"the file ends after {len(lines)} of {n_lines} lines")
    if lines and not lines[-1].endswith("\n"):
        shortest = min(map(len, lines[1:-1]), default=0) - 1
        if whole or len(lines[-1]) < shortest:
            raise Cut(f"its last line is cut off: {lines[-1].strip()[:60]!r}")
    return lines


def _floats(texts: list[list[str]], path: Path, index: int) -> np.ndarray:
    """(n_atoms, n_columns) of columns of text."""
    try:
        return np.array(texts, dtype=float).T.copy()
    except ValueError as error:
        raise DataError(f"{error}; repair the frame or remove it", path, index) from error


def _read_extxyz(asked: Asked) -> Generator[Callable[[], Raw]]:
    with open_text(asked.path) as file:
        for index in count():
            header = _line(file).strip()
            if not header:
                if any(line.strip() for line in file):
                    text = "found a blank line instead of the number of atoms; repair the file"
                    raise DataError(text, asked.path, index)
                return
            if not header.isdecimal() or int(header) == 0:
                text = f"must begin with its number of atoms, got {header[:60]!r}; repair the file"
                raise DataError(text, asked.path, index)
            comment, *lines = _lines(file, int(header) + 1, whole=False)
            yield partial(_parse_extxyz, comment, lines, asked, index)


def _parse_extxyz(comment: str, lines: list[str], asked: Asked, index: int) -> Raw:
    """A plain table of columns: ASE's parser handles more and takes ten times as long."""
    path, info = asked.path, key_val_str_to_dict(comment)
    columns, width = _extxyz_columns(info, lines)
    table = " ".join(lines).split()
    if not {"species", "pos"} <= set(columns) or len(table) != len(lines) * width:
        text = f"{len(lines)} atoms with the columns {', '.join(columns)} have"
        text = f"{text} {len(lines) * width} entries, here are {len(table)}; species and pos"
        raise DataError(f"{text} are needed: repair the frame", path, index)
    names = table[columns["species"].start :: width]
    numbered = all(name.isdecimal() for name in names)  # LAMMPS' dump xyz: types
    species = _of_types(names, asked, index) if numbered else _numbers(names, path, index)

    def read(name: str) -> np.ndarray:
        columns_of = range(columns[name].start, columns[name].stop)
        return _floats([table[k::width] for k in columns_of], path, index)

    lattice = info.get("Lattice")
    if lattice is not None and np.shape(lattice) != (3, 3):
        raise DataError(f"Lattice is {lattice!r}, not nine numbers; repair it", path, index)
    cell = np.zeros((3, 3)) if lattice is None else np.array(lattice, float).T  # ASE: columns
    pbc = np.broadcast_to(np.asarray(info.get("pbc", lattice is not None), bool), 3)
    velocities = None
    if "momenta" in columns and species is not None:  # in ASE's units
        velocities = read("momenta") / atomic_masses[species][:, None]
        velocities = velocities * (ase.units.fs / FS_IN_PS)
    said = LAMMPS_STEP.search(comment)
    step = int(said[1]) if said else None
    charged = next((name for name in CHARGE_COLUMNS if name in columns), None)
    charges = read(charged)[:, 0] if charged else None
    time = _time(info, path, index)
    return Raw(read("pos"), species, cell, pbc, time, velocities, step=step, charges=charges)


def _extxyz_columns(info: dict[str, Any], lines: list[str]) -> tuple[dict[str, slice], int]:
    """Columns of each property, and how many there are."""
    if "Properties" not in info:  # plain XYZ; whatever follows the positions is not read
        return {"species": slice(0, 1), "pos": slice(1, 4)}, max(4, len(lines[0].split()))
    parts, at, columns = str(info["Properties"]).split(":"), 0, {}
    for name, width in zip(parts[::3], parts[2::3], strict=False):
        columns[name] = slice(at, at + int(width))
        at += int(width)
    return columns, at


def _time(info: Mapping[str, Any], path: Path, index: int) -> float | None:
    value = info.get("time")
    if value is None:
        return None
    if isinstance(value, int | float | np.number) and np.isfinite(value):
        return float(value)
    raise DataError(f"time is {value!r}, no number; repair it or remove it", path, index)


def _read_dump(asked: Asked) -> Generator[Callable[[], Raw]]:
    with open_text(asked.path) as file:
        items: dict[str, list[str]] = {}
        for index in count():
            while line := _line(file):
                if not line.startswith("ITEM:"):
                    text = (
                        f"expected a line 'ITEM: ...', got {line.strip()[:60]!r}; repair the file"
                    )
                    raise DataError(text, asked.path, index)
                name = line[5:].strip()
                if name.startswith("ATOMS"):
                    break
                items[name] = _lines(file, 3 if name.startswith("BOX") else 1)
            else:
                if set(items) - {"UNITS"}:
                    raise Cut("the file ends within its header")
                return
            n_atoms = int(items.get("NUMBER OF ATOMS", ["0"])[0])
            lines = _lines(file, n_atoms)
            yield partial(_parse_dump, dict(items), name.split()[1:], lines, asked, index)
            items = {k: v for k, v in items.items() if k == "UNITS"}  # written once


def _parse_dump(
    items: dict[str, list[str]], names: list[str], lines: list[str], asked: Asked, index: int
) -> Raw:
    table, width = " ".join(lines).split(), len(names)
    if not lines or len(table) != width * len(lines):
        text = f"{len(lines)} atoms with the columns {' '.join(names)} have {len(lines) * width}"
        raise DataError(f"{text} entries, here are {len(table)}; repair it", asked.path, index)
    columns = {name: table[k::width] for k, name in enumerate(names)}
    if "id" not in columns:
        text = f"no column id among {' '.join(names)}, and LAMMPS mixes the atoms; dump the ids"
        raise DataError(text, asked.path, index)
    order = np.argsort(np.array(columns["id"], dtype=np.int64))

    def read(*wanted: str) -> np.ndarray | None:
        if not set(wanted) <= set(columns):
            return None
        return _floats([columns[name] for name in wanted], asked.path, index)[order]

    cell, origin, pbc = _dump_box(items, asked.path, index)
    positions, wrapped = _dump_positions(read, cell, origin, names, asked.path, index)
    velocities, given = read("vx", "vy", "vz"), items.get("TIME")
    time = None
    if velocities is not None or given is not None:
        unit = _dump_time_unit(items, asked, index)
        velocities = None if velocities is None else velocities / unit
        time = None if given is None else float(given[0]) * unit
    species = _dump_species(columns, order, asked, index)
    step = int(items["TIMESTEP"][0]) if "TIMESTEP" in items else None
    charged = read("q")
    charges = None if charged is None else charged[:, 0]
    return Raw(positions, species, cell, pbc, time, velocities, wrapped, step, charges)


def _dump_box(
    items: dict[str, list[str]], path: Path, index: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cell (3, 3), origin (3,) and pbc (3,) of an orthogonal, a restricted or a general box.

    Source: LAMMPS manual, dump command: bounds of a triclinic box are those of its corners.
    """
    name = next((name for name in items if name.startswith("BOX BOUNDS")), None)
    if name is None:
        raise DataError("has no ITEM: BOX BOUNDS; dump it with its box", path, index)
    rows = _floats([line.split() for line in items[name]], path, index).T
    pbc = np.array([flags == "pp" for flags in name.split()[-3:]])
    if "abc" in name:
        return rows[:, :3].copy(), rows[:, 3].copy(), pbc
    low, high = rows[:, 0].copy(), rows[:, 1].copy()
    xy, xz, yz = rows[:, 2] if rows.shape[1] == 3 else np.zeros(3)
    low -= (min(0.0, xy, xz, xy + xz), min(0.0, yz), 0.0)
    high -= (max(0.0, xy, xz, xy + xz), max(0.0, yz), 0.0)
    cell = np.diag(high - low)
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return cell, low, pbc


def _dump_positions(
    read: Callable[..., np.ndarray | None],
    cell: np.ndarray,
    origin: np.ndarray,
    names: list[str],
    path: Path,
    index: int,
) -> tuple[np.ndarray, bool]:
    """Unwrapped where the dump allows it."""
    for given, in_cell in ((read("xu", "yu", "zu"), False), (read("xsu", "ysu", "zsu"), True)):
        if given is not None:
            return (origin + given @ cell if in_cell else given), False
    images, positions, scaled = read("ix", "iy", "iz"), read("x", "y", "z"), read("xs", "ys", "zs")
    if positions is None and scaled is not None:
        positions = origin + scaled @ cell
    if positions is None:
        text = f"no positions (x, xu, xs or xsu, three columns) among {' '.join(names)}"
        raise DataError(f"{text}; dump them", path, index)
    return (positions, True) if images is None else (positions + images @ cell, False)


def _dump_time_unit(items: dict[str, list[str]], asked: Asked, index: int) -> float:
    said = items["UNITS"][0].strip() if "UNITS" in items else None
    if said and asked.units and said != asked.units:
        text = f"ITEM: UNITS is {said}, units {asked.units!r} were given; leave --units out"
        raise DataError(text, asked.path, index)
    unit = said or asked.units
    if unit not in LAMMPS_TIME_IN_PS:
        text = f"has velocities or a time in units {unit or 'it does not name'}; give"
        raise DataError(f"{text} --units {' or '.join(LAMMPS_TIME_IN_PS)}", asked.path, index)
    return LAMMPS_TIME_IN_PS[unit]


def _dump_species(
    columns: dict[str, list[str]], order: np.ndarray, asked: Asked, index: int
) -> np.ndarray | None:
    if "element" in columns and not asked.elements:
        return _numbers([columns["element"][k] for k in order], asked.path, index)
    if "type" in columns:
        return _of_types([columns["type"][k] for k in order], asked, index)
    if asked.species is not None:
        return None
    text = "has neither a column element nor a column type"
    text += ", so --elements says nothing" if asked.elements else ""
    raise DataError(f"{text}; dump one of them, or give --topology FILE (PDB or GRO, atoms in the "
                    "order of their ids)", asked.path, index)  # fmt: skip


def _of_types(types: list[str], asked: Asked, index: int) -> np.ndarray | None:
    """Atomic numbers of LAMMPS types; None where a topology holds them."""
    if not asked.elements:
        if asked.species is not None:
            return None
        text = f"holds types ({', '.join(sorted(set(types)))}) and no elements; give the element of"
        text += " each type (--elements C H ..., in Python elements={1: 'C', 2: 'H'})"
        raise DataError(f"{text}, or --topology FILE", asked.path, index)
    missing = sorted({int(one) for one in types} - set(asked.elements))
    if missing:
        text = f"no element is given for type {missing[0]} (given: {dict(asked.elements)})"
        raise DataError(f"{text}; --elements names types 1, 2, ...", asked.path, index)
    return _numbers([asked.elements[int(one)] for one in types], asked.path, index)


def _read_dcd(asked: Asked) -> Generator[Callable[[], Raw]]:
    """Times are ignored: programs write them in different units."""
    with open(asked.path, "rb") as file:
        head = file.read(12)
    announced = struct.unpack("<i" if head[:4] == b"T\0\0\0" else ">i", head[8:12] or bytes(4))[0]
    given, cell, known = 0, None, b""
    for positions, lengths, angles in mdtraj_frames(asked.path):
        given += 1
        if lengths is not None and lengths.tobytes() + angles.tobytes() != known:
            known = lengths.tobytes() + angles.tobytes()
            cell = cellpar_to_cell(np.concatenate([lengths, angles]))
        yield partial(_from_box, positions, cell)
    if given < announced:
        raise Cut(f"the header announces {announced} frames, the file holds {given}")


def _read_xtc(asked: Asked) -> Generator[Callable[[], Raw]]:
    for positions, time, _, box in mdtraj_frames(asked.path):
        cell = None if box is None else NM_IN_ANGSTROM * box.astype(float)
        yield partial(_from_box, NM_IN_ANGSTROM * positions.astype(float), cell, float(time))


def _from_box(positions: np.ndarray, cell: np.ndarray | None, time: float | None = None) -> Raw:
    cell = np.zeros((3, 3)) if cell is None else np.asarray(cell, float)
    return Raw(positions.astype(float), None, cell, np.full(3, cell.any()), time)


def _read_ase(asked: Asked) -> Generator[Callable[[], Raw]]:
    # ASE's readers share no error; what they raise at a damaged frame ends the file.
    try:
        frames: Any = ase.io.iread(asked.path, index=":")  # a generator
        with closing(frames):
            for index, atoms in enumerate(frames):
                yield partial(_from_ase, atoms, asked.path, index)
    except (DataError, GeneratorExit):
        raise
    except Exception as error:
        raise Cut(f"ASE cannot read it ({type(error).__name__}: {error})") from error


def _from_ase(atoms: ase.Atoms, path: Path, index: int) -> Raw:
    velocities = None
    if atoms.has("momenta"):
        velocities = atoms.get_velocities() * (ase.units.fs / FS_IN_PS)
    unknown = np.flatnonzero(atoms.numbers < 1)
    if len(unknown):
        text = f"atom {unknown[0]} has no element (atomic number 0)"
        raise DataError(f"{text}; correct the file", path, index)
    time = _time(atoms.info, path, index)
    place = atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc
    return Raw(*place, time, velocities, charges=_ase_charges(atoms))


def _ase_charges(atoms: ase.Atoms) -> np.ndarray | None:
    """Calculated ones first."""
    calculated = atoms.calc.results if atoms.calc is not None else {}
    for name in CHARGE_COLUMNS:
        found = calculated.get(name, atoms.arrays.get(name))
        if found is not None and np.shape(found) == (len(atoms),):
            return np.array(found, dtype=float)
    return None
