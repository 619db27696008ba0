"""Energy conservation in NVE, and the error of means of correlated series."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Drift:
    """Linear drift of the total energy with its standard error (meV/atom/ps), and the RMS
    deviation from the line (meV/atom).
    """

    drift: float
    error: float
    fluctuation: float


def energy_drift(times: np.ndarray, energies: np.ndarray, n_atoms: int) -> Drift:
    """Least-squares line through the total energy of an NVE run.

    The residuals of a run are correlated in time; the standard error counts independent samples
    only (:func:`statistical_inefficiency`).

    Args:
        times: (n,) in ps; energies: (n,) total (potential + kinetic) in eV.

    Raises:
        ValueError: fewer than 3 samples, or times and energies of different lengths.
    """
    times, energies = np.asarray(times, dtype=float), np.asarray(energies, dtype=float)
    if times.shape != energies.shape or times.ndim != 1 or len(times) < 3:
        raise ValueError(
            f"times {times.shape} and energies {energies.shape}: a drift needs at least 3 samples "
            "of each; run longer or record more often"
        )
    per_atom = 1000.0 * (energies - energies.mean()) / n_atoms
    centred = times - times.mean()
    spread = float((centred**2).sum())
    slope = float((centred * per_atom).sum()) / spread
    residuals = per_atom - slope * centred
    variance = float((residuals**2).sum()) / (len(times) - 2)
    error = np.sqrt(variance * statistical_inefficiency(residuals) / spread)
    return Drift(slope, float(error), float(np.sqrt((residuals**2).mean())))


def statistical_inefficiency(series: np.ndarray) -> float:
    """Samples per independent sample, at least 1: 1 + 2 sum of the autocorrelation.

    The sum ends at the first value that is not positive (J. D. Chodera et al., J. Chem. Theory
    Comput. 3 (2007) 26, Eqs. 18-23). series: (n,), any unit.
    """
    series = np.asarray(series, dtype=float)
    n = len(series)
    deviations = series - series.mean()
    variance = float((deviations**2).mean())
    if variance <= np.finfo(float).eps * float((series**2).mean()):  # constant but for round-off
        return 1.0
    spectrum = np.fft.rfft(deviations, 2 * n)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:n] / (np.arange(n, 0, -1) * variance)
    lags = np.arange(1, n)
    not_positive = np.flatnonzero(correlation[1:] <= 0.0)
    last = not_positive[0] if len(not_positive) else n - 1
    return max(1.0, float(1.0 + 2.0 * ((1.0 - lags / n) * correlation[1:])[:last].sum()))


def mean_and_error(series: np.ndarray) -> tuple[float, float]:
    """Mean of a correlated series (n,), n > 0, and its standard error, in the series' unit."""
    series = np.asarray(series, dtype=float)
    samples = len(series) / statistical_inefficiency(series)
    return float(series.mean()), float(series.std() / np.sqrt(max(samples - 1.0, 1.0)))
