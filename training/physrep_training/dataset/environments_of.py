"""What surrounds the atoms of a frame, as numbers that no shift, turn or new order changes.

For an atom i and an element b, with K Gaussians at r_k up to the cutoff R,

    g_k(i, b) = sum over neighbours j of the element b of exp(-(r_ij - r_k)^2 / 2 w^2) c(r_ij),
    c(r) = (1 + cos(pi r / R)) / 2

the radial symmetry functions G2 of J. Behler, J. Chem. Phys. 134 (2011) 074106, eq. 7. A frame is
described by their mean and their standard deviation over its atoms of each element a. The mean
knows density and structure; the deviation grows where a few atoms are unlike the others, as after
the transfer of one proton.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from physrep.io import Structure
from physrep.neighbors import neighbor_list

CUTOFF = 5.0  # A
N_GAUSSIANS = 10
NEAREST = 0.8  # A, the first r_k
RANKS = np.array([0, *2 ** np.arange(13)])  # which distances of a pair of elements are kept

Pair = tuple[int, int]  # atomic numbers
Table = Mapping[Pair, np.ndarray]


class Distances(NamedTuple):
    """All pairs of a frame within CUTOFF, both ways: centres, neighbours (n,), distances (n,) A."""

    centers: np.ndarray
    neighbors: np.ndarray
    lengths: np.ndarray


def distances_of(structure: Structure) -> Distances:
    """Pairs of atoms, periodic images included."""
    found = neighbor_list(
        torch.from_numpy(structure.positions),
        torch.from_numpy(structure.cell),
        torch.from_numpy(structure.pbc),
        CUTOFF,
    )
    centers, neighbors = found.edge_index.numpy()
    return Distances(centers, neighbors, found.distances.numpy())


def ranked_distances(structure: Structure, distances: Distances) -> dict[Pair, np.ndarray]:
    """For each pair of elements (smaller atomic number first) the distances at RANKS, ascending, A;
    CUTOFF where there are fewer. If no atom moves by more than d, none of them does by more than
    2 d.
    """
    species = structure.species
    once = distances.centers <= distances.neighbors  # an atom and its own image, too
    ends = np.sort([species[distances.centers[once]], species[distances.neighbors[once]]], axis=0)
    lengths, ranked = distances.lengths[once], {}
    elements = np.unique(species).tolist()
    for a, b in ((a, b) for a in elements for b in elements if a <= b):
        chosen = np.sort(lengths[(ends[0] == a) & (ends[1] == b)])
        padded = np.full(RANKS[-1] + 1, CUTOFF)
        n = min(len(chosen), len(padded))
        padded[:n] = chosen[:n]
        ranked[a, b] = padded[RANKS]
    return ranked


def atom_features(structure: Structure, distances: Distances) -> tuple[np.ndarray, list[int]]:
    """g of each atom, (n_atoms, n_elements, N_GAUSSIANS), and the elements, ascending."""
    elements, types = np.unique(structure.species, return_inverse=True)
    places = np.linspace(NEAREST, CUTOFF, N_GAUSSIANS)
    width = places[1] - places[0]
    r = distances.lengths
    values = np.exp(-0.5 * ((r[:, None] - places) / width) ** 2)
    values *= 0.5 * (1.0 + np.cos(np.pi * r / CUTOFF))[:, None]
    rows = distances.centers * len(elements) + types[distances.neighbors]
    n_rows = len(structure) * len(elements)
    sums = [np.bincount(rows, weights=column, minlength=n_rows) for column in values.T]
    shape = (len(structure), len(elements), N_GAUSSIANS)
    return np.stack(sums, axis=1).reshape(shape), elements.tolist()


def frame_features(structure: Structure, distances: Distances) -> dict[Pair, np.ndarray]:
    """Mean and standard deviation of g over the atoms of an element, (2 N_GAUSSIANS,) for each
    ordered pair of elements (centre, neighbour).
    """
    values, elements = atom_features(structure, distances)
    found = {}
    for a in elements:
        of_a = values[structure.species == a]
        for k, b in enumerate(elements):
            found[a, b] = np.concatenate([of_a[:, k].mean(axis=0), of_a[:, k].std(axis=0)])
    return found


def as_rows(tables: Sequence[Table]) -> np.ndarray:
    """The tables of all frames as one array, (n_frames, n_numbers); zeros for pairs of elements
    that a frame lacks.
    """
    pairs = sorted({pair for table in tables for pair in table})
    width = len(next(iter(tables[0].values())))
    rows = np.zeros((len(tables), len(pairs), width))
    for row, table in zip(rows, tables, strict=True):
        for k, pair in enumerate(pairs):
            if pair in table:
                row[k] = table[pair]
    return rows.reshape(len(tables), -1)
