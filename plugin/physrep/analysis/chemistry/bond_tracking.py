"""Which atoms are bonded, frame after frame, with hysteresis; molecules as connected components.

A bond forms below FORM_FACTOR and breaks above BREAK_FACTOR times the sum of the covalent radii
(:mod:`physrep.covalent`); in between it stays as it was. With 1.15 and 1.45

    N-H forms below 1.17 A, breaks above 1.48 A; O-H 1.12 and 1.41; N-O 1.58 and 1.99;
    C-H 1.23 and 1.55; C-N 1.69 and 2.13; C-C 1.75 and 2.20; H-H 0.71 and 0.90; O-O 1.52 and 1.91.

In the shipped GFN2-xTB data of ethylammonium nitrate (data/PROVENANCE.md; 191 frames at 300 and
400 K) the longest N-H is 1.25 times its sum of radii, the longest C-H 1.21, the longest N-O 1.04,
and the shortest N-H...O hydrogen bond has H...O at 1.29 times its sum (1.25 A): vibrations stay
0.2 below the upper threshold and hydrogen bonds 0.14 above the lower one. At 800 K these are 1.37
and 1.20: still no event.

A hydrogen has one bond: where a new one forms, the old one is given up, also within the band, as
the proton of a short N-H...O bridge would otherwise belong to both. It cannot flip in the band:
it goes to an atom only below FORM_FACTOR, and nearer (in sums of radii) than to the one it had.

Metals have no bonds (:mod:`physrep.covalent`).
"""

from typing import Any, NamedTuple

import numpy as np
from ase.geometry import complete_cell
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from physrep.analysis.chemistry.bonds import nearest_pairs
from physrep.covalent import BOND_FACTOR, BREAK_FACTOR, FORM_FACTOR, is_metal, radii_of

SKIN = 1.2  # A; pairs are searched again when two atoms together have moved as far
LEAST_SKIN = 0.2  # A; a cell that leaves no more is searched in every frame
NO_PAIRS = np.zeros((0, 2), dtype=np.int64)


class BondChanges(NamedTuple):
    """formed, broken: (n, 2) int64 atom indices each, i < j, sorted; often empty."""

    formed: np.ndarray
    broken: np.ndarray


class BondTracker:
    """The bonds of a running trajectory: ``update`` with each frame, ``pairs`` are the bonds.

    O(n_atoms) for each frame, any cell, wrapped or not, fixed or changing. In the first frame,
    without a past, bonds are pairs below BOND_FACTOR, and a hydrogen belongs to the nearest atom
    (in sums of radii) below the upper threshold.
    """

    def __init__(
        self, species: np.ndarray, form: float = FORM_FACTOR, break_: float = BREAK_FACTOR
    ) -> None:
        """species: (n_atoms,) atomic numbers; form, break_: factors of the sum of radii.

        Raises:
            ValueError: the factors are not 0 < form < break_.
        """
        if not 0.0 < form < break_:
            raise ValueError(f"form={form}, break_={break_}: need 0 < form < break_")
        self.species = np.asarray(species)
        self.form, self.break_ = form, break_
        self.radii = radii_of(self.species)
        self.hydrogen = self.species == 1
        self.pairs = NO_PAIRS
        self._started = False
        self._bonded = np.zeros(0, dtype=bool)  # of the pairs in reach
        self._near = _NearPairs(break_ * self.radii, ~is_metal(self.species))
        self._listed: Any = None  # the pairs in reach, an array from the first frame on

    def update(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> BondChanges:
        """What changed since the frame before; in the first one nothing did.

        Args:
            positions: (n_atoms, 3) in A; cell: (3, 3) in A, rows; pbc: (3,) bool.

        Raises:
            ValueError: another number of atoms, or positions that are not finite.
        """
        positions = np.asarray(positions, dtype=float)
        if positions.shape != (len(self.species), 3):
            text = f"positions have shape {positions.shape}, species {self.species.shape}"
            raise ValueError(f"{text}: need ({len(self.species)}, 3) in every frame")
        if not np.isfinite(positions).all():
            atom = int(np.argwhere(~np.isfinite(positions))[0][0])
            raise ValueError(f"atom {atom} is at {positions[atom]}: stop before this frame")
        pairs, distances = self._near.of(positions, np.asarray(cell, float), np.asarray(pbc, bool))
        lost = NO_PAIRS if pairs is self._listed else self._take_list(pairs)
        ratios = distances / self._sums
        first, was = not self._started, self._bonded
        bonded = self._start(ratios) if first else self._next(ratios)
        if not first and not len(lost) and np.array_equal(bonded, was):
            return BondChanges(NO_PAIRS, NO_PAIRS)
        self._bonded, self.pairs, self._started = bonded, pairs[bonded], True
        if first:
            return BondChanges(NO_PAIRS, NO_PAIRS)
        broken = np.concatenate([lost, pairs[was & ~bonded]])
        return BondChanges(pairs[bonded & ~was], broken[np.lexsort((broken[:, 1], broken[:, 0]))])

    def _take_list(self, pairs: np.ndarray) -> np.ndarray:
        """Carry the state over to another list of pairs in reach; returns bonds not in it."""
        n, self._listed = len(self.species), pairs
        self._sums = self.radii[pairs].sum(axis=1)
        self._of_hydrogen = self.hydrogen[pairs].any(axis=1)
        bonds = self.pairs
        keys, bond_keys = pairs @ (n, 1), bonds @ (n, 1)
        self._bonded = np.isin(keys, bond_keys, assume_unique=True)
        return bonds[~np.isin(bond_keys, keys, assume_unique=True)]

    def _start(self, ratios: np.ndarray) -> np.ndarray:
        bonded = ratios < np.where(self._of_hydrogen, self.break_, BOND_FACTOR)
        return self._one_bond_for_each_hydrogen(bonded, ratios)

    def _next(self, ratios: np.ndarray) -> np.ndarray:
        was = self._bonded
        bonded = np.where(was, ratios < self.break_, ratios < self.form)
        if not (bonded & ~was).any():
            return bonded
        # An old bond in the band yields to any new one; of two below FORM_FACTOR the old stays.
        rank = np.where(was & (ratios < self.form), ratios - 2.0 * self.break_, ratios)
        return self._one_bond_for_each_hydrogen(bonded, rank)

    def _one_bond_for_each_hydrogen(self, bonded: np.ndarray, rank: np.ndarray) -> np.ndarray:
        """Of several bonds of a hydrogen the one of lowest rank."""
        pairs = self._listed
        kept = np.flatnonzero(bonded)
        degree = np.bincount(pairs[kept].ravel(), minlength=len(self.species))
        if not (self.hydrogen & (degree > 1)).any():
            return bonded
        taken: set[int] = set()
        result = np.zeros_like(bonded)
        for k in kept[np.argsort(rank[kept], kind="stable")].tolist():
            hydrogens = [atom for atom in pairs[k].tolist() if self.hydrogen[atom]]
            if taken.isdisjoint(hydrogens):
                taken.update(hydrogens)
                result[k] = True
        return result


def molecules(pairs: np.ndarray, n_atoms: int) -> np.ndarray:
    """(n_atoms,) int: number of the molecule of each atom, counted by the lowest atom in it.

    Args:
        pairs: (n_bonds, 2) atom indices; an atom without bonds is one molecule.
    """
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    ones = np.ones(len(pairs), dtype=bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n_atoms, n_atoms))
    labels = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


class _NearPairs:
    """Pairs in reach and their distances (nearest image), searched again only when atoms moved.

    The list holds all pairs within reach + skin, and stays complete while
    skin > 2 (largest displacement) + (strain) (largest reach + skin). Displacements count by the
    nearest image, so that jumps of wrapped coordinates do not matter.
    """

    def __init__(self, reach: np.ndarray, which: np.ndarray) -> None:
        """reach: (n_atoms,) in A, a pair reaches as far as the sum of its two; which: (n_atoms,)
        bool, atoms that can be in a pair.
        """
        self.reach, self.which = reach, which
        self.atoms = np.flatnonzero(which)
        self.largest = 2.0 * float(reach[which].max(initial=0.0))
        self.pairs: np.ndarray | None = None
        self.speed, self.age = 0.0, 0  # A for each frame, frames since the search

    def of(
        self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n_pairs, 2) int64, i < j, and (n_pairs,) in A; pairs beyond reach may be among them."""
        whole = complete_cell(np.where(pbc[:, None], cell, 0.0))
        inverse = np.linalg.inv(whole)
        heights = 1.0 / np.linalg.norm(inverse, axis=0)
        # Rounding fractions gives the nearest image of any pair nearer than half of every height.
        room = heights[pbc].min(initial=np.inf) / 2.0 - self.largest
        if room < LEAST_SKIN:
            return nearest_pairs(positions, cell, pbc, self.reach, self.which)
        fractions = positions @ inverse
        if self.pairs is None or self._moved(fractions, whole, pbc):
            self.skin = min(SKIN if 4.0 * self.speed < SKIN else LEAST_SKIN, room)
            self.age = 0
            self.pairs = self._search(fractions, whole, pbc, heights)
            self.fractions, self.cell, self.pbc = fractions, whole, pbc
        steps = fractions[self.pairs[:, 1]] - fractions[self.pairs[:, 0]]
        steps -= np.where(pbc, np.rint(steps), 0.0)
        vectors = steps @ whole
        return self.pairs, np.sqrt(np.einsum("ij,ij->i", vectors, vectors))

    def _moved(self, fractions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> bool:
        if not np.array_equal(pbc, self.pbc):
            return True
        strain = 0.0
        if not np.array_equal(cell, self.cell):
            strain = float(np.linalg.norm(np.linalg.solve(cell, self.cell) - np.eye(3), 2))
        steps = fractions - self.fractions
        steps = (steps - np.where(pbc, np.rint(steps), 0.0)) @ cell
        furthest = float(np.sqrt(np.einsum("ij,ij->i", steps, steps).max(initial=0.0)))
        self.age += 1
        self.speed = furthest / self.age
        return 2.0 * furthest + strain * (self.largest + self.skin) >= self.skin

    def _search(
        self, fractions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, heights: np.ndarray
    ) -> np.ndarray:
        """(n_pairs, 2): a tree of the atoms and of their images at the upper faces."""
        reach = self.largest + self.skin
        owners = self.atoms
        points = fractions[owners]
        points = points - np.where(pbc, np.floor(points), 0.0)
        for axis in np.flatnonzero(pbc):
            low = np.flatnonzero(points[:, axis] < reach / heights[axis])
            points = np.concatenate([points, points[low] + np.eye(3)[axis]])
            owners = np.concatenate([owners, owners[low]])
        places = points @ cell
        found = cKDTree(places).query_pairs(reach, output_type="ndarray")
        distances = np.linalg.norm(places[found[:, 1]] - places[found[:, 0]], axis=1)
        pairs = np.sort(owners[found], axis=1)
        near = distances < self.reach[pairs].sum(axis=1) + self.skin
        near &= pairs[:, 0] < pairs[:, 1]
        n = len(fractions)
        keys = np.unique(pairs[near] @ (n, 1))
        return np.stack([keys // n, keys % n], axis=1)
