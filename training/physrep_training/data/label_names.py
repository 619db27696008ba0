"""Under which names a file keeps its labels, where they are not those of its format."""

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from physrep.io import DataError, Structure, iter_structures
from physrep.io.structures.npz import load_arrays

NAMES = {
    "energy": re.compile(r"energy|energies|^E$|^U0?(_|$)", re.IGNORECASE),
    "forces": re.compile(r"force", re.IGNORECASE),
    "stress": re.compile(r"stress", re.IGNORECASE),
    "virial": re.compile(r"virial", re.IGNORECASE),
}
# Numbers about a label that are not the label.
OTHER_QUANTITIES = re.compile(
    r"per_?atom|kinetic|barrier|atomi[sz]ation|max|rms|norm|std|var|error|weight|temperature",
    re.IGNORECASE,
)
FORMAT_NAMES = ("REF_{}", "{}")  # extxyz; docs/formats.md


def find_label_names(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Names to read, and names that may be the same label at another level of theory.

    Returns:
        label (energy, forces, stress, virial) -> name, empty where the format's own names give
        energies and forces; label -> further names.

    Raises:
        DataError: the file cannot be read.
    """
    first = next(islice(iter_structures(path), 1))
    candidates = _candidates(_arrays(path, first), len(first))
    missing = [
        label
        for label in ("energy", "forces")
        if getattr(first, label) is None and candidates[label]
    ]
    if not missing:
        return {}, candidates
    # With one name given only named labels are read, so all of them are named.
    names = {}
    for label, unusual in candidates.items():
        usual = [text.format(label) for text in FORMAT_NAMES]
        readable = [*(name for name in usual if _reads(path, label, name)), *unusual]
        if readable:
            names[label] = readable[0]
    if "virial" in names:
        names.pop("stress", None)
    others = {
        label: [name for name in unusual if name != names.get(label)]
        for label, unusual in candidates.items()
    }
    return names, others


def names_read_by_default(path: Path) -> dict[str, str]:
    """The names that the labels of an extxyz file have; empty for formats with fixed names."""
    if ".xyz" not in path.suffixes and ".extxyz" not in path.suffixes:
        return {}
    for text in FORMAT_NAMES:  # one set is read, never a mixture
        names = {label: text.format(label) for label in NAMES}
        present = {label: name for label, name in names.items() if _reads(path, label, name)}
        if present:
            return present
    return {}


def _arrays(path: Path, first: Structure) -> Mapping[str, Any]:
    """What the first frame has, geometry and the labels that were read aside."""
    if path.suffix != ".npz":
        return first.info
    arrays = load_arrays(path)
    n_frames = {len(a) for a in arrays.values() if a.ndim == 3 and a.shape[1:] == (len(first), 3)}
    return {name: a[0] for name, a in arrays.items() if a.ndim and len(a) in n_frames}


def _candidates(arrays: Mapping[str, Any], n_atoms: int) -> dict[str, list[str]]:
    """Names whose words and shape fit each label, the shortest first."""
    return {
        label: sorted(
            (
                name
                for name, value in arrays.items()
                if pattern.search(name)
                and not OTHER_QUANTITIES.search(name)
                and _has_shape(label, value, n_atoms)
            ),
            key=lambda name: (len(name), name),
        )
        for label, pattern in NAMES.items()
    }


def _has_shape(label: str, value: Any, n_atoms: int) -> bool:
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        return False
    if array.dtype.kind not in "iuf":
        return False
    if label == "energy":
        return array.ndim == 0
    return array.shape == (n_atoms, 3) if label == "forces" else array.size in (6, 9)


def _reads(path: Path, label: str, name: str) -> bool:
    try:
        next(islice(iter_structures(path, **{f"{label}_key": name}), 1))
    except DataError:
        return False
    return True
