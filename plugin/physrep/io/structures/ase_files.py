"""Frames of any file that ASE reads, with one clear error where it cannot."""

from pathlib import Path

import ase.io
from ase import Atoms

from physrep.io.structures.structure import DataError


def read_by_ase(path: str | Path) -> list[Atoms]:
    """All frames of a file, as ASE reads them.

    Raises:
        FileNotFoundError: there is no such file. DataError: ASE cannot read it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return list(ase.io.iread(path))
    # ASE's readers have no error of their own for what a damaged file does to them.
    except Exception as error:
        raise DataError(
            f"ASE cannot read it ({type(error).__name__}: {error}); give extended XYZ", path
        ) from error
