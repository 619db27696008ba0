"""How far atoms' surroundings are from those in a data set.

The fingerprint of atom i is a smeared count of neighbours by element b and distance:

    phi_i[b, k] = sum over neighbours j of element b of  f(r_ij) exp(-(r_ij - r_k)^2 / (2 s^2)),

with r_k from NEAREST to CUTOFF in steps of s = STEP and f(r) = (1 + cos(pi r / CUTOFF)) / 2. It
does not depend on translation, rotation and order of atoms, is smooth, and contains no angles
(smeared radial functions as of J. Behler, M. Parrinello, Phys. Rev. Lett. 98 (2007) 146401).

The distance of an atom to the data is that to the nearest fingerprint of an atom of its element,
every component in units of its standard deviation in the data, per component:

    d_i = min over data atoms j of  sqrt(mean over b, k of ((phi_i - phi_j)[b, k] / sigma[b, k])^2).

The data define what is far: they are cut into blocks in their order (neighbouring frames of one
trajectory are similar), and the atoms of each block are compared with the other blocks.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from ase.neighborlist import primitive_neighbor_list

NEAREST, CUTOFF, STEP = 0.8, 4.8, 0.2  # A
BLOCKS = 5
FAR_QUANTILE = 0.99
LEAST_SPREAD = 1e-2  # of a smeared count; components that never vary in the data stay comparable
CHUNK = 2000


class Surroundings(NamedTuple):
    """elements: (n_elements,) atomic numbers; fingerprints: of each, (n, n_elements, n_k), in
    units of ``spread``, likewise by element; far: (n_elements,) distance that 99 % of the data keep
    to the rest of the data; between_blocks: the distances behind that, by element.
    """

    elements: np.ndarray
    fingerprints: list[np.ndarray]
    spread: list[np.ndarray]
    far: np.ndarray
    between_blocks: list[np.ndarray]

    def distances(self, structure: Any) -> np.ndarray:
        """(n_atoms,) distances d_i of one structure, with ``positions`` (A), ``species``, ``cell``
        and ``pbc``, in units of each element's ``far``: 1 is as far as 1 % of the data are.
        """
        found = fingerprints(structure, self.elements)
        result = np.empty(len(found))
        for k, z in enumerate(self.elements):
            of_element = np.asarray(structure.species) == z
            result[of_element] = (
                _nearest(found[of_element] / self.spread[k], self.fingerprints[k]) / self.far[k]
            )
        return result


def fingerprints(structure: Any, elements: np.ndarray) -> np.ndarray:
    """(n_atoms, n_elements * n_k); neighbours of other elements are not counted."""
    species = np.asarray(structure.species)
    centers = np.arange(NEAREST, CUTOFF, STEP)
    i, j, r = primitive_neighbor_list(
        "ijd", structure.pbc, structure.cell, structure.positions, CUTOFF
    )
    counts = np.exp(-0.5 * ((r[:, None] - centers) / STEP) ** 2)
    counts *= 0.5 * (1.0 + np.cos(np.pi * r / CUTOFF))[:, None]
    result = np.zeros((len(species), len(elements), len(centers)))
    for k, z in enumerate(elements):
        chosen = species[j] == z
        np.add.at(result[:, k], i[chosen], counts[chosen])
    return result.reshape(len(species), -1)


def surroundings(structures: Sequence[Any], elements: Iterable[int]) -> Surroundings:
    """Fingerprints of a data set and how far its parts are from each other.

    Args:
        structures: in the order of their trajectories, at least BLOCKS; elements: atomic numbers
        to look at, all of them in the data.

    Raises:
        ValueError: too few structures, or an element that the data lacks.
    """
    elements = np.array(sorted(elements))
    if len(structures) < BLOCKS:
        raise ValueError(f"{len(structures)} structures: give at least {BLOCKS}")
    blocks = np.arange(len(structures)) * BLOCKS // len(structures)
    found = [fingerprints(one, elements) for one in structures]
    species = np.concatenate([np.asarray(one.species) for one in structures])
    block = np.repeat(blocks, [len(one) for one in found])
    every = np.concatenate(found)
    prints, spreads, far, between_blocks = [], [], [], []
    for z in elements:
        chosen = species == z
        if len(np.unique(block[chosen])) < 2:
            raise ValueError(f"element {z} (atomic number): not in several parts of the data")
        spread = np.maximum(every[chosen].std(axis=0), LEAST_SPREAD)
        scaled, parts = every[chosen] / spread, block[chosen]
        apart = [_nearest(scaled[parts == k], scaled[parts != k]) for k in np.unique(parts)]
        prints.append(scaled)
        spreads.append(spread)
        between_blocks.append(np.concatenate(apart))
        far.append(max(float(np.quantile(between_blocks[-1], FAR_QUANTILE)), 1e-6))
    return Surroundings(elements, prints, spreads, np.array(far), between_blocks)


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) root mean square difference of each point to the nearest of the others."""
    squares = (others**2).sum(axis=1)
    nearest = np.empty(len(points))
    for start in range(0, len(points), CHUNK):
        part = points[start : start + CHUNK]
        apart = squares - 2.0 * part @ others.T
        nearest[start : start + CHUNK] = apart.min(axis=1) + (part**2).sum(axis=1)
    return np.sqrt(np.maximum(nearest, 0.0) / points.shape[1])
