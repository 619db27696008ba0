"""Electrical conductivity in S/m: Nernst-Einstein, Einstein and Green-Kubo.

Charges are those an ion carries as a whole (+1, -1), which give the exact conductivity of a
liquid whose ions keep their atoms (F. Grasselli and S. Baroni, Nat. Phys. 15 (2019) 967).
"""

from dataclasses import dataclass

import numpy as np

from physrep.analysis.motion.msd import CHARGE, Diffusion, Displacements, diffusion
from physrep.analysis.statistics.blocks import Estimate, LagSums, block_error
from physrep.units import BOLTZMANN_IN_EV, ELEMENTARY_CHARGE

# e^2 A^2/ps / (A^3 eV) in S/m: e / 1 V = C/V = S s, times 1/(A ps) = 1e22 /(m s).
SIEMENS_PER_METRE = ELEMENTARY_CHARGE * 1e22


def nernst_einstein(
    coefficients: np.ndarray,
    errors: np.ndarray,
    numbers: np.ndarray,
    charges: np.ndarray,
    volume: float,
    temperature: float,
) -> Estimate:
    """Conductivity in S/m of ions that move independently: e^2 sum_k N_k z_k^2 D_k / (V k_B T).

    Args: coefficients, errors: (n_kinds,) in A^2/ps, independent of each other; numbers:
        (n_kinds,) ions in the box; charges: (n_kinds,) in e; volume in A^3; temperature in K.

    Returns:
        NaN with a reason where a coefficient is not resolved (NaN).

    Raises:
        ValueError: lengths that differ, volume or temperature not positive.
    """
    arrays = [np.asarray(x, dtype=float) for x in (coefficients, errors, numbers, charges)]
    if len({x.shape for x in arrays}) > 1 or arrays[0].ndim != 1:
        raise ValueError(
            f"shapes {[x.shape for x in arrays]} of coefficients, errors, numbers and charges: "
            "give one of each for every kind of ion"
        )
    per = arrays[2] * arrays[3] ** 2 * _per_volume(volume, temperature)
    value, error = per @ arrays[0], np.sqrt(((per * arrays[1]) ** 2).sum())
    reason = ""
    if not np.isfinite(value):
        reason = "not resolved: a diffusion coefficient is not"
    elif not np.isfinite(error):
        reason = "a diffusion coefficient has no error bar"
    return Estimate(value, error, reason)


def einstein(
    displacements: Displacements,
    volume: float,
    temperature: float,
    window: tuple[float, float] | None = None,
) -> tuple[Estimate, Diffusion]:
    """Conductivity in S/m from the collective displacement of charge, d<|P|^2>/dt / (6 V k_B T).

    Args: displacements: with charges; volume in A^3, its mean; temperature in K; window in ps as
        in :func:`physrep.analysis.motion.msd.diffusion`.

    Returns:
        the conductivity, NaN with a reason unless resolved, and the line behind it.

    Raises:
        ValueError: displacements without charges, volume or temperature not positive.
    """
    line = diffusion(displacements, CHARGE, window)
    per = _per_volume(volume, temperature)
    return Estimate(per * line.coefficient, per * line.error, line.reason), line


@dataclass(frozen=True, eq=False)
class GreenKubo:
    """lags: (n_lags + 1,) in ps; correlation: <J(0) . J(t)> in e^2 A^2/ps^2; running: its
    integral up to each lag in S/m; conductivity: at ``cutoff`` (ps), NaN unless the running
    integral is flat there.
    """

    lags: np.ndarray
    correlation: Estimate
    running: Estimate
    cutoff: float
    conductivity: Estimate


class ChargeCurrentSums:
    """Autocorrelation of the charge current J = sum_i z_i v_i as frames stream by."""

    def __init__(self, charges: np.ndarray, interval: float, n_lags: int) -> None:
        """Args: charges: (n_points,) in e; interval: ps between frames, well below the period of
        the fastest motion of a charge; n_lags: longest lag in frames.

        Raises:
            ValueError: no charge at all, interval or n_lags not positive.
        """
        self.charges, self.interval = np.asarray(charges, dtype=float), float(interval)
        if not np.any(self.charges) or not interval > 0.0:
            raise ValueError(
                f"charges {self.charges}, {interval} ps between frames: a current needs charges "
                "in e and a positive time"
            )
        self._sums = LagSums(np.zeros(1), n_lags, squared_differences=False)

    def add(self, velocities: np.ndarray) -> None:
        """One frame: (n_points, 3) in A/ps, of the atoms or ions that carry the charges, relative
        to the centre of mass if the charges do not add up to zero.

        Raises:
            ValueError: another shape, or values that are not finite.
        """
        velocities = np.asarray(velocities, dtype=float)
        if velocities.shape != (len(self.charges), 3) or not np.isfinite(velocities).all():
            raise ValueError(
                f"frame {self._sums.n_frames} has velocities of shape {velocities.shape}: expected "
                f"finite ones, ({len(self.charges)}, 3) in A/ps"
            )
        self._sums.add((self.charges @ velocities)[None])

    def result(self, volume: float, temperature: float, cutoff: float | None = None) -> GreenKubo:
        """1 / (3 V k_B T) times the integral of <J(0) . J(t)> up to ``cutoff``.

        The integral counts as flat if half the cutoff gives the same within twice the error of
        the difference.

        Args: volume in A^3; temperature in K; cutoff in ps, by default the longest lag.

        Raises:
            ValueError: too few frames for the longest lag; a cutoff beyond it; volume or
                temperature not positive.
        """
        averages = self._sums.result()
        lags = self.interval * np.arange(self._sums.n_lags + 1)
        cutoff = float(lags[-1] if cutoff is None else cutoff)
        if not self.interval <= cutoff <= lags[-1] * (1.0 + 1e-9):
            raise ValueError(
                f"a cutoff of {cutoff:g} ps, but lags from {self.interval:g} to {lags[-1]:g} ps: "
                "give one between, or longer lags"
            )
        per = _per_volume(volume, temperature) / 3.0
        mean, blocks = averages.mean[0], averages.blocks[:, 0]
        integrals = per * _running(blocks, self.interval)
        running = Estimate(per * _running(mean, self.interval), *block_error(integrals))
        at = round(cutoff / self.interval)
        drift, _ = block_error(integrals[:, at] - integrals[:, at // 2])
        change = running.value[at] - running.value[at // 2]
        correlation = Estimate(mean, *block_error(blocks))
        return GreenKubo(
            lags, correlation, running, cutoff, _plateau(running, at, change, float(drift))
        )


def _plateau(running: Estimate, at: int, change: float, error: float) -> Estimate:
    nan = np.float64(np.nan)
    if not np.isfinite(error) or not np.isfinite(running.error[at]):
        return Estimate(nan, nan, f"not resolved: {running.reason or 'no error bar'}")
    if abs(change) > 2.0 * error:
        reason = (
            f"not resolved: from half the cutoff to the cutoff the integral still changes by "
            f"{change:.3g} +- {error:.2g} S/m; give longer lags"
        )
        return Estimate(nan, nan, reason)
    if not running.error[at] < 0.5 * running.value[at]:
        number = f"{running.value[at]:.3g} +- {running.error[at]:.2g} S/m"
        return Estimate(
            nan, nan, f"not resolved: {number} is not above twice its error; run longer"
        )
    return Estimate(running.value[at], running.error[at])


def _running(correlation: np.ndarray, interval: float) -> np.ndarray:
    """Trapezoidal integral from 0 to each lag, (..., n_lags + 1)."""
    middle = 0.5 * (correlation[..., 1:] + correlation[..., :-1])
    zero = np.zeros((*correlation.shape[:-1], 1))
    return interval * np.concatenate([zero, middle.cumsum(axis=-1)], axis=-1)


def _per_volume(volume: float, temperature: float) -> float:
    """1 / (V k_B T), S/m for every e^2 A^2/ps."""
    if not min(volume, temperature) > 0.0:
        raise ValueError(
            f"volume {volume} A^3, temperature {temperature} K: a conductivity needs a periodic "
            "cell and a positive temperature"
        )
    return SIEMENS_PER_METRE / (volume * BOLTZMANN_IN_EV * temperature)
