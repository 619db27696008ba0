"""ANI-1 HDF5 files: one group per molecule, all its conformers in one array.

A molecule is a group, at any depth, with `species` (n_atoms,) element symbols, `coordinates`
(n_conformers, n_atoms, 3) in A and `energies` (n_conformers,) in Hartree; `smiles` is the SMILES
string, one character per entry. `coordinatesHE` and `energiesHE`, the conformers that ANI-1
excluded because of their high energy, are not read.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from ase.data import atomic_numbers

from physrep.io.structures.convert import to_structure
from physrep.io.structures.label_units import parse_units
from physrep.io.structures.raw import (
    LabelKeys,
    RawFrame,
    damage_as_data_error,
    require_names,
    resolve_keys,
)
from physrep.io.structures.structure import DataError, Structure

ANI_UNITS = "Hartree"
DEFAULT_KEYS = LabelKeys(energy="energies")
HIGH_ENERGY = ("coordinatesHE", "energiesHE")
CONFORMERS_PER_READ = 4096  # one molecule of ANI-1 can have 10^5 of them


class Molecule(NamedTuple):
    """One molecule of a file, without its conformers."""

    name: str  # of its group, without the groups above
    smiles: str  # empty where the file gives none
    species: tuple[int, ...]  # atomic numbers
    n_conformers: int
    first_frame: int  # number of its first conformer, as `read_structures` counts in this file


def read_ani1(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
    """Conformers of an ANI-1 file, molecule by molecule, read from disk one by one.

    Each `info` has the `molecule` (name of its group) and its `smiles` where the file gives it.

    Raises:
        DataError: the file is damaged, a molecule lacks an array, or its arrays do not match.
    """
    with _damage(path), h5py.File(path, "r") as file:
        for group in _molecules(file):
            yield from _conformers(group, asked, path)


def list_molecules(path: Path) -> list[Molecule]:
    """What an ANI-1 file holds, in the order of `read_ani1`; no conformer is read.

    Raises:
        DataError: as `read_ani1`; also, already here, a molecule without energies or with
            coordinates that do not have its number of atoms.
    """
    molecules = []
    first_frame = 0
    with _damage(path), h5py.File(path, "r") as file:
        for group in _molecules(file):
            molecule = _molecule(group, path, first_frame)
            molecules.append(molecule)
            first_frame += molecule.n_conformers
    if not molecules:
        raise DataError("holds no molecules; fetch it again or name its format", path)
    return molecules


def iter_conformers(path: Path, chosen: Mapping[str, np.ndarray]) -> Generator[Structure]:
    """Selected conformers of selected molecules, checked, in eV and A, in one pass over the file.

    At most CONFORMERS_PER_READ conformers of one molecule are in memory at a time. They are
    those of `read_structures`, frame numbers included, and each has an energy.

    Args:
        path: the file.
        chosen: by name of the molecule, which of its conformers, (n,) ascending, from 0.

    Raises:
        DataError: as `read_structures`, for what was chosen; the message names the molecule too.
    """
    first_frame = 0
    with _damage(path), h5py.File(path, "r") as file:
        for group in _molecules(file):
            rows = chosen.get(_name(group))
            if rows is not None:
                frames = _conformers(group, LabelKeys(), path, rows)
                for row, raw in zip(rows.tolist(), frames, strict=True):
                    yield _checked(raw, path, first_frame + row)
            first_frame += len(group["coordinates"])


def _checked(raw: RawFrame, path: Path, frame: int) -> Structure:
    with _naming(raw.info["molecule"]):
        return to_structure(raw, parse_units(ANI_UNITS), path, frame).validate(("energy",))


@contextmanager
def _naming(molecule: str) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        named = DataError(f"molecule {molecule}: {error}")
        named.source, named.frame = error.source, error.frame
        raise named from None


def _damage(path: Path) -> AbstractContextManager[None]:
    # h5py reports damage as any of these, depending on which part of the file is hit.
    return damage_as_data_error(path, OSError, RuntimeError, KeyError, TypeError, ValueError)


def _molecules(group: h5py.Group) -> Iterator[h5py.Group]:
    if "coordinates" in group:
        yield group
        return
    for child in group.values():
        if isinstance(child, h5py.Group):
            yield from _molecules(child)


def _molecule(group: h5py.Group, path: Path, first_frame: int) -> Molecule:
    with _naming(_name(group)):
        require_names(["species", "energies"], group, path)
    species = _species(group, path)
    positions = group["coordinates"]
    _require_same_length(group, "energy", group["energies"], path)
    if positions.shape[1:] != (len(species), 3):
        raise DataError(
            f"molecule {_name(group)} has {len(species)} species and coordinates of shape "
            f"{positions.shape}, not (n_conformers, {len(species)}, 3); the file is damaged, "
            "fetch it again",
            path,
        )
    return Molecule(_name(group), _smiles(group), tuple(species), len(positions), first_frame)


def _conformers(
    group: h5py.Group, asked: LabelKeys, path: Path, rows: np.ndarray | None = None
) -> Generator[RawFrame]:
    """All conformers of a molecule, or those of `rows` (ascending)."""
    keys = resolve_keys(asked, DEFAULT_KEYS, group, path)
    require_names(["species"], group, path)
    species = _species(group, path)
    info = {"molecule": _name(group)}
    if "smiles" in group:
        info["smiles"] = _smiles(group)
    positions = group["coordinates"]
    labels = keys.select(group)
    for label, dataset in labels.items():
        _require_same_length(group, label, dataset, path)
    unread = _unread(group, keys)
    # The arrays are compressed in chunks: whole blocks, in order, unpack each chunk about once.
    for start in range(0, len(positions), CONFORMERS_PER_READ):
        stop = min(start + CONFORMERS_PER_READ, len(positions))
        wanted = range(start, stop) if rows is None else _within(rows, start, stop)
        if len(wanted) == 0:
            continue
        xyz = positions[start:stop]
        values = {label: dataset[start:stop] for label, dataset in labels.items()}
        for row in wanted:
            here = {label: block[row - start] for label, block in values.items()}
            yield RawFrame(
                positions=xyz[row - start], species=species, info=dict(info), unread=unread, **here
            )


def _unread(group: h5py.Group, keys: LabelKeys) -> dict[str, np.ndarray]:
    """First row of every array per conformer that is not read here, by name."""
    known = {"species", "coordinates", "smiles", *HIGH_ENERGY, *keys}
    n_conformers = len(group["coordinates"])
    others = (group[name] for name in group if name not in known)
    return {
        _name(array): array[0]
        for array in others
        if isinstance(array, h5py.Dataset) and 0 < n_conformers == (*array.shape, -1)[0]
    }


def _within(rows: np.ndarray, start: int, stop: int) -> np.ndarray:
    first, last = np.searchsorted(rows, (start, stop))
    return rows[first:last]


def _name(group: h5py.Group) -> str:
    return group.name.rsplit("/", 1)[-1]


def _smiles(group: h5py.Group) -> str:
    return b"".join(group["smiles"][()]).decode() if "smiles" in group else ""


def _require_same_length(group: h5py.Group, label: str, dataset: h5py.Dataset, path: Path) -> None:
    n_conformers = len(group["coordinates"])
    if len(dataset) != n_conformers:
        raise DataError(
            f"molecule {_name(group)} has {n_conformers} coordinates and "
            f"{len(dataset)} {label} entries; the file is damaged, fetch it again",
            path,
        )


def _species(group: h5py.Group, path: Path) -> list[int]:
    symbols = [symbol.decode() for symbol in group["species"][()]]
    try:
        return [atomic_numbers[symbol] for symbol in symbols]
    except KeyError as error:
        raise DataError(f"molecule {group.name}: {error} is not an element symbol", path) from error
