"""Correlations of several vector series with each other, to be weighted once the run is over."""

from dataclasses import dataclass

import numpy as np

from physrep.analysis.statistics.blocks import LagSums


@dataclass(frozen=True, eq=False)
class LagMatrix:
    """What every weighted sum of the series needs.

    pairs: (n_pairs, 2) numbers a <= b of two series; mean: (n_pairs, n_lags + 1) of series a where
    a = b, of the sum of both where not; blocks: (n_blocks, n_pairs, n_lags + 1); n_frames.
    """

    pairs: np.ndarray
    mean: np.ndarray
    blocks: np.ndarray
    n_frames: int

    def combined(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n_lags + 1,) mean and (n_blocks, n_lags + 1) blocks of the series sum_a w_a x_a.

        Args: weights: (n_series,).

        Raises:
            ValueError: another number of weights, or one that is not finite.
        """
        weights = np.asarray(weights, dtype=float)
        n_series = int(self.pairs.max()) + 1
        if weights.shape != (n_series,) or not np.isfinite(weights).all():
            raise ValueError(f"weights {weights.tolist()} for {n_series} series: give one for each")
        first, second = weights[self.pairs.T]
        # <x_a x_b> = (<(x_a + x_b)^2> - <x_a^2> - <x_b^2>) / 2, from sums alone.
        alone = first * (2.0 * first - weights.sum())
        share = np.where(self.pairs[:, 0] == self.pairs[:, 1], alone, first * second)
        return share @ self.mean, np.einsum("p,bpl->bl", share, self.blocks)


class LagMatrixSums:
    """``add`` each frame, ``result`` at the end; memory as :class:`LagSums` of all pairs."""

    def __init__(self, n_series: int, n_lags: int, squared_differences: bool) -> None:
        """Args: n_series: vectors of a frame; n_lags, squared_differences: as :class:`LagSums`.

        Raises:
            ValueError: n_series or n_lags below 1.
        """
        self._first, self._second = np.triu_indices(n_series)
        self._same = (self._first == self._second)[:, None]
        self._sums = LagSums(np.arange(len(self._first)), n_lags, squared_differences)
        self.n_series, self.n_lags = n_series, n_lags

    def add(self, vectors: np.ndarray) -> None:
        """One frame: (n_series, 3).

        Raises:
            ValueError: another shape, or values that are not finite.
        """
        if np.shape(vectors) != (self.n_series, 3) or not np.isfinite(vectors).all():
            raise ValueError(
                f"frame {self._sums.n_frames} has vectors of shape {np.shape(vectors)}: expected "
                f"finite ones, ({self.n_series}, 3)"
            )
        first = vectors[self._first]
        self._sums.add(np.where(self._same, first, first + vectors[self._second]))

    def result(self) -> LagMatrix:
        """The averages so far.

        Raises:
            ValueError: too few frames for the longest lag.
        """
        averages = self._sums.result()
        pairs = np.stack([self._first, self._second], axis=1)
        return LagMatrix(pairs, averages.mean, averages.blocks, averages.n_frames)
