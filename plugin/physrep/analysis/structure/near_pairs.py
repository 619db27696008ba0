"""All pairs within a distance in a periodic cell, in a time that grows with their number."""

from typing import NamedTuple

import numpy as np
from ase.geometry import complete_cell
from scipy.spatial import cKDTree


class NearPairs(NamedTuple):
    """first, second: (n_pairs,) indices, every pair once, in any order; vectors: (n_pairs, 3) in A
    from the first to the second, nearest image.
    """

    first: np.ndarray
    second: np.ndarray
    vectors: np.ndarray


def pairs_within(
    positions: np.ndarray, cell: np.ndarray, reach: float, pbc: np.ndarray | bool = True
) -> NearPairs:
    """Pairs nearer than ``reach``.

    Args: positions: (n, 3) in A; cell: (3, 3) in A, with every height along its periodic directions
        at least twice the reach; reach in A; pbc: (3,) bool.

    Points near the lower faces get images beyond the upper ones, so that a tree without a cell
    finds every pair. A pair is found once for every set of axes along which both of its points
    are images; the one with no such axis is kept.
    """
    pbc = np.broadcast_to(pbc, 3)
    if not pbc.all():
        cell = complete_cell(np.where(pbc[:, None], cell, 0.0))
    inverse = np.linalg.inv(cell)
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    points = positions @ inverse
    points -= np.floor(points) * pbc
    owners, moved = np.arange(len(points)), np.zeros(len(points), dtype=np.int8)
    for axis in np.flatnonzero(pbc).tolist():
        low = np.flatnonzero(points[:, axis] < reach / heights[axis])
        points = np.concatenate([points, points[low] + np.eye(3)[axis]])
        owners = np.concatenate([owners, owners[low]])
        moved = np.concatenate([moved, moved[low] | np.int8(1 << axis)])
    places = points @ cell
    one, other = cKDTree(places).query_pairs(reach, output_type="ndarray").T
    once = (moved[one] & moved[other]) == 0
    one, other = one[once], other[once]
    return NearPairs(owners[one], owners[other], places[other] - places[one])


def pairs_across(pairs: NearPairs, n: int) -> NearPairs:
    """Of pairs among points, those of one of the first n and one of the others; ``second`` counts
    from the n-th point on.
    """
    one, other, vectors = pairs
    mixed = (one < n) != (other < n)
    one, other, vectors = one[mixed], other[mixed], vectors[mixed]
    turned = one >= n
    first, second = np.where(turned, other, one), np.where(turned, one, other) - n
    return NearPairs(first, second, np.where(turned[:, None], -vectors, vectors))
