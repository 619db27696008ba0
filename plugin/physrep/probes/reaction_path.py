"""Energies along reaction paths, and the barriers on them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

ROLES = {"reactant": 0, "ts": 1, "transition_state": 1, "product": 2}  # place along the path
BARRIER_WITHIN = 0.2  # eV


class PathErrors(NamedTuple):
    """Errors over reactions, a NaN of the model never hidden in a mean.

    reference_barriers, predicted_barriers: (n_reactions,) eV; barrier_mae, barrier_bias (predicted
    minus reference) in eV; within: share of barriers off by at most BARRIER_WITHIN, NaN counts as
    outside; energy_mae: eV, over all images but the reactants, relative to these.
    """

    reference_barriers: np.ndarray
    predicted_barriers: np.ndarray
    barrier_mae: float
    barrier_bias: float
    within: float
    energy_mae: float


def group_paths(infos: Sequence[Mapping[str, Any]]) -> dict[int | str, list[int]]:
    """Frames of each reaction, from the reactant to the product.

    Args:
        infos: what each frame says of itself: ``reaction`` (a number, or a name, unique together
            with ``formula`` where there is one) and either ``image`` (whole number, growing along
            the path, the smallest is the reactant) or ``role`` (reactant, ts or transition_state,
            product). Where a path has both, ``image`` decides.

    Returns:
        reaction -> frame numbers in order; reactions as they first appear.

    Raises:
        ValueError: a frame says neither, or a path is not complete.
    """
    frames: dict[int | str, list[int]] = {}
    for frame, info in enumerate(infos):
        frames.setdefault(_reaction(info, frame), []).append(frame)
    return {reaction: _ordered(reaction, places, infos) for reaction, places in frames.items()}


def relative_energies(energies: np.ndarray) -> np.ndarray:
    """(n_images,) energies minus that of the first, the reactant; any unit."""
    energies = np.asarray(energies, dtype=float)
    return energies - energies[0]


def barrier(energies: np.ndarray) -> float:
    """Highest energy (n_images,) along the path minus the first; 0 where it only goes down."""
    return float(np.max(relative_energies(energies)))


def path_errors(reference: Sequence[np.ndarray], predicted: Sequence[np.ndarray]) -> PathErrors:
    """Compare energies along paths, each relative to its own reactant.

    Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023), Fig. 4, II.

    Args:
        reference, predicted: one array (n_images,) of eV a reaction, reactant first.

    Raises:
        ValueError: no reaction, or arrays that do not belong together.
    """
    shapes = [[np.shape(path) for path in paths] for paths in (reference, predicted)]
    if not shapes[0] or shapes[0] != shapes[1] or any(len(shape) != 1 for shape in shapes[0]):
        raise ValueError(
            f"shapes of the paths {shapes[0][:3]} and {shapes[1][:3]} (first three): give one "
            "(n_images,) of each for every reaction, at least one reaction"
        )
    known, found = (np.array([barrier(path) for path in paths]) for paths in (reference, predicted))
    off = found - known
    pairs = zip(reference, predicted, strict=True)
    errors = [relative_energies(b)[1:] - relative_energies(a)[1:] for a, b in pairs]
    return PathErrors(
        known,
        found,
        float(np.abs(off).mean()),
        float(off.mean()),
        float((np.abs(off) <= BARRIER_WITHIN).mean()),
        float(np.abs(np.concatenate(errors)).mean()),
    )


def _ordered(
    reaction: int | str, frames: list[int], infos: Sequence[Mapping[str, Any]]
) -> list[int]:
    by_image = all("image" in infos[frame] for frame in frames)
    place_of = _image if by_image else _role
    places = [place_of(infos[frame], frame) for frame in frames]
    if len(set(places)) < len(places):
        name = "image" if by_image else "role"
        twice = next(k for k, place in enumerate(places) if place in places[:k])
        raise ValueError(
            f"reaction {reaction} has {name} = {infos[frames[twice]][name]} more than once; remove "
            "the extra frame, or number the reactions apart"
        )
    if not by_image and not {0, 1} <= set(places):
        have = ", ".join(infos[frame]["role"] for frame in frames)
        raise ValueError(
            f"reaction {reaction} has {have} only; a barrier needs the roles reactant and ts"
        )
    if len(places) < 2:
        raise ValueError(
            f"reaction {reaction} has one frame; a barrier needs the reactant and at least one "
            "more image"
        )
    return [frames[k] for k in np.argsort(places)]


def _reaction(info: Mapping[str, Any], frame: int) -> int | str:
    value = info.get("reaction")
    if isinstance(value, str) and value:
        return f"{info['formula']}/{value}" if "formula" in info else value
    return _whole_number(info, "reaction", frame)


def _image(info: Mapping[str, Any], frame: int) -> int:
    return _whole_number(info, "image", frame)


def _whole_number(info: Mapping[str, Any], name: str, frame: int) -> int:
    value = info.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        said = f"{name} = {value!r}" if name in info else f"no {name}"
        raise ValueError(
            f"frame {frame} (counted from 0) has {said}; write {name}=NUMBER (whole) in its "
            "comment line"
        )
    return int(value)


def _role(info: Mapping[str, Any], frame: int) -> int:
    role = info.get("role")
    if role not in ROLES:
        said = f"role = {role!r}" if "role" in info else "neither image nor role"
        raise ValueError(
            f"frame {frame} (counted from 0) has {said}; write image=NUMBER or one of role="
            f"{', '.join(ROLES)} in the comment line of every frame of its reaction"
        )
    return ROLES[role]
