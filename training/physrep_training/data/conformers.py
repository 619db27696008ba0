"""Conformers of many molecules (ANI-1), drawn once into flat files and served from there.

A compressed HDF5 file can be read from end to end, not in random order. So one pass over the
files writes what is drawn of them into the run's folder, as arrays that are mapped into memory:
what a fit holds does not grow with the number of conformers.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Self, overload

import numpy as np
from numpy.lib.format import open_memmap

from physrep.config import ConfigError
from physrep.io import DataError, Structure
from physrep.io.structures.ani import Molecule, iter_conformers, list_molecules
from physrep.progress import progress
from physrep_training.data.splits import Drawn, draw_conformers
from physrep_training.fit.fit_config import FitConfig

STORE = "conformers"  # in the run's folder
# One entry a conformer, except positions: one row an atom. Shapes behind the first axis.
ARRAYS: dict[str, tuple[type, tuple[int, ...]]] = {
    "positions": (np.float32, (3,)),  # A; ANI-1 keeps float32 itself
    "energies": (np.float64, ()),  # eV
    "molecules": (np.int32, ()),  # which entry of the table
    "rows": (np.int32, ()),  # which conformer of that molecule
    "validation": (np.bool_, ()),
}
Arrays = Mapping[str, np.ndarray]


class StoredMolecule(NamedTuple):
    """One molecule of a store and how many of its conformers are there."""

    file: int  # which of the store's files
    part: str  # train (and validation), test or a formula that is held out
    name: str
    smiles: str
    species: tuple[int, ...]  # atomic numbers
    first_frame: int
    n_stored: int


class ConformerStore:
    """A finished store: conformer k is ``structure(k)``, read from disk when asked for."""

    def __init__(self, folder: Path) -> None:
        table = json.loads((folder / "table.json").read_text())
        self.folder = folder
        self.made_from: dict[str, Any] = table["made_from"]
        self.files: list[str] = table["files"]
        self.molecules = [
            StoredMolecule(file, part, name, smiles, tuple(species), first_frame, n)
            for file, part, name, smiles, species, first_frame, n in table["molecules"]
        ]
        self.arrays: Arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS
        }
        n_stored = np.array([m.n_stored for m in self.molecules])
        n_atoms = n_stored * [len(m.species) for m in self.molecules]
        self._first_conformer = np.cumsum(n_stored) - n_stored
        self._first_atom = np.cumsum(n_atoms) - n_atoms

    def __len__(self) -> int:
        return len(self.arrays["energies"])

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        # A worker process maps the files itself; pickled arrays would be copies.
        return type(self), (self.folder,)

    def structure(self, index: int) -> Structure:
        """Conformer ``index`` as `read_structures` gives it, positions in float32's precision."""
        number = int(self.arrays["molecules"][index])
        molecule = self.molecules[number]
        n_atoms = len(molecule.species)
        first = self._first_atom[number] + (index - self._first_conformer[number]) * n_atoms
        return Structure(
            positions=self.arrays["positions"][first : first + n_atoms],
            species=np.array(molecule.species),
            energy=float(self.arrays["energies"][index]),
            info={"molecule": molecule.name}
            | ({"smiles": molecule.smiles} if molecule.smiles else {}),
            source=self.files[molecule.file],
            frame=molecule.first_frame + int(self.arrays["rows"][index]),
        )

    def view(self, part: str) -> "ConformerView":
        """Conformers of train, validation, test or a held-out formula."""
        wanted = "train" if part == "validation" else part
        chosen = np.array([m.part == wanted for m in self.molecules])[self.arrays["molecules"]]
        if part in ("train", "validation"):
            chosen &= self.arrays["validation"] == (part == "validation")
        return ConformerView(self, np.flatnonzero(chosen))

    def split(self) -> dict[str, Any]:
        """What went where: names of molecules by part and file, and numbers of conformers."""
        names: dict[str, dict[str, list[str]]] = {}
        counts = {
            file: dict.fromkeys(("molecules", "train", "validation", "test", "held_out"), 0)
            for file in self.files
        }
        n_validation = np.bincount(
            self.arrays["molecules"][self.arrays["validation"]], minlength=len(self.molecules)
        ).tolist()
        for molecule, n in zip(self.molecules, n_validation, strict=True):
            file = self.files[molecule.file]
            part = molecule.part if molecule.part in ("train", "test") else "held_out"
            counts[file]["molecules"] += 1
            counts[file]["validation"] += n
            counts[file][part] += molecule.n_stored - n
            if part != "train":
                named = names.setdefault(molecule.part, {})
                named.setdefault(file, []).append(molecule.name)
        test = names.pop("test", {})
        return {"counts": counts, "test": test, "held_out": names}


class ConformerView(Sequence[Structure]):
    """Some conformers of a store, as structures that are made when they are asked for."""

    def __init__(self, store: ConformerStore, indices: np.ndarray) -> None:
        """indices: (n,) conformers of the store."""
        self.store = store
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Structure: ...
    @overload
    def __getitem__(self, index: slice) -> "ConformerView": ...
    def __getitem__(self, index: int | slice) -> "Structure | ConformerView":
        if isinstance(index, slice):
            return ConformerView(self.store, self.indices[index])
        return self.store.structure(int(self.indices[index]))

    @property
    def molecules(self) -> np.ndarray:
        """Which molecule of the store each conformer is of, (n,)."""
        return self.store.arrays["molecules"][self.indices]

    def elements(self) -> set[int]:
        """Atomic numbers that occur, from the table of molecules."""
        table = self.store.molecules
        return {z for number in np.unique(self.molecules) for z in table[number].species}

    def evenly(self, at_most: int) -> "ConformerView":
        """At most so many of them, at even distances; they stand molecule by molecule."""
        if len(self) <= at_most:
            return self
        steps = np.linspace(0, len(self) - 1, at_most).astype(np.int64)
        return ConformerView(self.store, self.indices[steps])


def has_store(folder: Path) -> bool:
    """Whether the run's folder has a finished store."""
    return (folder / STORE).is_dir()


def conformer_store(config: FitConfig, folder: Path, resume: bool = False) -> ConformerStore:
    """The store of a run: newly drawn, or, for a resumed fit, the existing one.

    Raises:
        ConfigError: the disk is full, a part has no conformers, the files are not those that the
            store was made from. DataError: as `physrep.io.structures.ani.iter_conformers`.
    """
    made_from = _origin(config)
    if resume and has_store(folder):
        store = ConformerStore(folder / STORE)
        if store.made_from != made_from:
            raise ConfigError(
                f"{folder / STORE} was drawn from other files or by other settings than those "
                f"given now (files of {store.made_from['bytes']} bytes, now {made_from['bytes']}); "
                "a resumed fit must keep its data: give the same, or start with another output=..."
            )
        return store
    tables = [list_molecules(path) for path in config.data.files]
    _require_unique(tables, config.data.files)
    drawn = draw_conformers(tables, config.data, config.run.seed)
    _write(folder / STORE, config.data.files, drawn, made_from)
    return ConformerStore(folder / STORE)


def _origin(config: FitConfig) -> dict[str, Any]:
    """What the contents of a store follow from, as JSON has it."""
    return {
        "bytes": [path.stat().st_size for path in config.data.files],
        "data": json.loads(config.data.model_dump_json()),
        "seed": config.run.seed,
    }


def _require_unique(tables: Sequence[Sequence[Molecule]], files: Sequence[Path]) -> None:
    known: dict[str, Path] = {}
    for molecules, path in zip(tables, files, strict=True):
        for molecule in molecules:
            if molecule.name in known:
                raise DataError(
                    f"molecule {molecule.name} is in {known[molecule.name]} already; conformers "
                    "are told apart by the name of their molecule: give each one once",
                    path,
                )
            known[molecule.name] = path


def _write(
    folder: Path, files: Sequence[Path], drawn: Sequence[Drawn], made_from: dict[str, Any]
) -> None:
    """The whole store, or nothing of that name: it is written aside and renamed at the end."""
    partial = folder.with_suffix(".partial")
    for old in (partial, folder):
        shutil.rmtree(old, ignore_errors=True)
    partial.mkdir()
    arrays = _new_arrays(partial, drawn)
    for name, values in (
        ("molecules", [np.full(len(d.rows), k, np.int32) for k, d in enumerate(drawn)]),
        ("rows", [d.rows for d in drawn]),
        ("validation", [d.validation for d in drawn]),
    ):
        np.concatenate(values, out=arrays[name])
    _copy_conformers(files, drawn, arrays)
    for array in arrays.values():
        array.flush()
    table = {
        "made_from": made_from,
        "files": [str(path) for path in files],
        "molecules": [
            (d.file, d.part, m.name, m.smiles, m.species, m.first_frame, len(d.rows))
            for d, m in ((d, d.molecule) for d in drawn)
        ],
    }
    (partial / "table.json").write_text(json.dumps(table))
    partial.replace(folder)


def _new_arrays(folder: Path, drawn: Sequence[Drawn]) -> dict[str, np.memmap]:
    """Empty files of the final sizes.

    Raises:
        ConfigError: the disk has no room; a mapped file would crash the process later.
    """
    n_conformers = sum(len(d.rows) for d in drawn)
    n_atoms = sum(len(d.rows) * len(d.molecule.species) for d in drawn)
    shapes = {
        name: (n_atoms if name == "positions" else n_conformers, *rest)
        for name, (_, rest) in ARRAYS.items()
    }
    n_bytes = sum(np.dtype(ARRAYS[name][0]).itemsize * np.prod(shapes[name]) for name in ARRAYS)
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise ConfigError(
            f"{folder}: {n_conformers} conformers need {n_bytes / 1e9:.1f} GB and the disk has "
            f"{free / 1e9:.1f} GB left; give output=... on another one, or lower "
            "data.conformers.share or max_per_file"
        )
    return {
        name: open_memmap(folder / f"{name}.npy", "w+", dtype, shapes[name])
        for name, (dtype, _) in ARRAYS.items()
    }


def _copy_conformers(files: Sequence[Path], drawn: Sequence[Drawn], arrays: Arrays) -> None:
    """Positions and energies, in the order of ``drawn``, which is that of the files."""
    atom = 0
    structures = progress(_read_drawn(files, drawn), "fit", "conformer", len(arrays["energies"]))
    with closing(structures):
        for conformer, structure in enumerate(structures):
            arrays["positions"][atom : atom + len(structure)] = structure.positions
            arrays["energies"][conformer] = structure.energy
            atom += len(structure)


def _read_drawn(files: Sequence[Path], drawn: Sequence[Drawn]) -> Iterator[Structure]:
    for file, path in enumerate(files):
        chosen = {d.molecule.name: d.rows for d in drawn if d.file == file}
        with closing(iter_conformers(path, chosen)) as structures:
            yield from structures
