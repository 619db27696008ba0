"""Repeated geometries of a data set, and whether their labels agree."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from physrep.io import Structure
from physrep_training.dataset.read_frames_of import Refused, Source, iter_frames
from physrep_training.dataset.same_geometry import Match, candidates, match
from physrep_training.dataset.summarized import Summary

SLACK = 1e-4  # eV/atom; files round
FORCE_SLACK = 0.01  # of the RMS force, and eV/A
STIFFNESS = 60.0  # eV/A^2, above that of most bonds: what an atom that is off changes of a force


class Repeat(NamedTuple):
    """Two frames of one geometry: ``second`` comes later; off: the largest distance between an atom
    and its counterpart, A; contradiction: of their labels, in words, or None.
    """

    first: Summary
    second: Summary
    off: float
    contradiction: str | None


def repeats(
    sources: Sequence[Source],
    frames: Sequence[Summary],
    tolerance: float,
    refused: Refused | None = None,
) -> list[Repeat]:
    """Pairs of frames with one geometry within ``tolerance`` (A): each frame with the first that it
    repeats. The files are read again where any may be repeated; only those frames are kept.
    """
    pairs = candidates(frames, tolerance)
    if not pairs:
        return []
    wanted = {(frames[k].source, frames[k].frame): k for pair in pairs for k in pair}
    structures: dict[int, Structure] = {}
    for structure in iter_frames(sources, refused):
        index = wanted.get((structure.source, structure.frame))
        if index is not None:
            structures[index] = structure
    found: dict[int, Repeat] = {}
    for first, second in pairs:
        if second in found or first in found:  # a repeat of a repeat repeats the first
            continue
        fit = match(structures[first], structures[second], tolerance)
        if fit is not None:
            two = structures[first], structures[second]
            told = contradiction((frames[first], frames[second]), two, fit)
            found[second] = Repeat(frames[first], frames[second], float(fit.moved.max()), told)
    return [found[k] for k in sorted(found)]


def contradiction(
    frames: tuple[Summary, Summary], structures: tuple[Structure, Structure], fit: Match
) -> str | None:
    """How the labels of one geometry differ by more than the atoms that are off explain."""
    one, other = frames
    if one.level and other.level and one.level != other.level:
        return f"methods {one.level} and {other.level}"
    if one.energy is not None and other.energy is not None:
        apart = abs(one.energy - other.energy)
        if apart > SLACK * one.n_atoms + _explained(structures[0], fit):
            return f"energies {one.energy:.6f} and {other.energy:.6f} eV"
    norms = one.force_norms, other.force_norms
    if norms[0] is not None and norms[1] is not None:
        apart = float(np.sqrt(np.mean((norms[0] - norms[1][fit.order]) ** 2)))
        size = float(np.sqrt(np.mean(norms[0] ** 2)))
        if apart > FORCE_SLACK * (1.0 + size) + STIFFNESS * float(fit.moved.max()):
            return f"forces that differ by {apart:.3g} eV/A (RMS)"
    return None


def _explained(structure: Structure, fit: Match) -> float:
    """Bound of the energy difference in eV, to first order, with a factor of two."""
    size = 1.0 if structure.forces is None else float(np.linalg.norm(structure.forces))
    return 2.0 * size * float(np.linalg.norm(fit.moved))


def best_of_repeats(frames: Sequence[Summary], found: Sequence[Repeat]) -> set[tuple[str, int]]:
    """Files and frames with one frame of each geometry: that with the most labels, of these the
    first.
    """
    best = {frame.place: frame for frame in frames}
    for repeat in found:
        dropped = best.pop(repeat.second.place)
        first = repeat.first.place
        if dropped.n_labels > best[first].n_labels:
            best[first] = dropped
    return {frame.place for frame in best.values()}
