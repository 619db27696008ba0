"""Trajectories, one frame at a time: extended XYZ, LAMMPS dump, DCD, XTC, and what ASE reads.

    trajectory = open_trajectory("run.dcd", topology="ean.pdb", dt=0.01)
    for frame in trajectory: ...        # may be repeated; frames are read one by one

Units: A, ps, A/ps. Species are known once and are the same in every frame.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import ase.io
import numpy as np
from ase.data import chemical_symbols

from physrep.io.structures.raw import Cut
from physrep.io.structures.structure import FLAT_CELL_WIDTH, DataError
from physrep.io.trajectories.mdtraj_files import mdtraj_for
from physrep.io.trajectories.trajectory_formats import (
    LAMMPS_TIME_IN_PS,
    Raw,
    cheap_count,
    reader_of,
)


class TrajectoryWarning(UserWarning):
    """The file ends within a frame; the frames before it were read."""


class Frame(NamedTuple):
    """One configuration.

    positions: (n_atoms, 3) A; cell: (3, 3) A, rows, zeros where there is none; pbc: (3,) bool;
    time: ps or None; velocities: (n_atoms, 3) A/ps or None; wrapped: whether coordinates may have
    been put back into the cell (False: they are known to be unwrapped); index: number of the frame
    in the file, from 0; charges: (n_atoms,) e, NaN where one is unknown, or None.
    """

    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    time: float | None
    velocities: np.ndarray | None
    wrapped: bool
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody calls here
    charges: np.ndarray | None = None


@dataclass(eq=False)
class Trajectory:
    """Frames of one file; see `open_trajectory`.

    species: (n_atoms,) atomic numbers; n_frames: number of frames of an undamaged file,
    None if it is known only after all of it was read.
    """

    path: Path
    frames: slice
    dt: float | None = None
    units: str | None = None
    elements: Mapping[int, str] = field(default_factory=dict)
    require_cell: bool = False
    species: np.ndarray | None = None
    n_frames: int | None = None
    _sound_cell: bytes = field(default=b"", init=False, repr=False)

    def __iter__(self) -> Iterator[Frame]:
        raw_frames, given, index = reader_of(self.path)(self), 0, -1
        steps: list[tuple[int, int]] = []
        with closing(raw_frames):
            try:
                for index, parse in enumerate(islice(raw_frames, self.frames.stop)):
                    if index >= self.frames.start and not (
                        (index - self.frames.start) % self.frames.step
                    ):
                        yield self._checked(parse(), index, steps)
                        given += 1
            except Cut as problem:
                text = f"{self.path}: frame {index + 1} (counted from 0): {problem}; "
                if not given:
                    raise DataError(f"{text}nothing before it; fetch the file again") from None
                text += f"{given} frames before it were read"
                warnings.warn(text, TrajectoryWarning, stacklevel=2)
        if not given:
            before = "" if self.frames.stop is None else f" and before {self.frames.stop}"
            raise DataError(
                f"holds {index + 1} frames, none of them from {self.frames.start} on{before} "
                "(counted from 0); fetch the file again or choose other frames",
                self.path,
            )

    def count(self) -> int:
        """Number of frames of an iteration; text files are read for it, but not parsed.

        Raises:
            DataError: a frame that is not where it should be.
        """
        if self.n_frames is not None:
            return self.n_frames
        raw_frames, n_whole = reader_of(self.path)(self), 0
        with closing(raw_frames), suppress(Cut):  # said when the frames are read
            for _ in islice(raw_frames, self.frames.stop):
                n_whole += 1
        self.n_frames = len(range(n_whole)[self.frames])
        return self.n_frames

    def _checked(self, raw: Raw, index: int, steps: list[tuple[int, int]]) -> Frame:
        """The frame, with the species of the first; `steps` keeps what an even spacing needs."""
        self._check_species(raw, index)
        for name in ("positions", "cell", "velocities"):
            value = getattr(raw, name)
            if value is not None and not np.isfinite(value).all():
                row = int(np.argwhere(~np.isfinite(value))[0][0])
                text = f"{name}[{row}] = {value[row]} is not finite; --stop {index} leaves it out"
                raise self._error(text, index)
        if raw.charges is not None and np.isinf(raw.charges).any():
            atom = int(np.flatnonzero(np.isinf(raw.charges))[0])
            text = f"the charge of atom {atom} is {raw.charges[atom]}; write nan where one is not"
            raise self._error(f"{text} known", index)
        pbc = np.asarray(raw.pbc, bool)
        cell = np.where(pbc[:, None], raw.cell, 0.0)
        known = cell.tobytes() + pbc.tobytes() == self._sound_cell
        if (
            pbc.any()
            and not known
            and np.linalg.svd(cell[pbc], compute_uv=False).min() < FLAT_CELL_WIDTH
        ):
            raise self._error(f"periodic, and the cell {cell.tolist()} has no volume", index)
        self._sound_cell = cell.tobytes() + pbc.tobytes()
        if self.require_cell and not pbc.all():
            text = f"no periodic cell (pbc = {pbc.tolist()}), and this analysis needs one"
            raise self._error(f"{text}; write the trajectory with its cell", index)
        time = raw.time
        if self.dt is not None:
            self._check_steps(raw.step, index, steps)
            time = self.dt * index
        place = raw.positions, cell, pbc
        return Frame(*place, time, raw.velocities, raw.wrapped, index, raw.charges)

    def _check_species(self, raw: Raw, index: int) -> None:
        if self.species is None:
            if raw.species is None:
                raise DataError(
                    "holds no elements; give --topology FILE (topology= in Python), PDB or GRO",
                    self.path,
                )
            self.species = raw.species
        n_atoms = len(self.species)
        if len(raw.positions) != n_atoms:
            text = f"has {len(raw.positions)} atoms, the first frame or the topology {n_atoms}"
            raise self._error(f"{text}; the number of atoms must not change", index)
        if raw.species is not None and not np.array_equal(raw.species, self.species):
            atom = int(np.flatnonzero(raw.species != self.species)[0])
            here, usual = (chemical_symbols[z[atom]] for z in (raw.species, self.species))
            text = f"atom {atom} is {here}, in the first frame or the topology {usual}"
            raise self._error(f"{text}; every frame needs the same atoms in the same order", index)

    def _check_steps(self, step: int | None, index: int, seen: list[tuple[int, int]]) -> None:
        """dt is the time between stored frames: the steps of a dump must be evenly spaced."""
        if step is None:
            return
        if len(seen) < 2:
            seen.append((index, step))
            return
        (i0, s0), (i1, s1) = seen
        even = s0 + (s1 - s0) * (index - i0) / (i1 - i0)
        if step != even:
            text = f"is step {step}; with dt={self.dt:g} ps between frames, step {even:g} belongs"
            raise self._error(f"{text} here: write frames evenly or leave dt out", index)

    def _error(self, problem: str, index: int) -> DataError:
        return DataError(problem, self.path, index)


def open_trajectory(
    path: str | Path,
    topology: str | Path | None = None,
    stride: int = 1,
    start: int = 0,
    stop: int | None = None,
    dt: float | None = None,
    units: str | None = None,
    elements: Mapping[int, str] | None = None,
    require_cell: bool = False,
) -> Trajectory:
    """Open a trajectory and read its first frame.

    Args:
        path: .extxyz/.xyz, .dump/.lammpstrj (each also .gz), .dcd, .xtc, or any file ASE reads.
        topology: a structure with the same atoms in the same order, PDB, GRO or what ASE reads;
            needed for DCD and XTC, which hold no elements.
        start, stop, stride: which frames, as in a slice; 0 is the first of the file.
        dt: ps between frames in the file; replaces times in the file. Without it,
            times come from XTC, from `ITEM: TIME` of a dump, or from `time` (taken as ps) of
            extended XYZ and ASE files; else they are None. The unit of times in DCD files
            is not known.
        units: of a LAMMPS dump, "metal" or "real"; only velocities and times need it, where the
            dump has no `ITEM: UNITS`. elements: element of each LAMMPS atom type, {1: "C"}.
        require_cell: refuse frames that are not periodic in three directions.

    Raises:
        DataError: no topology where it is needed, unknown elements, no frames, another number or
            order of atoms in a later frame, a number that is not finite, a cell without volume.
        FileNotFoundError, ValueError: no such file; an invalid argument.

    A file that ends within a frame gives the frames before it and a `TrajectoryWarning`.
    """
    path = Path(path)
    for name in (path, Path(topology) if topology else path):
        if not name.is_file():
            raise FileNotFoundError(f"{name}: no such file")
    if start < 0 or stride < 1 or (stop is not None and stop <= start):
        given = f"start={start}, stop={stop}, stride={stride}"
        raise ValueError(f"{given}: need start >= 0, stop > start, stride >= 1")
    if dt is not None and not dt > 0.0:
        raise ValueError(f"dt={dt}: must be above 0 (ps between stored frames)")
    if units is not None and units not in LAMMPS_TIME_IN_PS:
        raise ValueError(f"units={units!r}: not known; choose {' or '.join(LAMMPS_TIME_IN_PS)}")
    species = read_topology(topology) if topology else None
    chosen = slice(start, stop, stride)
    trajectory = Trajectory(path, chosen, dt, units, elements or {}, require_cell, species)
    with warnings.catch_warnings():  # said again when the frames are read
        warnings.simplefilter("ignore", TrajectoryWarning)
        next(iter(trajectory))
    total = cheap_count(path)
    trajectory.n_frames = None if total is None else len(range(total)[chosen])
    return trajectory


def iter_frames(
    path: str | Path, topology: str | Path | None = None, **options: Any
) -> Iterator[Frame]:
    """Frames of `open_trajectory` with the same arguments."""
    return iter(open_trajectory(path, topology, **options))


def read_topology(path: str | Path) -> np.ndarray:
    """Atomic numbers (n_atoms,) of a PDB or GRO file (through mdtraj) or one that ASE reads.

    Raises:
        DataError: the file cannot be read or an atom has no element.
    """
    path = Path(path)
    try:
        if path.suffix.lower() in (".pdb", ".gro"):
            atoms = list(mdtraj_for(path).load_topology(str(path)).atoms)
            species = [getattr(atom.element, "atomic_number", 0) for atom in atoms]
        else:
            species = next(ase.io.iread(path)).numbers.tolist()
    # Readers of two libraries, with no error in common.
    except Exception as error:
        text = f"cannot be read as a topology ({type(error).__name__}: {error})"
        raise DataError(f"{text}; give a PDB or GRO file", path) from error
    unknown = [k for k, z in enumerate(species) if z < 1]
    if unknown or not species:
        what = f"atom {unknown[0]} has no element" if unknown else "holds no atoms"
        raise DataError(f"{what}; fill in the element column of the topology", path)
    return np.array(species, dtype=np.int64)
