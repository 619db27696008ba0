"""Nearest images, bond lengths and angles as histograms, and the density."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.geometry import complete_cell, find_mic, minkowski_reduce

from physrep.analysis.statistics.blocks import BlockSums, Estimate, block_average, check_positions
from physrep.units import AVOGADRO

GRAMS_PER_CM3 = 1e24 / AVOGADRO  # of one atomic mass unit per A^3


def cell_heights(cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """(3,) in A: distances of opposite faces of the cell; inf along directions not periodic.

    Args: cell (3, 3) in A, rows; pbc (3,) bool.

    Raises:
        ValueError: a periodic cell without volume.
    """
    cell, pbc = np.asarray(cell, dtype=float), np.broadcast_to(np.asarray(pbc, dtype=bool), 3)
    if not pbc.any():
        return np.full(3, np.inf)
    filled = complete_cell(np.where(pbc[:, None], cell, 0.0))
    flat = not (np.isfinite(cell).all() and cell[pbc].any(axis=1).all())
    if flat or abs(np.linalg.det(filled)) < 1e-6:
        raise ValueError(
            f"the cell {cell.tolist()} A with periodicity {pbc.tolist()} has no volume; give the "
            "three cell vectors in A, or pbc of False for a molecule without a cell"
        )
    return np.where(pbc, 1.0 / np.linalg.norm(np.linalg.inv(filled), axis=0), np.inf)


class ReducedCell:
    """The vectors of a lattice with the largest heights, recomputed only where the cell changes.

    In them nearest images are safe up to the longest distance, however skewed the cell is.
    """

    def __init__(self) -> None:
        self._known = b""
        self._found = np.zeros((3, 3)), np.inf
        self._inverse = np.zeros((3, 3))

    def of(self, cell: np.ndarray, pbc: np.ndarray) -> tuple[np.ndarray, float]:
        """(3, 3) in A, and half the smallest height in A; cell (3, 3) in A; pbc (3,) bool.

        Raises:
            ValueError: a periodic cell without volume.
        """
        cell, pbc = np.asarray(cell, dtype=float), np.asarray(pbc, dtype=bool)
        asked = cell.tobytes() + pbc.tobytes()  # the quickest of all comparisons
        if asked != self._known:
            pbc = np.broadcast_to(pbc, 3)
            cell_heights(cell, pbc)  # refuses a cell without volume
            reduced = minkowski_reduce(cell, pbc)[1] @ cell
            self._found = reduced, 0.5 * float(cell_heights(reduced, pbc).min())
            whole = complete_cell(np.where(pbc[:, None], reduced, 0.0)) if pbc.any() else np.eye(3)
            self._inverse = np.linalg.inv(whole) * pbc
            self._lattice = np.where(pbc[:, None], whole, 0.0)
            self._known = asked
        return self._found

    def reaching(self, cell: np.ndarray, pbc: np.ndarray, r_max: float, frame: int) -> np.ndarray:
        """(3, 3) in A: as :meth:`of`, for what counts all pairs up to r_max over their density.

        Args: r_max: A; frame: its number, for messages.

        Raises:
            ValueError: no cell in three directions, r_max above half the smallest height.
        """
        if not np.all(pbc):
            raise ValueError(
                f"frame {frame} has periodicity {np.asarray(pbc).tolist()}: a density needs a "
                "cell periodic in three directions; give a trajectory with its cell (a topology "
                "file may hold it)"
            )
        reduced, limit = self.of(cell, pbc)
        if r_max > limit * (1.0 + 1e-9):
            raise ValueError(
                f"r_max is {r_max:.4g} A, above half the smallest height of the cell in frame "
                f"{frame}, {limit:.4g} A: beyond it images are missed; give r_max of at most "
                "that, a little less where the cell changes"
            )
        return reduced

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        """:func:`nearest_images` in the cell that was last asked for.

        Args and returns: (..., 3) in A.
        """
        return vectors - np.rint(vectors @ self._inverse) @ self._lattice

    def fold(self, positions: np.ndarray) -> np.ndarray:
        """(n, 3) in A: positions in the reduced cell that was last asked for."""
        return positions - np.floor(positions @ self._inverse) @ self._lattice

    def images(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, 3) in A nearest images, (n, 3) their fractional coordinates."""
        fractional = vectors @ self._inverse
        images = np.rint(fractional)
        return vectors - images @ self._lattice, fractional - images


def nearest_images(vectors: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """The nearest image of each vector, where that is shorter than half the smallest height.

    Rounding fractional coordinates is exact there in any cell: a vector d has the coordinate
    |d . n| / height < 1/2 along each axis. Longer vectors may come back as another image.

    Args: vectors (..., 3) in A; cell (3, 3) in A, rows; pbc (3,) bool.
    Returns: (..., 3) in A.
    """
    pbc = np.broadcast_to(np.asarray(pbc, dtype=bool), 3)
    if not pbc.any():
        return np.array(vectors, dtype=float)
    # ASE's complete_cell takes longer than all the rest for a small molecule.
    filled = cell if pbc.all() else complete_cell(np.where(pbc[:, None], cell, 0.0))
    return vectors - (np.rint(vectors @ np.linalg.inv(filled)) * pbc) @ filled


def shortest_images(
    vectors: np.ndarray, cell: np.ndarray, pbc: np.ndarray, lattice: ReducedCell | None = None
) -> np.ndarray:
    """The nearest image of each vector, however long; fast where all of them are short.

    Args: vectors (n, 3) in A; cell (3, 3) in A; pbc (3,); lattice: kept from frame to frame, so
        that a cell that stays is reduced once.
    Returns: (n, 3) in A.
    """
    lattice = lattice or ReducedCell()
    limit = lattice.of(cell, pbc)[1]
    nearest = lattice.nearest(vectors)
    if not len(nearest) or np.einsum("nk,nk->n", nearest, nearest).max() < limit**2:
        return nearest
    return find_mic(vectors, cell, pbc)[0]


def angles(
    positions: np.ndarray,
    triples: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    lattice: ReducedCell | None = None,
) -> np.ndarray:
    """(n,) in degrees: angle at the middle atom, over nearest images.

    Args: positions (n_atoms, 3) in A; triples (n, 3) atom indices, the middle one is the vertex;
        cell (3, 3) in A; pbc (3,); lattice: as :func:`shortest_images`.
    """
    arms = positions[triples[:, [0, 2]]] - positions[triples[:, [1]]]
    arms = shortest_images(arms.reshape(-1, 3), cell, pbc, lattice).reshape(-1, 2, 3)
    (ax, ay, az), (bx, by, bz) = arms[:, 0].T, arms[:, 1].T
    normal = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
    across = np.sqrt(np.einsum("kn,kn->n", normal, normal))
    return np.degrees(np.arctan2(across, np.einsum("nk,nk->n", arms[:, 0], arms[:, 1])))


@dataclass(frozen=True, eq=False)
class Distribution:
    """Histograms of bond lengths (A) or angles (degrees), one row for each kind.

    kinds: (n_kinds,) names; edges: (n_bins + 1,); density: (n_kinds, n_bins) per A or per degree,
    integral 1 less the share outside; mean, spread: (n_kinds,) mean, and standard deviation of
    single values, over all values, also those outside; outside: (n_kinds,) share of values beyond
    the edges.
    """

    kinds: list[str]
    edges: np.ndarray
    density: Estimate
    mean: Estimate
    spread: np.ndarray
    outside: np.ndarray
    unit: str

    @property
    def centres(self) -> np.ndarray:
        """(n_bins,) middles of the bins."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])


class DistributionSums:
    """Lengths of pairs, or angles of triples, of named kinds, counted frame by frame."""

    def __init__(
        self, atoms: np.ndarray, kinds: Sequence[str], low: float, high: float, n_bins: int = 100
    ) -> None:
        """Args: atoms: (n, 2) pairs or (n, 3) triples with the vertex in the middle, indices from
        0; kinds: (n,) name of each one; low, high: of the histogram, A or degrees.

        Raises:
            ValueError: atoms of another shape, another number of kinds, an empty range.
        """
        self.atoms = np.asarray(atoms, dtype=np.int64)
        if self.atoms.ndim != 2 or self.atoms.shape[1] not in (2, 3) or not len(self.atoms):
            raise ValueError(f"atoms of shape {self.atoms.shape}: give (n, 2) pairs or (n, 3)")
        if len(kinds) != len(self.atoms):
            raise ValueError(f"{len(kinds)} kinds for {len(self.atoms)} rows: give one for each")
        if not low < high or n_bins < 1:
            raise ValueError(f"a histogram of {n_bins} bins from {low:g} to {high:g} is empty")
        self.kinds, self._of = np.unique(np.asarray(kinds, dtype=str), return_inverse=True)
        self._sizes = np.bincount(self._of).astype(float)
        self.edges, self.n_bins = np.linspace(low, high, n_bins + 1), n_bins
        self.n_atoms: int | None = None
        self._counts = BlockSums((len(self.kinds), n_bins + 2))
        self._moments = BlockSums((2, len(self.kinds)))
        self._reference: np.ndarray | None = None
        self._lattice = ReducedCell()

    def add(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> None:
        """One frame: positions (n_atoms, 3) in A, wrapped or not; cell (3, 3) in A; pbc (3,).

        Raises:
            ValueError: another number of atoms than before, or positions that are not finite.
        """
        self.n_atoms = len(positions) if self.n_atoms is None else self.n_atoms
        positions = check_positions(positions, self.n_atoms, self._counts.n_values)
        if self.atoms.min() < 0 or self.atoms.max() >= self.n_atoms:
            raise ValueError(
                f"atom indices from {self.atoms.min()} to {self.atoms.max()} in frames of "
                f"{self.n_atoms} atoms: count from 0"
            )
        values = self._values(positions, cell, pbc)
        bins = np.searchsorted(self.edges, values, side="right")  # 0 and n_bins + 1: outside
        codes = self._of * (self.n_bins + 2) + bins
        shape = (len(self.kinds), self.n_bins + 2)
        self._counts.add(np.bincount(codes, minlength=shape[0] * shape[1]).reshape(shape))
        if self._reference is None:
            self._reference = np.bincount(self._of, weights=values) / self._sizes
        away = values - self._reference[self._of]
        sums = [np.bincount(self._of, weights=power) for power in (away, away**2)]
        self._moments.add(np.stack(sums) / self._sizes)

    def result(self) -> Distribution:
        """The histograms so far.

        Raises:
            ValueError: no frame was added.
        """
        shares = self._counts.estimate()
        per_unit = 1.0 / (self._sizes[:, None] * np.diff(self.edges))
        inside = slice(1, self.n_bins + 1)
        density = Estimate(
            shares.value[:, inside] * per_unit, shares.error[:, inside] * per_unit, shares.reason
        )
        moments = self._moments.estimate()
        first, second = moments.value
        return Distribution(
            self.kinds.tolist(),
            self.edges,
            density,
            Estimate(self._reference + first, moments.error[0], moments.reason),
            np.sqrt(np.maximum(second - first**2, 0.0)),
            (shares.value[:, 0] + shares.value[:, -1]) / self._sizes,
            "A" if self.atoms.shape[1] == 2 else "degrees",
        )

    def _values(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
        if self.atoms.shape[1] == 3:
            return angles(positions, self.atoms, cell, pbc, self._lattice)
        vectors = positions[self.atoms[:, 1]] - positions[self.atoms[:, 0]]
        return np.linalg.norm(shortest_images(vectors, cell, pbc, self._lattice), axis=1)


def densities(cells: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """(n_frames,) in g/cm^3.

    Args: cells (n_frames, 3, 3) in A; masses (n_atoms,) in amu.

    Raises:
        ValueError: a cell without volume, with its frame; masses that are not positive.
    """
    cells, masses = np.asarray(cells, dtype=float).reshape(-1, 3, 3), np.asarray(masses)
    volumes = np.abs(np.linalg.det(cells))
    bad = np.flatnonzero(~(volumes > 1e-6))
    if len(bad):
        raise ValueError(
            f"frame {bad[0]}: the cell {cells[bad[0]].tolist()} A has no volume, so no density; "
            "give periodic frames with their cell"
        )
    if not len(masses) or not (masses > 0.0).all():
        raise ValueError(f"masses {masses}: a density needs positive masses in amu")
    return masses.sum() / volumes * GRAMS_PER_CM3


def mean_density(cells: np.ndarray, masses: np.ndarray) -> Estimate:
    """Mean of :func:`densities` in g/cm^3 with its standard error; a fixed cell has error 0."""
    series = densities(cells, masses)
    if np.ptp(series) <= 1e-12 * series[0]:
        return Estimate(series[0], np.float64(0.0), "the cell is fixed")
    return block_average(series)
