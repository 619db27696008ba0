"""QM9 (B3LYP/6-31G(2df,p)) from the package qm9pack: structures with energies, charges and parts.

R. Ramakrishnan, P. O. Dral, M. Rupp and O. A. von Lilienfeld, Sci. Data 1 (2014) 140022. Of its
133,885 molecules the authors list 3,054 (uncharacterized.txt) whose relaxed geometry and starting
geometry are not the same molecule. They are left out, as in most work on QM9; the package does not
have them, and what it lacks is compared with that list.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from ase.units import Hartree

from physrep.config import ConfigError
from physrep.io import DataError, Structure

PACKAGE, VERSION = "qm9pack", "1.0.3"
FILES = ("qm9_part1.csv", "qm9_part2.csv", "qm9_part3.csv")
LAST_INDEX = 133_885
N_LEFT_OUT = 3_054
# SHA-256 of the indices in uncharacterized.txt, ascending, with spaces between them.
LEFT_OUT = "b2122445980485784d79647496d79b7a0ceb90f986ec410f62582c37a3b283cf"
TEST, VALIDATION = (3, 9, 16), (0,)  # remainders of index / 20
PUNCTUATION = str.maketrans("", "", "[]' ")
COLUMNS = (
    "Index",
    "SMILES",
    "N_atoms",
    "Elements",
    "XYZ_Ang",
    "Mulliken_pop",
    "InternalEnergy_0K_au",
)


def part_of(index: int) -> str:
    """train (80 %), validation (5 %) or test (15 %) by the molecule's number in QM9 alone."""
    remainder = index % 20
    if remainder in TEST:
        return "test"
    return "validation" if remainder in VALIDATION else "train"


def qm9_files() -> list[Path]:
    """The tables of the installed package, in the order of the molecules.

    Raises:
        ConfigError: it is not installed, or lacks one.
    """
    # Not imported: it imports pandas and pkg_resources, which nothing here needs.
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ConfigError('qm9pack is not installed; pip install "physrep[qm9]"')
    folder = Path(found.submodule_search_locations[0]) / "data"
    files = [folder / name for name in FILES]
    for file in files:
        if not file.is_file():
            raise ConfigError(
                f"qm9pack has no {file}; physrep reads version {VERSION}: "
                f"pip install {PACKAGE}=={VERSION}"
            )
    return files


def read_qm9(files: Sequence[Path]) -> Iterator[Structure]:
    """All molecules, one after the other, at equilibrium, in the order of the tables.

    Energies are U0 (internal energy at 0 K, eV), charges Mulliken's (e). ``info`` has ``index``
    (the number in QM9), ``smiles`` and ``part`` (:func:`part_of`).

    Raises:
        DataError: a row that is not as it should be, with file and row.
    """
    csv.field_size_limit(1_000_000)
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            head = next(rows, [])
            missing = [name for name in COLUMNS if name not in head]
            if missing:
                raise DataError(f"has no column {', '.join(missing)}; {_again()}", path)
            places = [head.index(name) for name in COLUMNS]
            for number, row in enumerate(rows):
                yield _molecule(row, places, path, number)


def checked(molecules: Iterable[Structure]) -> Iterator[Structure]:
    """The same, and at the end an error unless they were the whole of QM9.

    Raises:
        DataError: molecules out of order, twice, or others than those to leave out are missing.
    """
    is_there = np.zeros(LAST_INDEX + 1, dtype=bool)
    last = 0
    for molecule in molecules:
        index = molecule.info["index"]
        if not last < index <= LAST_INDEX:
            raise DataError(
                f"index {index} follows {last}; indices must rise, up to {LAST_INDEX}: {_again()}",
                molecule.source,
                molecule.frame,
            )
        is_there[index] = True
        last = index
        yield molecule
    left_out = np.flatnonzero(~is_there[1:]) + 1
    digest = hashlib.sha256(" ".join(map(str, left_out)).encode()).hexdigest()
    if digest != LEFT_OUT:
        raise DataError(
            f"{len(left_out)} of {LAST_INDEX} molecules are missing; the {N_LEFT_OUT} that the "
            f"authors list as inconsistent should be, and no others: {_again()}"
        )


def _again() -> str:
    return f"install {PACKAGE}=={VERSION} again"


def _entries(text: str) -> list[str]:
    """What stands in a list of Python, without its brackets and quotes; numbers may end in a dot,
    so it is not JSON.
    """
    return text.translate(PUNCTUATION).split(",")


def _molecule(row: Sequence[str], places: Sequence[int], path: Path, number: int) -> Structure:
    try:
        index, smiles, n_atoms, elements, positions, charges, energy = (row[k] for k in places)
        symbols = _entries(elements)
        if len(symbols) != int(n_atoms):
            raise ValueError(f"{len(symbols)} elements of {n_atoms} atoms")
        return Structure(
            positions=np.array(_entries(positions), dtype=float).reshape(-1, 3),
            species=np.array([atomic_numbers[symbol] for symbol in symbols]),
            energy=Hartree * float(energy),
            charges=np.array(_entries(charges), dtype=float),
            info={"index": int(index), "smiles": smiles, "part": part_of(int(index))},
            source=str(path),
            frame=number,
        )
    except (ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"cannot be read ({type(error).__name__}: {error}); {_again()}", path, number
        ) from error
