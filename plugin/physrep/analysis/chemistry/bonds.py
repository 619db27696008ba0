"""Covalent bonds from one frame, and their lengths along a trajectory."""

from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols
from ase.geometry import find_mic
from ase.neighborlist import primitive_neighbor_list

from physrep.covalent import BOND_FACTOR, is_metal, radii_of


class Bonds(NamedTuple):
    """pairs: (n_bonds, 2) int64 atom indices, i < j, sorted; lengths: (n_bonds,) in A."""

    pairs: np.ndarray
    lengths: np.ndarray


def find_bonds(
    positions: np.ndarray,
    species: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    factor: float = BOND_FACTOR,
) -> Bonds:
    """Pairs nearer than ``factor`` times the sum of their covalent radii, without metals
    (:mod:`physrep.covalent`).

    Args:
        positions: (n_atoms, 3) in A, wrapped into the cell or not; species: (n_atoms,) atomic
            numbers; cell: (3, 3) in A, rows; pbc: (3,) bool. Any cell, also triclinic.

    Returns:
        Bonds; of several images of a pair the nearest; bonds of an atom to its own image are
        skipped.
    """
    reach = factor * radii_of(species)
    return Bonds(*nearest_pairs(positions, cell, pbc, reach, ~is_metal(species)))


def nearest_pairs(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, reach: np.ndarray, which: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs in reach among some of the atoms, each at its nearest image.

    Args: as :func:`neighbor_pairs`; reach: (n_atoms,) radii in A; which: (n_atoms,) bool.

    Returns:
        (n_pairs, 2) int64 atom indices, i < j, sorted, and (n_pairs,) in A.
    """
    atoms = np.flatnonzero(which)
    i, j, distances = neighbor_pairs(np.asarray(positions)[atoms], cell, pbc, reach[atoms])
    order = np.lexsort((distances, j, i))
    pairs, first = np.unique(np.stack([i, j], axis=1)[order], axis=0, return_index=True)
    return atoms[pairs.reshape(-1, 2)].astype(np.int64), distances[order][first]


def neighbor_pairs(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """i < j, (n_pairs,) each, and distances (n_pairs,) in A, of all pairs and images in reach.

    cutoff: one distance in A, or (n_atoms,) radii, the sum of which is the reach of a pair.
    """
    i, j, distances = primitive_neighbor_list("ijd", pbc, cell, positions, cutoff)
    once = i < j
    return i[once], j[once], distances[once]


def bond_lengths(
    positions: np.ndarray, pairs: np.ndarray, cell: np.ndarray, pbc: np.ndarray
) -> np.ndarray:
    """Minimum-image lengths in A along frames of one cell.

    Args:
        positions: (n_frames, n_atoms, 3) or (n_atoms, 3) in A; pairs: (n_bonds, 2).

    Returns:
        (n_frames, n_bonds), or (n_bonds,) of a single frame.
    """
    positions, pairs = np.asarray(positions), np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    vectors = positions[..., pairs[:, 1], :] - positions[..., pairs[:, 0], :]
    shape = vectors.shape[:-1]
    if not len(pairs):
        return np.zeros(shape)
    _, lengths = find_mic(vectors.reshape(-1, 3), cell, pbc)
    return lengths.reshape(shape)


def bond_kinds(species: np.ndarray, pairs: np.ndarray) -> list[str]:
    """Element pair of each bond in alphabetical order, e.g. "H-N"; pairs: (n_bonds, 2)."""
    symbols = [chemical_symbols[z] for z in species]
    return ["-".join(sorted((symbols[i], symbols[j]))) for i, j in pairs]


def pairs_two_bonds_apart(pairs: np.ndarray) -> np.ndarray:
    """Atoms that share a bonded neighbour and are not bonded themselves.

    Args and returns: (n_bonds, 2) and (n_found, 2) atom indices, i < j, sorted.
    """
    neighbors: dict[int, list[int]] = {}
    for i, j in np.asarray(pairs).tolist():
        neighbors.setdefault(i, []).append(j)
        neighbors.setdefault(j, []).append(i)
    found = {(i, j) for around in neighbors.values() for i in around for j in around if i < j} - {
        (i, j) for i, j in np.asarray(pairs).tolist()
    }
    return np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
