"""Radial distribution functions, whole ions and hydrogen bonds, frame by frame, in any cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from physrep.analysis.statistics.blocks import BlockSums, Estimate, block_error, check_positions
from physrep.analysis.structure.distributions import ReducedCell, nearest_images
from physrep.analysis.structure.near_pairs import pairs_across, pairs_within

PAIRS_AT_ONCE = 8192  # their arrays fit into the cache of a core
SMALL_SHARE = 0.05  # of the volume within r_max: a search for near pairs is quicker than all pairs
KEPT_PAIRS = 4_000_000  # their codes are kept in memory between frames


@dataclass(frozen=True, eq=False)
class RadialDistributions:
    """Partial radial distribution functions.

    kinds: names; sizes: (n_kinds,) points of each; pairs: (a, b) for every two kinds; r: (n_bins,)
    middles and edges: (n_bins + 1,) of the bins, A; g: (n_pairs, n_bins), 1 for an ideal gas;
    near: (n_pairs, n_bins) pairs in the box nearer than the upper edge of each bin.
    """

    kinds: list[str]
    sizes: np.ndarray
    pairs: list[tuple[str, str]]
    edges: np.ndarray
    g: Estimate
    near: Estimate
    n_frames: int

    @property
    def r(self) -> np.ndarray:
        """(n_bins,) middles of the bins, A."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    def of(self, a: str, b: str) -> Estimate:
        """g_ab(r), (n_bins,)."""
        row = self._row(a, b)
        return Estimate(self.g.value[row], self.g.error[row], self.g.reason)

    def coordination(self, a: str, b: str) -> Estimate:
        """Mean number of b around one a within r, (n_bins,), at the upper edges of the bins."""
        row = self._row(a, b)
        per = (2.0 if a == b else 1.0) / self.sizes[self.kinds.index(a)]
        return Estimate(per * self.near.value[row], per * self.near.error[row], self.near.reason)

    def _row(self, a: str, b: str) -> int:
        for pair in ((a, b), (b, a)):
            if pair in self.pairs:
                return self.pairs.index(pair)
        raise ValueError(f"no pair {a}-{b} among the kinds {' '.join(self.kinds)}")


class RadialSums:
    """Counts pairs by distance as frames stream by: ``add`` each, ``result`` at any time."""

    def __init__(
        self,
        kinds: Sequence[str],
        r_max: float,
        n_bins: int = 200,
        molecules: np.ndarray | None = None,
    ) -> None:
        """Args: kinds: (n_points,) name of each point's kind, e.g. its element or ion; r_max: A;
        molecules: (n_points,) numbers; pairs within one molecule are skipped, also in the
        normalisation.

        Raises:
            ValueError: fewer than 2 points, r_max or n_bins not positive, lengths that differ.
        """
        n = len(kinds)
        if n < 2 or not r_max > 0.0 or n_bins < 1:
            raise ValueError(
                f"{n} points, r_max {r_max} A, {n_bins} bins: a radial distribution needs 2 "
                "points, a positive r_max and at least 1 bin"
            )
        if molecules is not None and len(molecules) != n:
            raise ValueError(f"{len(molecules)} molecules for {n} points: give one for each")
        self.kinds, self._of = np.unique(np.asarray(kinds, dtype=str), return_inverse=True)
        self.n_points, self.r_max, self.n_bins = n, float(r_max), n_bins
        self._molecules = None if molecules is None else np.asarray(molecules)
        first, second = np.triu_indices(len(self.kinds))
        self._pairs = np.stack([first, second], axis=1)
        self._table = np.empty((len(self.kinds), len(self.kinds)), dtype=np.int32)
        self._table[first, second] = self._table[second, first] = np.arange(len(first))
        height = max(1, PAIRS_AT_ONCE // n)
        self._rows = [(start, min(start + height, n)) for start in range(0, n, height)]
        self._codes = [self._row_codes(*rows) for rows in self._rows] if n * n < KEPT_PAIRS else []
        self._n_pairs = self._count_pairs()
        self._lattice = ReducedCell()
        shape = (len(self._pairs), n_bins)
        self._counts, self._scaled = BlockSums(shape), BlockSums(shape)

    def add(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> None:
        """One frame: positions (n_points, 3) in A, wrapped or not; cell (3, 3) in A; pbc (3,).

        Raises:
            ValueError: no cell in three directions, r_max above half the smallest height of the
                cell, another number of points, positions that are not finite.
        """
        frame = self._counts.n_values
        positions = check_positions(positions, self.n_points, frame)
        cell = self._lattice.reaching(cell, pbc, self.r_max, frame)
        if 4.0 / 3.0 * np.pi * self.r_max**3 < SMALL_SHARE * abs(np.linalg.det(cell)):
            counts = self._near_histogram(positions, cell)
        else:
            fractional = positions @ np.linalg.inv(cell)
            counts = self._histogram(np.ascontiguousarray(fractional.T), cell)
        self._counts.add(counts)
        self._scaled.add(counts * abs(np.linalg.det(cell)))

    def result(self) -> RadialDistributions:
        """The functions so far; g is the mean over frames of counts over those of an ideal gas,
        NaN for two kinds without a pair.

        Raises:
            ValueError: no frame was added.
        """
        edges = np.linspace(0.0, self.r_max, self.n_bins + 1)
        shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
        with np.errstate(divide="ignore"):
            per = 1.0 / (self._n_pairs[:, None] * shells)
        per[self._n_pairs == 0] = np.nan  # no pairs, no function
        scaled = self._scaled.estimate()
        g = Estimate(scaled.value * per, scaled.error * per, scaled.reason)
        mean = self._counts.total().cumsum(axis=1) / self._counts.n_values
        near = Estimate(mean, *block_error(self._counts.blocks().cumsum(axis=2)))
        names = self.kinds.tolist()
        pairs = [(names[a], names[b]) for a, b in self._pairs]
        sizes = np.bincount(self._of)
        return RadialDistributions(names, sizes, pairs, edges, g, near, self._counts.n_values)

    def _histogram(self, fractional: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """(n_pairs, n_bins) of one frame; fractional: (3, n_points)."""
        width = self.n_bins + 1  # the last bin takes what is further
        size = (len(self._pairs) + 1) * width  # the last row takes what is not a pair
        counts = np.zeros(size, dtype=np.int64)
        for k, (start, stop) in enumerate(self._rows):
            apart = fractional[:, start:stop, None] - fractional[:, None, start:]
            apart -= np.rint(apart)
            apart = cell.T @ apart.reshape(3, -1)
            distances = np.sqrt(np.einsum("km,km->m", apart, apart))
            distances *= self.n_bins / self.r_max
            bins = np.minimum(distances, self.n_bins, out=distances).astype(np.int32)
            bins += self._codes[k] if self._codes else self._row_codes(start, stop)
            counts += np.bincount(bins, minlength=size)
        return counts.reshape(-1, width)[:-1, :-1]

    def _near_histogram(self, positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """As :meth:`_histogram`, looking only at pairs within reach."""
        near = pairs_within(positions, cell, self.r_max)
        rows = self._table[self._of[near.first], self._of[near.second]].astype(np.int64)
        bins = np.sqrt(np.einsum("nk,nk->n", near.vectors, near.vectors))
        bins = (bins * (self.n_bins / self.r_max)).astype(np.int64)
        kept = bins < self.n_bins
        if self._molecules is not None:
            kept &= self._molecules[near.first] != self._molecules[near.second]
        shape = (len(self._pairs), self.n_bins)
        codes = rows[kept] * self.n_bins + bins[kept]
        return np.bincount(codes, minlength=shape[0] * shape[1]).reshape(shape)

    def _row_codes(self, start: int, stop: int) -> np.ndarray:
        """Offset into the counts of the pairs (i, j), start <= i < stop, j >= start, flat."""
        codes = self._table[self._of[start:stop, None], self._of[None, start:]]
        skipped = np.arange(start, stop)[:, None] >= np.arange(start, self.n_points)
        if self._molecules is not None:
            skipped |= self._molecules[start:stop, None] == self._molecules[None, start:]
        codes[skipped] = len(self._pairs)
        return (codes * (self.n_bins + 1)).ravel().astype(np.int32)

    def _count_pairs(self) -> np.ndarray:
        """(n_pairs,) pairs of points of each two kinds that are counted."""
        total = np.zeros(len(self._pairs) + 1)
        for k, rows in enumerate(self._rows):
            codes = self._codes[k] if self._codes else self._row_codes(*rows)
            total += np.bincount(codes // (self.n_bins + 1), minlength=len(total))
        return total[:-1]


def first_shell(r: np.ndarray, g: np.ndarray, smoothing: float = 0.1) -> tuple[float, float]:
    """Distances in A of the first maximum of g and of the minimum behind it; NaN if there is none.

    g is smoothed by a Gaussian of ``smoothing`` A; a maximum and a minimum count from a depth of
    0.1 on.

    Args: r (n_bins,) in A, equally spaced; g (n_bins,).
    """
    smooth = gaussian_filter1d(np.asarray(g, dtype=float), smoothing / (r[1] - r[0]))
    peaks = find_peaks(smooth, height=1.0, prominence=0.1)[0]
    if not len(peaks):
        return float("nan"), float("nan")
    dips = find_peaks(-smooth[peaks[0] :], prominence=0.1)[0]
    return float(r[peaks[0]]), float(r[peaks[0] + dips[0]]) if len(dips) else float("nan")


class GroupCentres:
    """Centres of mass of ions or molecules, made whole across the faces of the cell.

    Atoms of a group are joined in the first frame by the shortest tree through them; every frame
    is made whole along that tree.
    """

    def __init__(self, groups: Sequence[np.ndarray], masses: np.ndarray) -> None:
        """Args: groups: atom indices of each group; masses: (n_atoms,) in amu. A group of one atom
        is that atom.

        Raises:
            ValueError: an empty group, an index outside, a mass that is not positive.
        """
        self.groups = [np.asarray(group, dtype=np.int64) for group in groups]
        self.masses = np.asarray(masses, dtype=float)
        self.weights = centre_weights(self.groups, self.masses)
        self._levels: list[tuple[np.ndarray, np.ndarray]] | None = None
        self._n_frames, self._lattice = 0, ReducedCell()

    def of(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
        """(n_groups, 3) in A of one frame; arguments and errors: as :meth:`whole`."""
        return self.weights @ self.whole(positions, cell, pbc)

    def whole(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
        """(n_atoms, 3) in A, each group in one piece.

        Args: positions (n_atoms, 3) in A of one frame; cell (3, 3) in A; pbc (3,).

        Raises:
            ValueError: atoms of a group further apart than half the smallest height of the cell.
        """
        whole = check_positions(positions, len(self.masses), self._n_frames).copy()
        cell, limit = self._lattice.of(cell, pbc)
        if self._levels is None:
            self._levels = self._tree(whole, cell, pbc)
        for atoms, parents in self._levels:
            steps = self._lattice.nearest(whole[atoms] - whole[parents])
            lengths = np.sqrt(np.einsum("nk,nk->n", steps, steps))
            worst = int(lengths.argmax())
            if lengths[worst] >= limit:
                raise ValueError(
                    f"frame {self._n_frames}: atoms {parents[worst]} and {atoms[worst]} of one "
                    f"group are {lengths[worst]:.2f} A apart, not below half the smallest height "
                    f"of the cell, {limit:.2f} A: the molecule has come apart, or the groups are "
                    "not molecules; use a centre atom instead"
                )
            whole[atoms] = whole[parents] + steps
        self._n_frames += 1
        return whole

    def _tree(
        self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """(atoms, parents) at each depth of the trees of all groups."""
        levels: dict[int, list[tuple[int, int]]] = {}
        for group in (group for group in self.groups if len(group) > 1):
            inside = positions[group]
            apart = nearest_images(inside[:, None] - inside[None, :], cell, pbc)
            tree = minimum_spanning_tree(np.linalg.norm(apart, axis=2))
            order, parents = breadth_first_order(tree, 0, directed=False)
            if len(order) < len(group):
                raise ValueError(f"two of the atoms {group.tolist()} lie in the same place")
            depth = {0: 0}
            for atom in order[1:].tolist():
                depth[atom] = depth[int(parents[atom])] + 1
                levels.setdefault(depth[atom], []).append((group[atom], group[parents[atom]]))
        return [tuple(np.array(levels[depth]).T) for depth in sorted(levels)]


def centre_weights(groups: Sequence[np.ndarray], masses: np.ndarray) -> csr_array:
    """(n_groups, n_atoms) sparse: times positions, the centres of mass of the groups.

    Raises:
        ValueError: an empty group, an index outside, a mass that is not positive.
    """
    for k, group in enumerate(groups):
        atoms = set(np.asarray(group).tolist())
        if not atoms or len(atoms) < len(group) or min(atoms) < 0 or max(atoms) >= len(masses):
            raise ValueError(
                f"group {k} has the atoms {list(group)}, of {len(masses)} atoms: give at least "
                "one, each once, counted from 0"
            )
    if not len(groups) or not (np.asarray(masses) > 0.0).all():
        raise ValueError(f"{len(groups)} groups, masses {masses}: give groups, positive masses")
    rows = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    columns = np.concatenate(groups)
    total = np.bincount(rows, weights=masses[columns])
    return csr_array((masses[columns] / total[rows], (rows, columns)), (len(groups), len(masses)))


class HydrogenBondSums:
    """Hydrogen bonds D-H...A frame by frame: D...A nearer than ``distance``, and the angle between
    D-H and D...A below ``angle`` (A. Luzar and D. Chandler, Nature 379 (1996) 55, for water, by
    default 3.5 A and 30 degrees; M. Brehm's TRAVIS counts alike).
    """

    def __init__(
        self,
        donors: np.ndarray,
        acceptors: np.ndarray,
        distance: float = 3.5,
        angle: float = 30.0,
        molecules: np.ndarray | None = None,
    ) -> None:
        """Args: donors: (n, 2) atom indices of D and H; acceptors: (m,) indices, each once;
        distance in A; angle in degrees; molecules: (n_atoms,) numbers, D and A of one molecule are
        skipped.

        Raises:
            ValueError: no donors or acceptors, distance or angle not positive.
        """
        self.donors = np.asarray(donors, dtype=np.int64).reshape(-1, 2)
        self.acceptors = np.asarray(acceptors, dtype=np.int64)
        if not len(self.donors) or not len(self.acceptors) or not (distance > 0.0 < angle):
            raise ValueError(
                f"{len(self.donors)} donors, {len(self.acceptors)} acceptors, {distance} A, "
                f"{angle} degrees: give at least one of each, and positive limits"
            )
        self.distance, self.angle = distance, angle
        heavy = self.donors[:, 0]
        if molecules is None:  # D alone is not its own acceptor
            molecules = np.arange(max(heavy.max(), self.acceptors.max()) + 1)
        self._donor_molecules = np.asarray(molecules)[heavy]
        self._acceptor_molecules = np.asarray(molecules)[self.acceptors]
        ordered, numbers = np.sort(self._acceptor_molecules), self._donor_molecules
        skipped = np.searchsorted(ordered, numbers, "right") - np.searchsorted(ordered, numbers)
        self.n_possible = len(heavy) * len(self.acceptors) - int(skipped.sum())
        self._n_atoms: int | None = None
        self._lattice = ReducedCell()
        self._numbers = BlockSums(())

    def add(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
        """The bonds of one frame, (n_bonds, 3) atom indices D, H, A; they are counted.

        Args: positions (n_atoms, 3) in A; cell (3, 3) in A; pbc (3,), also a molecule's without
            cell.

        Raises:
            ValueError: ``distance`` above half the smallest height of the cell, positions that are
                not finite, another number of atoms.
        """
        self._n_atoms = len(positions) if self._n_atoms is None else self._n_atoms
        positions = check_positions(positions, self._n_atoms, self._numbers.n_values)
        reduced, limit = self._lattice.of(cell, pbc)
        if self.distance > limit:
            raise ValueError(
                f"hydrogen bonds up to {self.distance:g} A need a cell with twice that between "
                f"opposite faces; frame {self._numbers.n_values} has {2.0 * limit:.3g} A"
            )
        heavy, hydrogen = positions[self.donors].swapaxes(0, 1)
        points = np.concatenate([heavy, positions[self.acceptors]])
        near = pairs_across(pairs_within(points, reduced, self.distance, pbc), len(heavy))
        arms = self._lattice.nearest(hydrogen - heavy)[near.first]
        along = np.einsum("nk,nk->n", near.vectors, arms)
        lengths = np.linalg.norm(near.vectors, axis=1)
        cosine = np.cos(np.radians(self.angle))
        bonded = along > lengths * np.linalg.norm(arms, axis=1) * cosine
        bonded &= lengths < self.distance
        apart = self._donor_molecules[near.first] != self._acceptor_molecules[near.second]
        donor, acceptor = near.first[bonded & apart], near.second[bonded & apart]
        order = np.lexsort((acceptor, donor))
        self._numbers.add(np.float64(len(order)))
        return np.column_stack([self.donors[donor[order]], self.acceptors[acceptor[order]]])

    def result(self) -> Estimate:
        """Mean number of hydrogen bonds in a frame, with its standard error.

        Raises:
            ValueError: no frame was added.
        """
        return self._numbers.estimate()
