"""Velocity autocorrelation and the vibrational density of states."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from physrep.analysis.motion.line_shape import line_shape, sampling_note
from physrep.analysis.motion.unwrapping import Unwrapper
from physrep.analysis.statistics.blocks import Estimate, LagSums, block_error, check_positions


@dataclass(frozen=True, eq=False)
class VelocityCorrelation:
    """Mass-weighted velocity autocorrelation, by kind; the row "all" is last.

    kinds: names, with "all"; lags: (n_lags + 1,) in ps. correlation: (n_kinds, n_lags + 1), sum
    over the atoms of m v(t) . v(t + lag) in amu A^2/ps^2. blocks: (n_blocks, n_kinds, n_lags + 1).
    from_positions: velocities were finite differences of positions.
    """

    kinds: list[str]
    lags: np.ndarray
    correlation: Estimate
    blocks: np.ndarray
    from_positions: bool

    @property
    def normalised(self) -> Estimate:
        """The correlation over its value at lag 0; without the error of that value."""
        zero = self.correlation.value[:, :1]
        error = self.correlation.error / zero
        return Estimate(self.correlation.value / zero, error, self.correlation.reason)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Vibrational density of states.

    wavenumbers: (n,) in cm^-1; density: (n_kinds, n) in cm: the row "all" has the integral 1, each
    kind its share of the kinetic energy. resolution: cm^-1, full width at half maximum of an
    undamped line. note: what to know of it, "" if nothing.
    """

    kinds: list[str]
    wavenumbers: np.ndarray
    density: Estimate
    resolution: float
    note: str


class VelocitySums:
    """Correlates velocities as frames stream by; they are taken from positions where absent."""

    def __init__(
        self, kinds: Sequence[str], masses: np.ndarray, interval: float, n_lags: int
    ) -> None:
        """Args: kinds: (n_atoms,) names; masses: (n_atoms,) in amu; interval: ps between frames;
        n_lags: longest lag in frames; a spectrum resolves about 1 / (c n_lags interval).

        Raises:
            ValueError: lengths that differ; masses, interval or n_lags not positive.
        """
        masses = np.asarray(masses, dtype=float)
        if len(kinds) != len(masses) or not (masses > 0.0).all() or not interval > 0.0:
            raise ValueError(
                f"{len(kinds)} kinds, masses {masses}, {interval} ps between frames: give a kind "
                "and a positive mass for each atom, and a positive time"
            )
        names, of = np.unique(np.asarray(kinds, dtype=str), return_inverse=True)
        self.kinds, self._sizes = names.tolist(), np.bincount(of)[:, None]
        self.interval, self._roots = float(interval), np.sqrt(masses)[:, None]
        self._sums = LagSums(of, n_lags, squared_differences=False)
        self._unwrapper: Unwrapper | None = None
        self._last: np.ndarray | None = None

    def add(self, velocities: np.ndarray) -> None:
        """One frame's velocities, (n_atoms, 3) in A/ps.

        Raises:
            ValueError: another number of atoms, not finite, or positions were given before.
        """
        if self._unwrapper is not None:
            raise ValueError("positions were added before; give velocities or positions, not both")
        self._add(velocities)

    def add_positions(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> None:
        """One frame's positions, (n_atoms, 3) in A; cell (3, 3) in A; pbc (3,).

        Velocities are (r(t + interval) - r(t)) / interval. That takes sin(x)/x from the amplitude
        of a vibration, x = pi frequency interval; a spectrum is corrected for it, the
        autocorrelation is not.

        Raises:
            ValueError: as :meth:`physrep.analysis.motion.unwrapping.Unwrapper.add`; velocities
                given before.
        """
        if self._unwrapper is None and self._sums.n_frames:
            raise ValueError("velocities were added before; give velocities or positions, not both")
        self._unwrapper = self._unwrapper or Unwrapper()
        check_positions(positions, len(self._roots), self._unwrapper.n_frames)
        now = self._unwrapper.add(positions, cell, pbc)
        if self._last is not None:
            self._add((now - self._last) / self.interval)
        self._last = now

    def result(self) -> VelocityCorrelation:
        """The correlation so far.

        Raises:
            ValueError: too few frames for the longest lag.
        """
        averages = self._sums.result()
        mean, blocks = averages.mean * self._sizes, averages.blocks * self._sizes
        mean = np.concatenate([mean, mean.sum(axis=0, keepdims=True)])
        blocks = np.concatenate([blocks, blocks.sum(axis=1, keepdims=True)], axis=1)
        lags = self.interval * np.arange(self._sums.n_lags + 1)
        estimate = Estimate(mean, *block_error(blocks))
        kinds = [*self.kinds, "all"]
        return VelocityCorrelation(kinds, lags, estimate, blocks, self._unwrapper is not None)

    def _add(self, velocities: np.ndarray) -> None:
        velocities = np.asarray(velocities, dtype=float)
        if velocities.shape != (len(self._roots), 3) or not np.isfinite(velocities).all():
            raise ValueError(
                f"frame {self._sums.n_frames} has velocities of shape {velocities.shape}, "
                f"{np.count_nonzero(~np.isfinite(velocities))} not finite: expected finite ones, "
                f"({len(self._roots)}, 3) in A/ps"
            )
        self._sums.add(self._roots * velocities)


def spectrum(correlation: VelocityCorrelation, window: str = "hann") -> Spectrum:
    """Vibrational density of states: cosine transform of the windowed autocorrelation.

    P. H. Berens et al., J. Chem. Phys. 79 (1983) 2375; M. Thomas et al., Phys. Chem.
    Chem. Phys. 15 (2013) 6608.

    Args: window: a name scipy.signal.get_window knows; its right half is used.

    Raises:
        ValueError: a correlation that is zero, a window that is not known.
    """
    lags, found = correlation.lags, correlation.correlation.value
    shape = line_shape(lags, found, correlation.blocks, correlation.from_positions, window)
    total = np.trapezoid(shape.value[-1], shape.wavenumbers)
    if not total > 0.0:
        raise ValueError(f"the spectrum has the integral {total}: nothing moves in these frames")
    error, reason = block_error(shape.blocks / total)
    return Spectrum(
        correlation.kinds,
        shape.wavenumbers,
        Estimate(shape.value / total, error, reason),
        shape.resolution,
        sampling_note(shape.wavenumbers[-1], correlation.from_positions, lags[1]),
    )
