"""How long pairs last: ion pairs, hydrogen bonds, or any pairs that exist or not, frame by frame.

h(t) is 1 while a pair exists and 0 otherwise (D. C. Rapaport, Mol. Phys. 50 (1983) 1151; A. Luzar,
J. Chem. Phys. 113 (2000) 10663). Over all pairs and time origins,

    C(t) = <h(0) h(t)> / <h>          intermittent: the pair exists at both ends
    S(t) = <h(0) h(1) ... h(t)> / <h> continuous: it has existed in every frame between

C tends to p = <h>, the chance that any two partners are a pair. The times are integrals of S and of
(C - p) / (1 - p), each completed by an exponential beyond the longest lag.
"""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from physrep.analysis.statistics.blocks import BlockSums, Estimate, block_error

NUMBERS_AT_ONCE = 1_000_000  # pairs times frames: bounds the memory of a Fourier transform
UNDECAYED = 0.1  # of a correlation at the longest lag: a larger tail is not guessed
CONTINUOUS, INTERMITTENT = 0, 1


@dataclass(frozen=True, eq=False)
class PairCorrelation:
    """How long pairs of one kind last.

    lags: (n_lags + 1,) ps; continuous, intermittent: S and C, (n_lags + 1,); chance: p; number:
    mean number of pairs in a frame; continuous_time, intermittent_time: ps, NaN with a reason where
    the correlation has not decayed within the lags.
    """

    lags: np.ndarray
    continuous: Estimate
    intermittent: Estimate
    chance: float
    number: float
    continuous_time: Estimate
    intermittent_time: Estimate


class PairSums:
    """Correlates pairs as frames stream by.

    Origins are taken in stretches of n_lags frames, so that 2 n_lags frames of pairs are held at a
    time; the last n_lags frames are no origins. Error bars are from blocks of stretches.
    """

    def __init__(self, n_possible: int, interval: float, n_lags: int) -> None:
        """Args: n_possible: pairs there could be; interval: ps between frames; n_lags: longest lag
        in frames.

        Raises:
            ValueError: n_possible below 2, n_lags below 10, interval not positive.
        """
        if n_possible < 2 or n_lags < 10 or not interval > 0.0:
            raise ValueError(
                f"{n_possible} possible pairs, lags up to {n_lags} frames of {interval} ps: at "
                "least 2 pairs, 10 lags and a positive time are needed"
            )
        self.n_possible, self.interval, self.n_lags = int(n_possible), float(interval), int(n_lags)
        self.n_frames = 0
        self._held: list[np.ndarray] = []
        self._sums = BlockSums((2, self.n_lags + 1))
        self._numbers = BlockSums(())

    def add(self, pairs: np.ndarray) -> None:
        """One frame: (n_pairs, 2) indices of the two partners, each pair once, in any order."""
        pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
        self._held.append((pairs[:, 0] << 32) | pairs[:, 1])
        self.n_frames += 1
        if len(self._held) == 2 * self.n_lags:
            origins = sum(len(codes) for codes in self._held[: self.n_lags])
            self._sums.add(self._correlated() / self.n_lags)
            self._numbers.add(np.float64(origins / self.n_lags))
            del self._held[: self.n_lags]

    def result(self) -> PairCorrelation:
        """The correlations so far.

        Raises:
            ValueError: fewer frames than twice the longest lag; no pair in any of them, or every
                possible one in all.
        """
        if not self._numbers.n_values:
            raise ValueError(
                f"{self.n_frames} frames are too few for lags of {self.n_lags} frames (at least "
                f"{2 * self.n_lags}); run longer"
            )
        number = float(self._numbers.total()) / self._numbers.n_values
        if number == 0.0:
            raise ValueError("no frame has such a pair")
        if number >= self.n_possible:
            raise ValueError("every possible pair exists in every frame: nothing decays")
        curves = self._sums.total() / self._numbers.total()
        # Of a ratio of means, each block's part of the error.
        parts = self._sums.blocks() - curves * self._numbers.blocks()[:, None, None]
        parts /= number
        chance = number / self.n_possible
        errors, reason = block_error(parts)
        decaying = curves.copy()
        decaying[INTERMITTENT] = (curves[INTERMITTENT] - chance) / (1.0 - chance)
        parts[:, INTERMITTENT] /= 1.0 - chance
        return PairCorrelation(
            self.interval * np.arange(self.n_lags + 1),
            Estimate(curves[CONTINUOUS], errors[CONTINUOUS], reason),
            Estimate(curves[INTERMITTENT], errors[INTERMITTENT], reason),
            chance,
            number,
            self._time(decaying[CONTINUOUS], parts[:, CONTINUOUS]),
            self._time(decaying[INTERMITTENT], parts[:, INTERMITTENT]),
        )

    def _correlated(self) -> np.ndarray:
        """(2, n_lags + 1): of the held frames, sums over pairs and the first n_lags origins."""
        frames = np.repeat(np.arange(len(self._held)), [len(codes) for codes in self._held])
        known, pair = np.unique(np.concatenate(self._held), return_inverse=True)
        order = np.argsort(pair, kind="stable")
        pair, frames = pair[order], frames[order]
        found = np.zeros((2, self.n_lags + 1))
        at_once = max(1, NUMBERS_AT_ONCE // len(self._held))
        for start in range(0, len(known), at_once):
            here = slice(*np.searchsorted(pair, [start, start + at_once]))
            exists = np.zeros((min(at_once, len(known) - start), len(self._held)), bool)
            exists[pair[here] - start, frames[here]] = True
            found[CONTINUOUS] += continuous_counts(exists, self.n_lags)
            found[INTERMITTENT] += intermittent_counts(exists, self.n_lags)
        return found

    def _time(self, curve: np.ndarray, parts: np.ndarray) -> Estimate:
        """Integral of a curve (n_lags + 1,) that decays to 0, ps; parts: (n_blocks, n_lags + 1)."""
        n, dt = self.n_lags, self.interval
        middle, end = curve[int(0.4 * n) : int(0.6 * n) + 1].mean(), curve[int(0.8 * n) :].mean()
        noise = float(np.nan_to_num(block_error(parts[:, int(0.8 * n) :].mean(axis=1))[0]))
        decays = middle > end > 2.0 * noise  # else what is left is noise, or a plateau
        if end > UNDECAYED or (end > 2.0 * noise and not decays):
            reason = f"{end:.2g} of the correlation is left at {n * dt:.3g} ps; run longer"
            return Estimate(np.float64(np.nan), np.float64(np.nan), reason)
        weights = np.full(n + 1, dt)
        weights[[0, -1]] *= 0.5
        integral = float(curve @ weights)
        tail = 0.0
        if decays:
            rate = np.log(middle / end) / (0.4 * n * dt)  # of an exponential through both means
            tail = end * np.exp(-rate * 0.1 * n * dt) / rate
        error, reason = block_error(parts @ weights)
        whole = integral + tail
        return Estimate(np.float64(whole), np.float64(error * whole / integral), reason)


def continuous_counts(exists: np.ndarray, n_lags: int) -> np.ndarray:
    """(n_lags + 1,): of the first n_lags frames, how often a pair exists in the frame and in all of
    the ``lag`` frames after it; exists: (n_pairs, 2 n_lags) bool.
    """
    n_frames = exists.shape[1]
    gone = np.where(exists, n_frames, np.arange(n_frames))
    ends = np.minimum.accumulate(gone[:, ::-1], axis=1)[:, ::-1]  # the next frame without it
    lasts = (ends - np.arange(n_frames))[:, :n_lags][exists[:, :n_lags]]
    by_length = np.bincount(np.minimum(lasts, n_lags + 1), minlength=n_lags + 2)
    return np.cumsum(by_length[::-1])[::-1][1:].astype(float)


def intermittent_counts(exists: np.ndarray, n_lags: int) -> np.ndarray:
    """(n_lags + 1,): how often a pair exists in one of the first n_lags frames and ``lag`` frames
    later; exists: (n_pairs, 2 n_lags) bool.
    """
    size = next_fast_len(3 * n_lags, real=True)
    first = rfft(exists[:, :n_lags].astype(float), size, axis=1)
    spectrum = np.einsum("pf,pf->f", first.conj(), rfft(exists.astype(float), size, axis=1))
    return np.rint(irfft(spectrum, size)[: n_lags + 1])


def nearest_partners(vectors: np.ndarray) -> np.ndarray:
    """(n, 2): each of n points with the nearest of m; vectors: (n, m, 3) between them, A."""
    nearest = np.einsum("nmk,nmk->nm", vectors, vectors).argmin(axis=1)
    return np.column_stack([np.arange(len(vectors)), nearest])
