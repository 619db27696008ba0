"""Frames that show the same geometry: shifted, wrapped differently, turned, or in another order."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase.geometry import cell_to_cellpar, complete_cell
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from physrep.analysis.structure.superposition import superposed
from physrep.io import Structure
from physrep_training.dataset.environments_of import as_rows, atom_features, distances_of
from physrep_training.dataset.summarized import Summary

TOLERANCE = 0.005  # A; rounding to 3 decimals moves an atom by less, 0.5 fs of MD by more


class Match(NamedTuple):
    """How one frame lies on another: order (n,), atom k of the first is atom order[k] of the
    second; moved: (n,) how far each atom is off, A.
    """

    order: np.ndarray
    moved: np.ndarray


def candidates(frames: Sequence[Summary], tolerance: float) -> list[tuple[int, int]]:
    """Pairs of frames, ascending, whose sorted distances agree; all that are the same are among
    them. Isolated atoms are left out.
    """
    groups: dict[tuple, list[int]] = defaultdict(list)
    for index, frame in enumerate(frames):
        if frame.n_atoms > 1:
            groups[frame.composition, frame.pbc].append(index)
    found = []
    for members in groups.values():
        if len(members) < 2:
            continue
        rows = as_rows([frames[k].ranked for k in members])
        near = cKDTree(rows).query_pairs(2.0 * tolerance + 1e-6, p=np.inf, output_type="ndarray")
        found += [(members[a], members[b]) for a, b in near.tolist()]
    return sorted(found)


def match(one: Structure, other: Structure, tolerance: float) -> Match | None:
    """How ``one`` lies on ``other``, or None where some atom is off by more than ``tolerance`` (A).

    Periodic frames may be shifted, wrapped, and turned with their cell; others moved, turned and
    mirrored as a whole. Atoms of one element may be in another order, which is found by their
    neighbours: of a molecule with equivalent atoms it may be missed.
    """
    if len(one) != len(other) or not np.array_equal(one.pbc, other.pbc):
        return None
    if one.pbc.any() and not _same_cell(one, other, tolerance):
        return None
    for order in (_same_order, _order_by_neighbors):
        places = order(one, other)
        if places is None:
            continue
        moved = _apart(one, other, places)
        if moved.max() <= tolerance:
            return Match(places, moved)
    return None


def _same_order(one: Structure, other: Structure) -> np.ndarray | None:
    return np.arange(len(one)) if np.array_equal(one.species, other.species) else None


def _order_by_neighbors(one: Structure, other: Structure) -> np.ndarray | None:
    """Atoms of one element are assigned to those with the most similar neighbours."""
    if not np.array_equal(np.sort(one.species), np.sort(other.species)):
        return None
    features = [atom_features(s, distances_of(s))[0].reshape(len(s), -1) for s in (one, other)]
    order = np.empty(len(one), dtype=np.int64)
    for z in np.unique(one.species):
        rows, columns = np.flatnonzero(one.species == z), np.flatnonzero(other.species == z)
        costs = cdist(features[0][rows], features[1][columns])
        order[rows] = columns[linear_sum_assignment(costs)[1]]
    return order


def _same_cell(one: Structure, other: Structure, tolerance: float) -> bool:
    lengths = np.array([cell_to_cellpar(complete_cell(s.cell)) for s in (one, other)])
    angle = np.degrees(2.0 * tolerance / lengths[:, :3].min())
    apart = np.abs(lengths[0] - lengths[1])
    return bool((apart[:3] <= 2.0 * tolerance).all() and (apart[3:] <= angle).all())


def _apart(one: Structure, other: Structure, order: np.ndarray) -> np.ndarray:
    """(n,) A, after the best shift (and turn, where nothing repeats)."""
    places = other.positions[order]
    if not one.pbc.any():
        turned = [superposed(sign * places, one.positions) for sign in (1.0, -1.0)]
        return min(
            (np.linalg.norm(one.positions - t, axis=1) for t in turned), key=lambda d: d.max()
        )
    cells = complete_cell(one.cell), complete_cell(other.cell)
    apart = one.positions @ np.linalg.inv(cells[0]) - places @ np.linalg.inv(cells[1])
    apart -= apart[0]
    apart -= np.round(apart) * one.pbc
    apart -= apart.mean(axis=0)
    return np.linalg.norm(apart @ cells[0], axis=1)
