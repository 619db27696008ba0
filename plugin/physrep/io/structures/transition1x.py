"""Transition1x HDF5 files: reactions, each with its end points, transition state and path frames.

The groups are split / formula / reaction; the split `data` holds all reactions, `train`, `val` and
`test` hold those of each part again. A reaction has `atomic_numbers` (n_atoms,), `positions`
(n_frames, n_atoms, 3) in A, `wB97x_6-31G(d).energy` (n_frames,) in eV and `wB97x_6-31G(d).forces`
(n_frames, n_atoms, 3) in eV/A, and the groups `reactant`, `transition_state` and `product` with
the same arrays for one frame each (M. Schreiner, A. Bhowmik, T. Vegge, J. Busk and O. Winther,
Sci. Data 9 (2022) 779; the layout as read by github.com/matschreiner/Transition1x).
"""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from physrep.io.structures.raw import (
    LabelKeys,
    RawFrame,
    damage_as_data_error,
    require_names,
    resolve_keys,
)
from physrep.io.structures.structure import DataError

ARRAYS = frozenset({"atomic_numbers", "positions"})
DEFAULT_KEYS = LabelKeys(energy="wB97x_6-31G(d).energy", forces="wB97x_6-31G(d).forces")
ALL = "data"
PARTS = ("train", "val", "test")
ENDS = ("reactant", "transition_state", "product")
FRAMES_PER_READ = 1024  # one reaction has up to some thousand frames


class _Reaction(NamedTuple):
    group: h5py.Group
    info: dict[str, Any]


def read_transition1x(path: Path, asked: LabelKeys) -> Generator[RawFrame]:
    """Frames of a Transition1x file, reaction by reaction, read from disk one by one.

    Each `info` has `reaction` (its name), `formula`, `role` (reactant, transition_state, product
    or path) and `split` (train, val or test, where the file says). These three come before the
    path, which may contain them again, as in the file. A reaction that is in `data` and in another
    split is read once.

    Raises:
        DataError: the file is damaged, a reaction is in two parts, lacks an array or an end
            point, or its arrays do not match.
    """
    # h5py reports damage as any of these, depending on which part of the file is hit.
    damage = (OSError, RuntimeError, KeyError, TypeError, ValueError)
    with damage_as_data_error(path, *damage), h5py.File(path, "r") as file:
        for reaction in _reactions(file, path):
            require_names(list(ENDS), reaction.group, path)
            for role in ENDS:
                yield from _frames(reaction.group[role], role, reaction.info, asked, path)
            yield from _frames(reaction.group, "path", reaction.info, asked, path)


def _reactions(file: h5py.File, path: Path) -> Iterator[_Reaction]:
    """Every reaction once: those of `data`, then what only a part has."""
    parts = _parts(file, path)
    names = dict.fromkeys(_names(file[ALL]) if ALL in file else ())
    for formula, reaction in {**names, **parts}:
        part = parts.get((formula, reaction))
        info = {"reaction": reaction, "formula": formula}
        if part:
            info["split"] = part
        holder = ALL if (formula, reaction) in names else part
        yield _Reaction(file[holder][formula][reaction], info)


def _parts(file: h5py.File, path: Path) -> dict[tuple[str, str], str]:
    """The part of every reaction, by formula and name."""
    parts: dict[tuple[str, str], str] = {}
    for part in PARTS:
        for name in _names(file[part]) if part in file else ():
            if name in parts:
                raise DataError(
                    f"reaction {'/'.join(name)} is in {parts[name]} and in {part}; test frames "
                    f"would be trained on: remove it from one of them",
                    path,
                )
            parts[name] = part
    return parts


def _names(split: h5py.Group) -> Iterator[tuple[str, str]]:
    for formula in split:
        for reaction in split[formula]:
            yield formula, reaction


def _frames(
    group: h5py.Group, role: str, info: dict[str, Any], asked: LabelKeys, path: Path
) -> Generator[RawFrame]:
    require_names(sorted(ARRAYS), group, path)
    keys = resolve_keys(asked, DEFAULT_KEYS, group, path)
    labels = keys.select(group)
    positions, species = group["positions"], group["atomic_numbers"][()]
    _check_lengths(group, role, labels, path)
    unread = _unread(group, keys)
    for start in range(0, len(positions), FRAMES_PER_READ):
        xyz = positions[start : start + FRAMES_PER_READ]
        values = {label: known[start : start + FRAMES_PER_READ] for label, known in labels.items()}
        for row in range(len(xyz)):
            here = {label: block[row] for label, block in values.items()}
            yield RawFrame(xyz[row], species, {**info, "role": role}, unread=unread, **here)


def _unread(group: h5py.Group, keys: LabelKeys) -> dict[str, Any]:
    """First row of every array per frame that is not read here, by name."""
    n_frames = len(group["positions"])
    return {
        name: group[name][0]
        for name in group
        if name not in {*ARRAYS, *keys}
        and isinstance(group[name], h5py.Dataset)
        and 0 < n_frames == (*group[name].shape, -1)[0]
    }


def _check_lengths(
    group: h5py.Group, role: str, labels: dict[str, h5py.Dataset], path: Path
) -> None:
    n_frames = len(group["positions"])
    if role in ENDS and n_frames != 1:
        raise DataError(f"{group.name} has {n_frames} frames, not 1; fetch the file again", path)
    for label, dataset in labels.items():
        if len(dataset) != n_frames:
            raise DataError(
                f"{group.name} has {n_frames} frames of positions and {len(dataset)} {label} "
                f"entries; the file is damaged, fetch it again",
                path,
            )
