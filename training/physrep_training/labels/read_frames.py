"""Frames in any format, as ASE's atoms, with one clear error where a file cannot be read."""

from pathlib import Path

from ase import Atoms

from physrep.io import FORMATS, DataError
from physrep.io.structures.ase_files import read_by_ase
from physrep.io.structures.extxyz import iter_atoms


def read_frames(path: str | Path) -> list[Atoms]:
    """All frames: extended XYZ by physrep, which drops nothing, anything else by ASE.

    Raises:
        FileNotFoundError: there is no such file. DataError: it cannot be read, or is empty.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    if Path(path.name.lower().removesuffix(".gz")).suffix in FORMATS["extxyz"].suffixes:
        frames = list(iter_atoms(path))
    else:
        frames = read_by_ase(path)
    if not frames:
        raise DataError("holds no frames", path)
    return frames
