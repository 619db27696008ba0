"""ANI-1 HDF5 files: one group per molecule, all its conformers in one array.

A molecule is a group, at any depth, with `species` (n_atoms,) element symbols, `coordinates`
(n_conformers, n_atoms, 3) in A and `energies` (n_conformers,) in Hartree; `smiles` is the SMILES
string, a character an entry. `coordinatesHE` and `energiesHE`, the conformers ANI-1 sorted out
for their high energy, are not read.
"""

from collections.abc import Generator, Iterator
from pathlib import Path

import h5py
from ase.data import atomic_numbers

from physrep.io.raw import (
    LabelKeys,
    RawFrame,
    damage_as_data_error,
    require_names,
    resolve_keys,
)
from physrep.io.structures import DataError

DEFAULT_KEYS = LabelKeys(energy="energies")
CONFORMERS_PER_READ = 4096  # one molecule of ANI-1 can have 10^5 of them


def read_ani1(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
    """Conformers of an ANI-1 file, molecule by molecule, read from disk as they are asked for.

    Each `info` has the `molecule` (name of its group) and its `smiles` where the file gives it.

    Raises:
        DataError: the file is damaged, a molecule lacks an array, or its arrays do not match.
    """
    # h5py reports damage as any of these, depending on which part of the file is hit.
    damage = (OSError, RuntimeError, KeyError, TypeError, ValueError)
    with damage_as_data_error(path, *damage), h5py.File(path, "r") as file:
        for group in _molecules(file):
            yield from _conformers(group, asked, path)


def _molecules(group: h5py.Group) -> Iterator[h5py.Group]:
    if "coordinates" in group:
        yield group
        return
    for child in group.values():
        if isinstance(child, h5py.Group):
            yield from _molecules(child)


def _conformers(group: h5py.Group, asked: LabelKeys, path: Path) -> Generator[RawFrame]:
    keys = resolve_keys(asked, DEFAULT_KEYS, group, path)
    require_names(["species"], group, path)
    species = _species(group, path)
    info = {"molecule": group.name.rsplit("/", 1)[-1]}
    if "smiles" in group:
        info["smiles"] = b"".join(group["smiles"][()]).decode()
    positions = group["coordinates"]
    labels = keys.select(group)
    for label, dataset in labels.items():
        if len(dataset) != len(positions):
            raise DataError(
                f"molecule {info['molecule']} has {len(positions)} coordinates and "
                f"{len(dataset)} {label} entries; the file is damaged, fetch it again",
                path,
            )
    for start in range(0, len(positions), CONFORMERS_PER_READ):
        block = slice(start, start + CONFORMERS_PER_READ)
        label_blocks = {label: dataset[block] for label, dataset in labels.items()}
        for k, xyz in enumerate(positions[block]):
            here = {label: values[k] for label, values in label_blocks.items()}
            yield RawFrame(positions=xyz, species=species, info=dict(info), **here)


def _species(group: h5py.Group, path: Path) -> list[int]:
    symbols = [symbol.decode() for symbol in group["species"][()]]
    try:
        return [atomic_numbers[symbol] for symbol in symbols]
    except KeyError as error:
        raise DataError(f"molecule {group.name}: {error} is no element symbol", path) from error
