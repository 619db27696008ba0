"""Distributions of distance and angle: neighbours around a vertex, partners around a bond.

Both are densities over those of an ideal gas, so that 1 means neither preferred nor avoided, and
are uniform in the cosine of the angle for an isotropic surrounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from physrep.analysis.statistics.blocks import BlockSums, Estimate, block_error, check_positions
from physrep.analysis.structure.distributions import ReducedCell
from physrep.analysis.structure.near_pairs import NearPairs, pairs_across, pairs_within


@dataclass(frozen=True, eq=False)
class RadiusAngleMaps:
    """pairs: (a, b), b around a; edges: (n_r + 1,) in A; angles: (n_angles + 1,) edges in degrees;
    value: (n_pairs, n_r, n_angles), NaN without partners; blocks: (n_blocks, n_pairs, n_r,
    n_angles), for errors; weights: (n_r,) what each radius counts in a sum over radii.
    """

    pairs: list[tuple[str, str]]
    edges: np.ndarray
    angles: np.ndarray
    value: Estimate
    blocks: np.ndarray
    weights: np.ndarray
    n_frames: int

    def within(self, a: str, b: str, radius: float) -> Estimate:
        """(n_angles,): distribution of the angle over all up to a radius in A.

        Raises:
            ValueError: no such pair, or a radius below the first edge or beyond the last.
        """
        if (a, b) not in self.pairs:
            raise ValueError(f"no pair {b} around {a}; there are {self.pairs}")
        upto = int(np.searchsorted(self.edges, radius * (1.0 + 1e-9), side="right")) - 1
        if not upto >= 1 or radius > self.edges[-1] * (1.0 + 1e-9):
            raise ValueError(
                f"radius {radius:g} A: give one from {self.edges[1]:g} to {self.edges[-1]:g} A"
            )
        row, weights = self.pairs.index((a, b)), self.weights[:upto] / self.weights[:upto].sum()
        blocks = np.einsum("r,bra->ba", weights, self.blocks[:, row, :upto])
        return Estimate(weights @ self.value.value[row, :upto], *block_error(blocks))


class _Maps:
    """What both kinds of maps share: bins, sums over frames, checks."""

    def __init__(self, n_points: int, pairs: list[tuple[str, str]], r_max: float, n_r: int,
                 n_angles: int) -> None:  # fmt: skip
        if n_points < 2 or not 0.0 < r_max < float("inf") or min(n_r, n_angles) < 1:
            raise ValueError(
                f"{n_points} points, r_max {r_max} A, {n_r} x {n_angles} bins: give 2 points, a "
                "positive r_max and bins"
            )
        self.pairs, self.n_points, self.r_max = pairs, n_points, float(r_max)
        self.edges = np.linspace(0.0, r_max, n_r + 1)
        self.angles = np.linspace(0.0, 180.0, n_angles + 1)
        self._of_angle = -0.5 * np.diff(np.cos(np.radians(self.angles)))
        self._lattice = ReducedCell()
        self._sums = BlockSums((len(pairs), n_r, n_angles))

    def _near(
        self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray
    ) -> tuple[NearPairs, float]:
        """Pairs within r_max, and the volume."""
        frame = self._sums.n_values
        positions = check_positions(positions, self.n_points, frame)
        reduced = self._lattice.reaching(cell, pbc, self.r_max, frame)
        return pairs_within(positions, reduced, self.r_max), abs(float(np.linalg.det(cell)))

    def _histogram(self, rows: np.ndarray, radii: np.ndarray, cosines: np.ndarray) -> np.ndarray:
        """(n_pairs, n_r, n_angles) counts; rows: of each value, negative ones are skipped."""
        shape = self._sums.total().shape
        at_r = (radii * (shape[1] / self.r_max)).astype(int)
        angles = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
        at_angle = np.minimum((angles * (shape[2] / 180.0)).astype(int), shape[2] - 1)
        kept = (rows >= 0) & (at_r < shape[1])
        codes = (rows[kept] * shape[1] + at_r[kept]) * shape[2] + at_angle[kept]
        return np.bincount(codes, minlength=int(np.prod(shape))).reshape(shape)

    def _result(self, weights: np.ndarray, possible: np.ndarray) -> RadiusAngleMaps:
        """weights: (n_r,) of the radii; possible: (n_pairs,) pairs or triples in the cell."""
        per = np.full(self._sums.total().shape, np.nan)
        some = possible > 0
        per[some] = 1.0 / (possible[some, None, None] * weights[:, None] * self._of_angle)
        found = self._sums.estimate()
        value = Estimate(found.value * per, found.error * per, found.reason)
        numbers = self._sums.blocks() * per, weights, self._sums.n_values
        return RadiusAngleMaps(self.pairs, self.edges, self.angles, value, *numbers)


class NeighborAngleSums(_Maps):
    """Angles b-a-b at a vertex a between two neighbours b, by the distance of the further one."""

    def __init__(
        self, kinds: Sequence[str], r_max: float, n_r: int = 40, n_angles: int = 36
    ) -> None:
        """Args: kinds: (n_points,) name of each point's kind; r_max: A.

        Raises:
            ValueError: fewer than 2 points, r_max or bins not positive.
        """
        names, self._of = np.unique(np.asarray(kinds, dtype=str), return_inverse=True)
        self._n = len(names)
        pairs = [(a, b) for a in names.tolist() for b in names.tolist()]
        super().__init__(len(kinds), pairs, r_max, n_r, n_angles)
        sizes = np.bincount(self._of).astype(float)
        others = sizes[None, :] - np.eye(self._n)
        self._possible = (sizes[:, None] * others * (others - 1.0) / 2.0).ravel()

    def add(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> None:
        """One frame: positions (n_points, 3) in A, wrapped or not; cell (3, 3) in A; pbc (3,).

        Raises:
            ValueError: no cell in three directions, r_max above half the smallest height of the
                cell, another number of points, positions that are not finite.
        """
        near, volume = self._near(positions, cell, pbc)
        vertex = np.concatenate([near.first, near.second])
        other = np.concatenate([near.second, near.first])
        arms = np.concatenate([near.vectors, -near.vectors])
        group = vertex * self._n + self._of[other]  # neighbours of one kind at one vertex
        order = np.argsort(group, kind="stable")
        group, arms = group[order], arms[order]
        lengths = np.linalg.norm(arms, axis=1)
        counts = np.zeros(self._sums.total().shape)
        rows = self._of[vertex[order]] * self._n + self._of[other[order]]
        # Each neighbour with those that follow it in its group: one step further each time.
        for step in range(1, int(np.bincount(group).max(initial=0))):
            same = np.flatnonzero(group[step:] == group[:-step])
            one, two = same, same + step
            cosines = np.einsum("nk,nk->n", arms[one], arms[two]) / (lengths[one] * lengths[two])
            further = np.maximum(lengths[one], lengths[two])
            counts += self._histogram(rows[one], further, cosines)
        self._sums.add(counts * volume**2)

    def result(self) -> RadiusAngleMaps:
        """The maps so far; the angle is that at the vertex.

        Raises:
            ValueError: no frame was added.
        """
        spheres = (4.0 / 3.0 * np.pi * self.edges**3) ** 2
        return self._result(np.diff(spheres), np.maximum(self._possible, 0.0))


class BondMapSums(_Maps):
    """Partners around the end of a bond, by distance and by the angle to the bond's direction.

    For a bond D-H and acceptors A: the distance H...A and the angle between D-H and H...A, 0 for a
    linear hydrogen bond. It is the spatial distribution around the bond, averaged over rotations
    about it.
    """

    def __init__(
        self,
        bonds: np.ndarray,
        bond_kinds: Sequence[str],
        partners: np.ndarray,
        partner_kinds: Sequence[str],
        r_max: float,
        molecules: np.ndarray,
        n_r: int = 40,
        n_angles: int = 36,
    ) -> None:
        """Args: bonds: (n_bonds, 2) atom indices of the start and the end of each; bond_kinds:
        (n_bonds,) names; partners: (m,) atom indices; partner_kinds: (m,) names; r_max: A;
        molecules: (n_atoms,) numbers, partners of one molecule with the bond are skipped.

        Raises:
            ValueError: no bonds or partners, r_max or bins not positive.
        """
        self.bonds = np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
        self.partners = np.asarray(partners, dtype=np.int64)
        starts, self._start_of = np.unique(np.asarray(bond_kinds, str), return_inverse=True)
        ends, self._end_of = np.unique(np.asarray(partner_kinds, str), return_inverse=True)
        pairs = [(a, b) for a in starts.tolist() for b in ends.tolist()]
        if not len(self.bonds) or not len(self.partners):
            raise ValueError(f"{len(self.bonds)} bonds, {len(self.partners)} partners: give both")
        super().__init__(len(self.bonds) + len(self.partners), pairs, r_max, n_r, n_angles)
        self._molecules = np.asarray(molecules)[np.concatenate([self.bonds[:, 1], self.partners])]
        apart = self._molecules[: len(bonds), None] != self._molecules[None, len(bonds) :]
        rows = self._start_of[:, None] * len(ends) + self._end_of[None]
        self._possible = np.bincount(rows[apart], minlength=len(pairs)).astype(float)
        self._n_ends = len(ends)

    def add(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> None:
        """One frame: positions (n_atoms, 3) in A, wrapped or not; cell (3, 3) in A; pbc (3,).

        Raises:
            ValueError: as :meth:`NeighborAngleSums.add`.
        """
        n = len(self.bonds)
        points = positions[np.concatenate([self.bonds[:, 1], self.partners])]
        near, volume = self._near(points, cell, pbc)
        bond, partner, apart = pairs_across(near, n)
        kept = self._molecules[bond] != self._molecules[partner + n]
        bond, partner, apart = bond[kept], partner[kept], apart[kept]
        along = self._lattice.nearest(positions[self.bonds[:, 1]] - positions[self.bonds[:, 0]])
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        lengths = np.linalg.norm(apart, axis=1)
        cosines = np.einsum("nk,nk->n", along[bond], apart) / np.maximum(lengths, 1e-12)
        rows = self._start_of[bond] * self._n_ends + self._end_of[partner]
        self._sums.add(self._histogram(rows, lengths, cosines) * volume)

    def result(self) -> RadiusAngleMaps:
        """The maps so far.

        Raises:
            ValueError: no frame was added.
        """
        return self._result(np.diff(4.0 / 3.0 * np.pi * self.edges**3), self._possible)
