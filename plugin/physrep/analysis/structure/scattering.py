"""Structure factors, frame by frame: partial, of all atoms, as X-rays and neutrons see them.

    S_ab(q) = <A_a(q)* A_b(q)> / sqrt(N_a N_b),  A_a(q) = sum over atoms i of a of exp(i q . r_i)

(N. W. Ashcroft and D. C. Langreth, Phys. Rev. 156 (1967) 685). With weights w_a(q),

    S(q) = sum_ab w_a w_b sqrt(x_a x_b) S_ab / sum_a x_a w_a^2,

the scattered intensity for each atom in units of what single atoms scatter: 1 at large q. Only wave
vectors of the periodic cell are used, so nothing is cut off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from physrep.analysis.statistics.blocks import BlockSums, Estimate, block_error, check_positions
from physrep.analysis.structure.scattering_table import form_factor, neutron_length, tabulated

VECTORS_IN_BIN = 12  # wave vectors of each length that are averaged
LOWEST = 3  # all vectors with indices below this are taken
NUMBERS_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class StructureFactors:
    """kinds: elements; pairs: (a, b), a <= b; q: (n_bins,) in 1/A, mean length of the vectors of
    each bin; partial: (n_pairs, n_bins) of Ashcroft and Langreth; total, xray, neutron: (n_bins,),
    weights 1, form factors, scattering lengths; NaN with a reason where an element is unknown.
    """

    kinds: list[str]
    pairs: list[tuple[str, str]]
    q: np.ndarray
    partial: Estimate
    total: Estimate
    xray: Estimate
    neutron: Estimate
    n_frames: int


class StructureFactorSums:
    """``add`` each frame, ``result`` at any time."""

    def __init__(self, elements: Sequence[str], q_max: float = 8.0, width: float = 0.1) -> None:
        """Args: elements: (n_atoms,); q_max: largest wave number, width: of a bin, in 1/A.

        Raises:
            ValueError: no atoms, q_max or width not positive.
        """
        if not len(elements) or not 0.0 < width < q_max < float("inf"):
            raise ValueError(
                f"{len(elements)} atoms, q up to {q_max} 1/A in bins of {width}: give atoms and "
                "0 < width < q_max"
            )
        kinds, of = np.unique(np.asarray(elements, dtype=str), return_inverse=True)
        self.kinds, self.q_max, self.width = kinds.tolist(), float(q_max), float(width)
        self._members = [np.flatnonzero(of == k) for k in range(len(kinds))]
        self._sizes = np.array([len(atoms) for atoms in self._members], dtype=float)
        first, second = np.triu_indices(len(kinds))
        self._pairs = np.stack([first, second], axis=1)
        self._indices = np.zeros((0, 3))  # chosen in the first frame

    def add(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> None:
        """One frame: positions (n_atoms, 3) in A, wrapped or not; cell (3, 3) in A; pbc (3,).

        Raises:
            ValueError: no cell in three directions, another number of atoms, positions that are
                not finite, a cell too small for any wave vector up to q_max.
        """
        frame = self._sums.n_values if len(self._indices) else 0
        positions = check_positions(positions, int(self._sizes.sum()), frame)
        if not np.all(pbc):
            raise ValueError(
                f"frame {frame} has periodicity {np.asarray(pbc).tolist()}: a structure factor "
                "needs a cell periodic in three directions"
            )
        reciprocal = 2.0 * np.pi * np.linalg.inv(cell).T
        if not len(self._indices):
            self._choose(reciprocal)
        lengths = np.linalg.norm(self._indices @ reciprocal, axis=1)
        self._lengths.add(np.bincount(self._bins, lengths) / self._in_bin)
        self._sums.add(self._products(positions @ np.linalg.inv(cell)))

    def result(self) -> StructureFactors:
        """The structure factors so far.

        Raises:
            ValueError: no frame was added.
        """
        if not len(self._indices):
            raise ValueError("0 frames: there is nothing to average; add frames first")
        q = self._lengths.total() / self._lengths.n_values
        xray = neutron = None
        if set(self.kinds) <= tabulated():
            xray = np.array([form_factor(kind, q) for kind in self.kinds])
            neutron = np.array([[neutron_length(kind)] for kind in self.kinds]) + 0.0 * q
        ones = np.ones((len(self.kinds), len(q)))
        names = [(self.kinds[a], self.kinds[b]) for a, b in self._pairs]
        return StructureFactors(
            self.kinds,
            names,
            q,
            self._sums.estimate(),
            self._weighted(ones),
            self._weighted(xray),
            self._weighted(neutron),
            self._sums.n_values,
        )

    def _weighted(self, weights: np.ndarray | None) -> Estimate:
        """weights: (n_kinds, n_bins), None: not known."""
        shares = self._sizes / self._sizes.sum()
        if weights is None:
            unknown = sorted(set(self.kinds) - tabulated())
            nothing = np.full(len(self._in_bin), np.nan)
            return Estimate(nothing, nothing, f"no scattering data for {', '.join(unknown)}")
        a, b = self._pairs.T
        twice = np.where(a == b, 1.0, 2.0)[:, None]
        factor = twice * weights[a] * weights[b] * np.sqrt(shares[a] * shares[b])[:, None]
        factor = factor / (shares[:, None] * weights**2).sum(axis=0)
        mean = self._sums.total() / self._sums.n_values
        return Estimate(
            (factor * mean).sum(axis=0), *block_error((factor * self._sums.blocks()).sum(axis=1))
        )

    def _choose(self, reciprocal: np.ndarray) -> None:
        """Indices of wave vectors of all directions, up to VECTORS_IN_BIN in each bin."""
        rng, n_bins = np.random.default_rng(0), round(self.q_max / self.width)
        low = np.stack(np.meshgrid(*[np.arange(-LOWEST, LOWEST + 1)] * 3), axis=-1).reshape(-1, 3)
        ways = rng.normal(size=(n_bins, 4 * VECTORS_IN_BIN, 3))
        ways /= np.linalg.norm(ways, axis=2, keepdims=True)
        middles = self.width * (np.arange(n_bins) + 0.5)
        high = np.rint((middles[:, None, None] * ways) @ np.linalg.inv(reciprocal))
        found = np.concatenate([low, high.reshape(-1, 3)])
        sign = np.sign(found @ (1.0, 1e-4, 1e-8))  # q and -q are the same
        found = (found * sign[:, None])[sign != 0.0]
        found = found[np.sort(np.unique(found, axis=0, return_index=True)[1])]
        bins = np.floor(np.linalg.norm(found @ reciprocal, axis=1) / self.width).astype(int)
        chosen = [np.flatnonzero(bins == k)[:VECTORS_IN_BIN] for k in range(n_bins)]
        chosen = [one for one in chosen if len(one)]
        if not chosen:
            raise ValueError(f"the cell has no wave vector up to {self.q_max:g} 1/A; give q_max")
        self._indices = found[np.concatenate(chosen)]
        self._in_bin = np.array([len(one) for one in chosen], dtype=float)
        self._bins = np.repeat(np.arange(len(chosen)), [len(one) for one in chosen])
        self._lengths = BlockSums((len(chosen),))
        self._sums = BlockSums((len(self._pairs), len(chosen)))

    def _products(self, fractions: np.ndarray) -> np.ndarray:
        """(n_pairs, n_bins) of one frame."""
        amplitudes = np.array([self._amplitudes(fractions[atoms]) for atoms in self._members])
        amplitudes /= np.sqrt(self._sizes)[:, None]
        a, b = self._pairs.T
        products = (amplitudes[a].conj() * amplitudes[b]).real
        sums = [np.bincount(self._bins, weights=one) for one in products]
        return np.array(sums) / self._in_bin

    def _amplitudes(self, fractions: np.ndarray) -> np.ndarray:
        """(n_vectors,) complex, summed over the points."""
        at_once = max(1, NUMBERS_AT_ONCE // len(self._indices))
        total = np.zeros(len(self._indices), dtype=complex)
        for start in range(0, len(fractions), at_once):
            phases = 2.0 * np.pi * fractions[start : start + at_once] @ self._indices.T
            total += np.cos(phases).sum(axis=0) + 1j * np.sin(phases).sum(axis=0)
        return total
