"""Van Hove functions: where a molecule is after a time, and where the others are.

Self part: the distribution of the distance that a molecule has moved within a lag,

    4 pi r^2 G_s(r, t) = < delta(r - |r_i(t) - r_i(0)|) >,

a density in 1/A whose integral is 1, of diffusion r^2 exp(-r^2 / (4 D t)) / (2 sqrt(pi) (D t)^1.5).
Distinct part: g_d(r, t), the density of molecules b at the lag t around the place where a molecule
a was at the start, over that of an ideal gas; at lag 0 it is g(r) (L. van Hove, Phys. Rev. 95
(1954) 249).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from physrep.analysis.statistics.blocks import BlockSums, Estimate
from physrep.analysis.structure.distributions import ReducedCell

ORIGINS_HELD = 8
MOST_CENTRES = 500  # of one origin and kind, for the distinct part


@dataclass(frozen=True, eq=False)
class VanHove:
    """kinds: names; pairs: (a, b); lags: (n_lags,) in ps; edges: (n_bins + 1,) in A; moved: self
    part (n_lags, n_kinds, n_bins) in 1/A; beyond: (n_lags, n_kinds) share of molecules that moved
    further than the last edge; distinct: (n_lags, n_pairs, n_bins), NaN without a pair; n_origins.
    """

    kinds: list[str]
    pairs: list[tuple[str, str]]
    lags: np.ndarray
    edges: np.ndarray
    moved: Estimate
    beyond: np.ndarray
    distinct: Estimate
    n_origins: int

    @property
    def r(self) -> np.ndarray:
        """(n_bins,) middles of the bins, A."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])


class VanHoveSums:
    """``add`` each frame, ``result`` at the end; ORIGINS_HELD frames are kept at a time."""

    def __init__(
        self,
        kinds: Sequence[str],
        interval: float,
        lags: Sequence[int],
        r_max: float,
        n_bins: int = 100,
    ) -> None:
        """Args: kinds: (n_points,) name of each point's kind; interval: ps between frames; lags:
        in frames, 0 among them for g(r); r_max: A.

        Raises:
            ValueError: no points, no lags or negative ones, interval or r_max not positive.
        """
        steps = sorted({int(lag) for lag in lags})
        if not len(kinds) or not steps or steps[0] < 0 or not min(interval, r_max, n_bins) > 0:
            raise ValueError(
                f"{len(kinds)} points, lags {list(lags)} in frames of {interval} ps, {n_bins} bins "
                f"up to {r_max} A: give points, lags of 0 or more and positive numbers"
            )
        names, of = np.unique(np.asarray(kinds, dtype=str), return_inverse=True)
        self.kinds, self.interval, self.steps = names.tolist(), float(interval), steps
        self._members = [np.flatnonzero(of == k) for k in range(len(names))]
        self._pairs = [(a, b) for a in range(len(names)) for b in range(a, len(names))]
        self.edges = np.linspace(0.0, r_max, n_bins + 1)
        self._every = max(1, -(-steps[-1] // ORIGINS_HELD))
        self._origins: list[tuple[int, np.ndarray, np.ndarray]] = []
        self._moved = [BlockSums((len(names), n_bins + 1)) for _ in steps]
        self._distinct = [BlockSums((len(self._pairs), n_bins)) for _ in steps]
        self._lattice = ReducedCell()
        self.n_frames = self.n_origins = 0

    def wants(self) -> bool:
        """Whether the next frame is used, so that its points are worth computing."""
        ages = {self.n_frames - start for start, _, _ in self._origins}
        return self.n_frames % self._every == 0 or not ages.isdisjoint(self.steps)

    def skip(self) -> None:
        """A frame that is not used."""
        self.n_frames += 1

    def add(self, moved: np.ndarray, points: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> None:
        """One frame: moved (n_points, 3) in A, continuous, without drift; points (n_points, 3) in
        A, of the frame; cell (3, 3) in A; pbc (3,).

        Raises:
            ValueError: no cell in three directions, r_max above half its smallest height.
        """
        self._lattice.reaching(cell, pbc, self.edges[-1], self.n_frames)
        # Fractions: places of the start follow a cell that changes.
        fractions = points @ np.linalg.inv(cell)
        if self.n_frames % self._every == 0:
            self._origins.append((self.n_frames, moved.copy(), fractions))
            self.n_origins += 1
        for start, first, places in self._origins:
            if self.n_frames - start in self.steps:
                lag = self.steps.index(self.n_frames - start)
                self._moved[lag].add(self._self_part(moved - first))
                self._distinct[lag].add(self._distinct_part(places, fractions, cell))
        last = self.steps[-1]
        self._origins = [one for one in self._origins if self.n_frames - one[0] < last]
        self.n_frames += 1

    def result(self) -> VanHove:
        """The functions so far.

        Raises:
            ValueError: too few frames for the longest lag.
        """
        if any(sums.n_values == 0 for sums in self._moved):
            raise ValueError(
                f"{self.n_frames} frames are too few for a lag of {self.steps[-1]} frames"
            )
        names = [(self.kinds[a], self.kinds[b]) for a, b in self._pairs]
        moved = _stacked([sums.estimate() for sums in self._moved])
        width = np.diff(self.edges)
        inside = moved.value[..., :-1] / width, moved.error[..., :-1] / width
        distinct = _stacked([sums.estimate() for sums in self._distinct])
        sizes = [len(atoms) for atoms in self._members]
        alone = [a == b and sizes[a] == 1 for a, b in self._pairs]
        distinct.value[:, alone], distinct.error[:, alone] = np.nan, np.nan  # no pair, no function
        return VanHove(
            self.kinds,
            names,
            self.interval * np.array(self.steps, dtype=float),
            self.edges,
            Estimate(*inside, moved.reason),
            moved.value[..., -1],
            distinct,
            self.n_origins,
        )

    def _self_part(self, steps: np.ndarray) -> np.ndarray:
        """(n_kinds, n_bins + 1) shares of molecules, the last one of those beyond the edges."""
        lengths = np.linalg.norm(steps, axis=1)
        edges = np.append(self.edges, np.inf)
        counts = [np.histogram(lengths[atoms], edges)[0] / len(atoms) for atoms in self._members]
        return np.array(counts)

    def _distinct_part(self, places: np.ndarray, now: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """(n_pairs, n_bins) over what an ideal gas has."""
        volume, shells = abs(np.linalg.det(cell)), 4.0 / 3.0 * np.pi * np.diff(self.edges**3)
        found = np.zeros((len(self._pairs), len(shells)))
        for row, (a, b) in enumerate(self._pairs):
            every = -(-len(self._members[a]) // MOST_CENTRES)
            centres, others = self._members[a][::every], self._members[b]
            n_pairs = len(centres) * len(others) - (len(centres) if a == b else 0)
            if not n_pairs:
                continue
            apart = (now[others][None] - places[centres][:, None]).reshape(-1, 3) @ cell
            lengths = np.linalg.norm(self._lattice.nearest(apart), axis=1)
            if a == b:  # not the molecule itself
                lengths[(centres[:, None] == others[None]).ravel()] = np.inf
            found[row] = np.histogram(lengths, self.edges)[0] * volume / (n_pairs * shells)
        return found


def _stacked(found: Sequence[Estimate]) -> Estimate:
    reason = next((one.reason for one in found if one.reason), "")
    return Estimate(
        np.array([one.value for one in found]), np.array([one.error for one in found]), reason
    )
