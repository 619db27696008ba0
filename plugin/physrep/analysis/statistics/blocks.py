"""Averages over the frames of one run, with errors that account for the correlation of frames.

Everything here takes frames one at a time and keeps a fixed amount of memory. An error bar that
the run is too short for is NaN, with the reason in words.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from physrep.analysis.stability.drift import statistical_inefficiency

MIN_BLOCKS = 8  # fewer values do not show their spread
MIN_INDEPENDENT = 4.0  # independent values among them
MAX_BLOCKS = 64
SERIES_AT_ONCE = 64  # transformed together: bounds the memory of a Fourier transform


@dataclass(frozen=True, eq=False)
class Estimate:
    """A mean with its standard error.

    value, error: numbers or arrays of one shape and unit; error is NaN where it is not known, and
    reason then says why ("" where all of it is known).
    """

    value: Any
    error: Any
    reason: str = ""


def block_average(series: np.ndarray) -> Estimate:
    """Mean over axis 0 of a correlated series (n, ...), n > 0, with its standard error.

    Raises:
        ValueError: an empty series, or values that are not finite.
    """
    series = np.asarray(series, dtype=float)
    if series.ndim == 0 or len(series) == 0 or not np.isfinite(series).all():
        raise ValueError(
            f"a series of shape {series.shape} with {np.count_nonzero(~np.isfinite(series))} "
            "values that are not finite has no mean; give at least one frame, all finite"
        )
    return Estimate(series.mean(axis=0), *block_error(series))


def block_error(blocks: np.ndarray) -> tuple[np.ndarray, str]:
    """Standard error of the mean over axis 0, and why it is NaN where it is.

    The blocks left over by averaging (H. Flyvbjerg and H. G. Petersen, J. Chem. Phys. 91 (1989)
    461) may still be correlated; only independent ones are counted
    (:func:`physrep.analysis.stability.drift.statistical_inefficiency`).

    Args:
        blocks: (n_blocks, ...) means over consecutive, equally long stretches, any unit.

    Returns:
        (...) in the unit of the blocks, and a reason, "" where nothing is NaN.
    """
    n = len(blocks)
    if n < MIN_BLOCKS:
        reason = f"{n} frames or blocks are too few for an error bar (at least {MIN_BLOCKS})"
        return np.full(blocks.shape[1:], np.nan), reason
    columns = blocks.reshape(n, -1)
    inefficiency = np.array([statistical_inefficiency(column) for column in columns.T])
    independent = n / inefficiency
    error = columns.std(axis=0) / np.sqrt(np.maximum(independent - 1.0, 1.0))
    unknown = independent < MIN_INDEPENDENT
    error[unknown] = np.nan
    reason = ""
    if unknown.any():
        which = "" if len(unknown) == 1 else f" in {unknown.sum()} of {len(unknown)} values"
        reason = (
            f"the run holds {independent.min():.1f} independent samples{which}, too few for an "
            f"error bar (at least {MIN_INDEPENDENT:g}); run longer"
        )
    return error.reshape(blocks.shape[1:]), reason


class BlockSums:
    """Mean of a stream of arrays, and means of up to MAX_BLOCKS equally long blocks of it.

    When all blocks are full, neighbours are merged: the memory stays the same, and the blocks
    grow with the run.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Args: shape of the arrays to come."""
        self.n_values, self.n_full, self.per_block = 0, 0, 1
        self._full = np.zeros((MAX_BLOCKS, *shape))
        self._open, self._in_open = np.zeros(shape), 0

    def add(self, values: np.ndarray | np.floating) -> None:
        """One frame's array, of the shape given at the start."""
        self._open += values
        self._in_open += 1
        self.n_values += 1
        if self._in_open < self.per_block:
            return
        self._full[self.n_full] = self._open
        self.n_full, self._in_open = self.n_full + 1, 0
        self._open[...] = 0.0
        if self.n_full == MAX_BLOCKS:
            self._full[: MAX_BLOCKS // 2] = self._full[0::2] + self._full[1::2]
            self.n_full, self.per_block = MAX_BLOCKS // 2, 2 * self.per_block

    def total(self) -> np.ndarray:
        """Sum over all frames."""
        return self._full[: self.n_full].sum(axis=0) + self._open

    def blocks(self) -> np.ndarray:
        """(n_blocks, *shape): means of the complete blocks; without the last, incomplete one."""
        return self._full[: self.n_full] / self.per_block

    def estimate(self) -> Estimate:
        """Mean of all frames; error from the complete blocks.

        Raises:
            ValueError: nothing was added.
        """
        if self.n_values == 0:
            raise ValueError("0 frames: there is nothing to average; add frames first")
        return Estimate(self.total() / self.n_values, *block_error(self.blocks()))


@dataclass(frozen=True, eq=False)
class LagAverages:
    """Averages over time origins and over the series of a kind, by lag.

    mean: (n_kinds, n_lags + 1) over all origins; blocks: (n_blocks, n_kinds, n_lags + 1) over
    consecutive stretches of origins, for errors; n_frames.
    """

    mean: np.ndarray
    blocks: np.ndarray
    n_frames: int


class LagSums:
    """Correlations of vector series over lags, as frames stream by.

    Products x(t) . x(t + lag), or squared differences |x(t + lag) - x(t)|^2, over every time
    origin, by fast Fourier transforms (G. R. Kneller et al., Comput. Phys. Commun. 91 (1995) 191;
    V. Calandrini et al., Collection SFN 12 (2011) 201).
    Origins are taken in stretches of n_lags, so that 2 n_lags frames are held at a time.
    """

    def __init__(self, kinds: np.ndarray, n_lags: int, squared_differences: bool) -> None:
        """Args: kinds: (n_series,) ints from 0 without gaps; n_lags: longest lag in frames.

        Raises:
            ValueError: n_lags below 1, or no series.
        """
        kinds = np.asarray(kinds, dtype=np.int64)
        if n_lags < 1 or len(kinds) == 0:
            raise ValueError(
                f"lags up to {n_lags} frames of {len(kinds)} series: at least 1 of each is needed"
            )
        self.n_lags, self.squared, self.n_frames = int(n_lags), squared_differences, 0
        self.members = [np.flatnonzero(kinds == k) for k in range(kinds.max() + 1)]
        self._sizes = np.array([len(series) for series in self.members], dtype=float)[:, None]
        self._held = np.zeros((len(kinds), 3, 2 * self.n_lags))
        self._n_held = 0
        self._stretches = BlockSums((len(self.members), self.n_lags + 1))

    def add(self, vectors: np.ndarray) -> None:
        """One frame: (n_series, 3)."""
        self._held[:, :, self._n_held] = vectors
        self._n_held += 1
        self.n_frames += 1
        if self._n_held == 2 * self.n_lags:
            self._stretches.add(self._sums(self._held, self.n_lags) / self.n_lags)
            self._held[:, :, : self.n_lags] = self._held[:, :, self.n_lags :]
            self._n_held = self.n_lags

    def result(self) -> LagAverages:
        """The averages so far.

        Raises:
            ValueError: too few frames for the longest lag.
        """
        if self.n_frames <= self.n_lags:
            raise ValueError(
                f"{self.n_frames} frames are too few for a lag of {self.n_lags} frames; give lags "
                f"of a tenth of the run, {max(self.n_frames // 10, 1)}, or more frames"
            )
        rest = self._held[:, :, : self._n_held]
        lags = np.arange(self.n_lags + 1)
        origins = self._stretches.n_values * self.n_lags + np.maximum(self._n_held - lags, 0)
        sums = self._stretches.total() * self.n_lags + self._sums(rest, self._n_held)
        return LagAverages(
            sums / (origins * self._sizes),
            self._stretches.blocks() / self._sizes,
            self.n_frames,
        )

    def _sums(self, held: np.ndarray, n_origins: int) -> np.ndarray:
        """(n_kinds, n_lags + 1): over the first n_origins frames and the series of a kind."""
        return np.stack([self._sums_of_kind(held, series, n_origins) for series in self.members])

    def _sums_of_kind(self, held: np.ndarray, series: np.ndarray, n_origins: int) -> np.ndarray:
        n_frames = held.shape[2]
        size = next_fast_len(n_origins + self.n_lags, real=True)
        spectrum = np.zeros(size // 2 + 1, dtype=complex)
        squares = np.zeros(n_frames)
        for start in range(0, len(series), SERIES_AT_ONCE):
            x = held[series[start : start + SERIES_AT_ONCE]].reshape(-1, n_frames)
            if self.squared:  # differences do not see the origin; small numbers round less
                x = x - x.mean(axis=1, keepdims=True)
                squares += np.einsum("sf,sf->f", x, x)
            first = rfft(x[:, :n_origins], size, axis=1)
            spectrum += np.einsum("sf,sf->f", first.conj(), rfft(x, size, axis=1))
        products = irfft(spectrum, size)[: self.n_lags + 1]
        if not self.squared:
            return products
        running = np.concatenate([[0.0], np.cumsum(squares)])
        lags = np.minimum(np.arange(self.n_lags + 1), n_frames)
        n_from = np.minimum(n_origins, n_frames - lags)
        squared = running[n_from] + running[lags + n_from] - running[lags] - 2.0 * products
        squared[0] = 0.0  # but for round-off
        return squared


def check_positions(positions: np.ndarray, n_atoms: int, frame: int) -> np.ndarray:
    """The positions as floats, if there are (n_atoms, 3) finite ones.

    Raises:
        ValueError: another number of atoms, or a position that is not finite; names the frame.
    """
    positions = np.asarray(positions, dtype=float)
    if positions.shape != (n_atoms, 3):
        raise ValueError(
            f"frame {frame} has positions of shape {positions.shape}, expected ({n_atoms}, 3): "
            "the number and the order of the atoms must stay the same along a trajectory"
        )
    finite = np.isfinite(positions).all(axis=1)
    if not finite.all():
        atom = int(np.flatnonzero(~finite)[0])
        raise ValueError(
            f"frame {frame}: the position of atom {atom} is {positions[atom]}; analyse the frames "
            "before it, and see whether the run blew up there"
        )
    return positions
