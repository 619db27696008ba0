"""physrep's own store: many frames, of one or several compositions, in one compressed npz.

Everything is in eV and A; no array is pickled. With n frames of N atoms in total:

    format          "physrep-structures"
    format_version  2
    offsets         (n + 1,) int64; frame k has the atoms offsets[k] to offsets[k + 1] - 1
    species         (N,) int64, atomic numbers
    positions       (N, 3) float64
    cell            (n, 3, 3) float64, one vector per row, zeros where not periodic
    pbc             (n, 3) bool
    has_LABEL       (n,) bool, for each of the labels below: whether the frame has it
    energy          (n,) float64, zero where there is none
    forces          (N, 3) float64, zeros where there are none
    virial          (n, 3, 3) float64, zeros where there is none; -dE/dstrain
    charges         (N,) float64, e, zeros where there are none; not in version 1
    dipole          (n, 3) float64, e A, zeros where there is none; not in version 1
    info            (n,) text, one JSON object per frame, the total charge among it
"""

import io
import json
import zipfile
import zlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from physrep.io.structures.raw import LabelKeys, RawFrame, damage_as_data_error, require_names
from physrep.io.structures.structure import LABELS, DataError, Structure, label_shapes
from physrep.output import write_file

FORMAT_NAME = "physrep-structures"
FORMAT_VERSION = 2
BLOCK = 4096  # structures
ATOM_ARRAYS = ("species", "positions")
ATOM_LABELS = ("forces", "charges")  # the others are of frames
FRAME_ARRAYS = ("cell", "pbc", "info")
SINCE_VERSION_2 = ("charges", "dipole")


def _arrays(labels: Iterable[str]) -> dict[str, bool]:
    """The arrays of a store with these labels, and whether each is of atoms or of frames."""
    labels = tuple(labels)
    return {
        **dict.fromkeys(ATOM_ARRAYS, True),
        **dict.fromkeys(FRAME_ARRAYS, False),
        **{name: name in ATOM_LABELS for name in labels},
        **{f"has_{name}": False for name in labels},
    }


FIRST_LABELS = tuple(name for name in LABELS if name not in SINCE_VERSION_2)
# What a store of any version has.
ARRAYS = ("format", "format_version", "offsets", *_arrays(FIRST_LABELS))


def write_npz(path: str | Path, structures: Iterable[Structure]) -> None:
    """Write structures to physrep's npz store (layout above), to be read by `read_structures`.

    They may come from a generator: of those written no more than ``BLOCK`` are held, the others as
    flat arrays. Source and frame number are not kept: a structure read back is numbered by its
    place in the store. Arrays in `info` come back as lists. Equal structures give equal bytes.

    Raises:
        DataError: the name does not end in .npz, there are no structures, one of them is not
            valid, or its `info` cannot be written as JSON. OutputError: a full disk, ...
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise DataError(f"the name of a physrep store must end in .npz, got {path.name!r}")
    waiting = iter(structures)
    blocks = [_flat(block) for block in iter(lambda: list(islice(waiting, BLOCK)), [])]
    if not blocks:
        raise DataError("there are no structures to write", path)
    arrays: dict[str, Any] = {
        name: np.concatenate([block.pop(name) for block in blocks]) for name in [*blocks[0]]
    }
    offsets = np.concatenate([[0], np.cumsum(arrays.pop("n_atoms"))])
    stream = io.BytesIO()
    np.savez_compressed(
        stream, format=FORMAT_NAME, format_version=FORMAT_VERSION, offsets=offsets, **arrays
    )
    write_file(path, stream.getvalue())


def _flat(structures: Sequence[Structure]) -> dict[str, np.ndarray]:
    """The arrays of these structures alone, and n_atoms in place of offsets."""
    for structure in structures:
        structure.validate()
    present = {
        f"has_{name}": np.array([getattr(structure, name) is not None for structure in structures])
        for name in LABELS
    }
    return {
        "n_atoms": np.array([len(structure) for structure in structures]),
        "species": np.concatenate([structure.species for structure in structures]),
        "positions": np.concatenate([structure.positions for structure in structures]),
        "cell": np.stack([structure.cell for structure in structures]),
        "pbc": np.stack([structure.pbc for structure in structures]),
        "info": np.array([_info_as_json(structure) for structure in structures]),
        **present,
        **{name: _joined(name, structures) for name in LABELS},
    }


def read_physrep_npz(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
    """Frames of physrep's own store.

    Raises:
        DataError: the file is damaged, lacks an array, its arrays do not match, or it was
            written by a later version of physrep; label keys were given.
    """
    if any(asked):
        raise DataError("a physrep store has fixed label names; give no label keys", path)
    arrays = load_arrays(path)
    require_names(list(ARRAYS), arrays, path)
    if arrays["format_version"] > FORMAT_VERSION:
        raise DataError(
            f"has format version {arrays['format_version']}, this physrep reads up to "
            f"{FORMAT_VERSION}; update physrep",
            path,
        )
    labels = FIRST_LABELS if arrays["format_version"] < 2 else LABELS
    require_names(list(_arrays(labels)), arrays, path)
    _check_lengths(arrays, _arrays(labels), path)
    for frame, (start, stop) in enumerate(pairwise(arrays["offsets"])):
        atoms = slice(start, stop)
        present: dict[str, Any] = {
            name: arrays[name][atoms if name in ATOM_LABELS else frame]
            for name in labels
            if arrays[f"has_{name}"][frame]
        }
        yield RawFrame(
            positions=arrays["positions"][atoms],
            species=arrays["species"][atoms],
            info=_info_from_json(str(arrays["info"][frame]), path, frame),
            cell=arrays["cell"][frame],
            pbc=arrays["pbc"][frame],
            **present,
        )


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an npz file; DataError where it is damaged or holds pickled objects."""
    # TypeError: a lone array under the name of an archive. RuntimeError: damaged zip flags.
    damage = (
        OSError,
        EOFError,
        RuntimeError,
        TypeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    )
    # Opened here: np.load leaves a file that it cannot read open.
    with (
        damage_as_data_error(path, *damage),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        return {name: archive[name] for name in archive.files}


def _joined(label: str, structures: Sequence[Structure]) -> np.ndarray:
    """A label of all structures, zeros where it is missing; those of atoms one after the other."""
    values = [
        np.zeros(label_shapes(len(s))[label]) if getattr(s, label) is None else getattr(s, label)
        for s in structures
    ]
    return np.concatenate(values) if label in ATOM_LABELS else np.stack(values)


def _check_lengths(
    arrays: Mapping[str, np.ndarray], of_atoms: Mapping[str, bool], path: Path
) -> None:
    offsets = arrays["offsets"]
    n_frames, n_atoms = len(offsets) - 1, len(arrays["species"])
    if offsets[0] != 0 or offsets[-1] != n_atoms or (np.diff(offsets) < 0).any():
        raise DataError(
            f"offsets run from {offsets[0]} to {offsets[-1]}; they must grow from 0 to the "
            f"{n_atoms} atoms of species: write the store again",
            path,
        )
    for name, per_atom in of_atoms.items():
        length = n_atoms if per_atom else n_frames
        if arrays[name].shape[:1] != (length,):
            raise DataError(
                f"{name} has shape {arrays[name].shape}; it needs {length} entries: write the "
                f"store again",
                path,
            )


def _info_as_json(structure: Structure) -> str:
    try:
        return json.dumps(structure.info, default=_array_as_list)
    except TypeError as error:
        raise DataError(
            f"info cannot be stored ({error}); keep numbers, text, lists and arrays in it",
            structure.source,
            structure.frame,
        ) from error


def _array_as_list(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{value!r} is a {type(value).__name__}")


def _info_from_json(text: str, path: Path, frame: int) -> dict[str, Any]:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"info {text[:60]!r} is not JSON ({error}); write the store again", path, frame
        ) from error
