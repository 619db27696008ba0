"""Frames whose labels are far from those of the others, or that contradict mechanics."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from physrep_training.dataset.summarized import Summary

FAR = 8.0  # in units of the spread, see `deviations`
FEWEST = 10  # frames; of fewer nothing is far
LEAST_ENERGY = 1e-3  # eV/atom, and ...
LEAST_FORCE = 0.1  # ... of the logarithm: spreads below these count as these
NET_FORCE = 0.01  # eV/A for each atom of the frame


class Outlier(NamedTuple):
    """A frame and, in words with numbers, what is unusual of it."""

    frame: Summary
    what: str


def outliers(frames: Sequence[Summary]) -> list[Outlier]:
    """Energies per atom and largest forces that are FAR from the median, and net forces."""
    several = [frame for frame in frames if not frame.is_isolated_atom and frame.n_atoms > 1]
    found = [*_far_energies(several), *_far_forces(several), *_net_forces(several)]
    return sorted(found, key=lambda one: (one.frame.source, one.frame.frame))


def excess_energies(frames: Sequence[Summary]) -> np.ndarray:
    """(n,) eV/atom beyond what the composition explains (energies of the elements by least
    squares); frames: all with energies.
    """
    elements = sorted({z for frame in frames for z, _ in frame.composition})
    counts = np.array([[dict(f.composition).get(z, 0) for z in elements] for f in frames], float)
    energies = np.array([frame.energy for frame in frames], dtype=float)
    explained = counts @ np.linalg.lstsq(counts, energies, rcond=None)[0]
    return (energies - explained) / counts.sum(axis=1)


def deviations(values: np.ndarray, least: float) -> np.ndarray:
    """(n,) distance from the median in units of the spread: 1.4826 times the median absolute
    deviation, the standard deviation of a normal distribution that outliers do not reach; at least
    ``least``.
    """
    apart = np.abs(values - np.median(values))
    return apart / max(1.4826 * float(np.median(apart)), least)


def _far_energies(frames: Sequence[Summary]) -> list[Outlier]:
    labelled = [frame for frame in frames if frame.energy is not None]
    if len(labelled) < FEWEST:
        return []
    excess = excess_energies(labelled)
    far = deviations(excess, LEAST_ENERGY)
    middle = float(np.median(excess))
    return [
        Outlier(
            labelled[k],
            f"energy {1000.0 * (excess[k] - middle):+.1f} meV/atom from the median, {far[k]:.0f} "
            f"times the spread",
        )
        for k in np.flatnonzero(far > FAR)
    ]


def _far_forces(frames: Sequence[Summary]) -> list[Outlier]:
    labelled, largest = [], []
    for frame in frames:
        if frame.force_norms is not None and frame.force_norms.any():
            labelled.append(frame)
            largest.append(float(frame.force_norms.max()))
    if len(labelled) < FEWEST:
        return []
    far = deviations(np.log(largest), LEAST_FORCE)
    middle = float(np.median(largest))
    return [
        Outlier(labelled[k], f"largest force {largest[k]:.3g} eV/A, in the median {middle:.3g}")
        for k in np.flatnonzero(far > FAR)
        if largest[k] > middle
    ]


def _net_forces(frames: Sequence[Summary]) -> list[Outlier]:
    found = []
    for frame in frames:
        net = frame.net_force
        if net is not None and net > NET_FORCE * frame.n_atoms:
            found.append(Outlier(frame, f"forces add up to {net:.3g} eV/A instead of 0"))
    return found
