"""Molecules that the edges of a periodic cell have cut, put together again."""

import numpy as np
from ase.geometry import find_mic
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components


def whole_molecules(
    positions: np.ndarray, bonds: np.ndarray, cell: np.ndarray, pbc: np.ndarray
) -> np.ndarray:
    """(n_atoms, 3) in A: bonded atoms side by side, the centre of each molecule in the cell."""
    whole = np.array(positions, dtype=float)
    n_atoms = len(whole)
    ones = np.ones(len(bonds))
    graph = coo_array((ones, (bonds[:, 0], bonds[:, 1])), shape=(n_atoms, n_atoms)).tocsr()
    _, labels = connected_components(graph, directed=False)
    _, firsts = np.unique(labels, return_index=True)
    periodic = np.flatnonzero(pbc)
    for first in firsts:
        order, parents = breadth_first_order(graph, first, directed=False)
        for atom in order[1:]:
            step, _ = find_mic(whole[atom] - whole[parents[atom]], cell, pbc)
            whole[atom] = whole[parents[atom]] + step
        if len(periodic) == 3:
            shift = np.floor(np.linalg.solve(cell.T, whole[order].mean(axis=0)))
            whole[order] -= shift @ cell
    return whole
