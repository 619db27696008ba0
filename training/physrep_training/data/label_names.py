"""Under which names a file keeps its labels, where they are not those of its format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from physrep.io import DataError, Structure, iter_structures
from physrep.io.structures.extxyz import PREFIX, SPELLINGS
from physrep.io.structures.label_candidates import label_candidates
from physrep.io.structures.npz import load_arrays
from physrep.io.structures.readers import LabelOptions


def find_label_names(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Names to read, and names that may be the same label at another level of theory.

    Returns:
        label (energy, forces, stress, virial, charges, dipole) -> name, empty where the format's
        own names give energies and forces; label -> further names.

    Raises:
        DataError: the file cannot be read.
    """
    first = _first_structure(path)
    candidates = label_candidates(_arrays(path, first), len(first))
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
        usual = [f"{PREFIX}{label}", label]
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


def named_keys(names: Mapping[str, str]) -> LabelOptions:
    """label -> name, as `read_structures` takes them."""
    return cast(LabelOptions, {f"{label}_key": name for label, name in names.items()})


def names_read_by_default(path: Path) -> dict[str, str]:
    """The names that the labels of an extxyz file have; empty for formats with fixed names."""
    if ".xyz" not in path.suffixes and ".extxyz" not in path.suffixes:
        return {}
    first = _first_structure(path)
    names: dict[str, str] = {}
    for label, spellings in SPELLINGS.items():
        for name in (*(PREFIX + spelling for spelling in spellings), *spellings):
            # What is there and was not read is in info.
            if name not in first.info and _reads(path, label, name):
                names.setdefault(label, name)
    return names


def _first_structure(path: Path) -> Structure:
    """The first frame that is no isolated atom, else the first."""
    frames = iter_structures(path, unread="ignore")
    first = next(frames)
    more = (frame for frame in frames if not frame.is_isolated_atom)
    return next(more, first) if first.is_isolated_atom else first


def _arrays(path: Path, first: Structure) -> Mapping[str, Any]:
    """What the first frame has, geometry and the labels that were read aside."""
    if path.suffix != ".npz":
        return first.info
    arrays = load_arrays(path)
    n_frames = {len(a) for a in arrays.values() if a.ndim == 3 and a.shape[1:] == (len(first), 3)}
    return {name: a[0] for name, a in arrays.items() if a.ndim and len(a) in n_frames}


def _reads(path: Path, label: str, name: str) -> bool:
    try:
        frames = iter_structures(path, **named_keys({label: name}))
        first = next(frame for frame in frames if not frame.is_isolated_atom)
    except (DataError, StopIteration):
        return False
    return getattr(first, "virial" if label == "stress" else label) is not None
