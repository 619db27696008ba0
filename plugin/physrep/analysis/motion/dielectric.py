"""Static dielectric response from fluctuations of the dipole, in a cell with conducting boundary.

The dipole of a cell with mobile ions is M = M_D + M_J: dipoles of the molecules relative to their
centres of mass, and the charges of the molecules at these centres. M_J diffuses with the ions, so
that <M^2> does not exist; the linear part of <|M(t) - M(0)|^2> is the conductivity, and the rest
is the dielectric response without it:

    <|M(t) - M(0)|^2> -> 6 V k_B T sigma t + 2 B,    eps - eps_inf = B / (3 eps0 V k_B T)

With no mobile ions B is <M^2>. The part <M_D^2> of B is that of rotation (J. M. Caillol,
D. Levesque, J. J. Weis, J. Chem. Phys. 85 (1986) 6645; C. Schröder, O. Steinhauser, J. Chem. Phys.
131 (2009) 114504 and 132 (2010) 244109). eps_inf is 1 unless electrons follow the field: what
charges that change with the positions take part in is in M_D.
"""

import numpy as np

from physrep.analysis.motion.msd import SHARED_VARIANCE, shares_of_run
from physrep.analysis.statistics.blocks import BlockSums, Estimate, block_error
from physrep.analysis.statistics.lag_matrix import LagMatrix
from physrep.units import BOLTZMANN_IN_EV, COULOMB_CONSTANT

LARGEST_MEAN = 0.1  # of <M_D^2>: |<M_D>|^2 of a run with some ten independent samples
LARGEST_ERROR = 0.5  # of the value


class DipoleSums:
    """Fluctuation of a dipole that stays bounded: ``add`` each frame, ``rotational`` at the end."""

    def __init__(self) -> None:
        self._sums = BlockSums((4,))

    def add(self, dipole: np.ndarray) -> None:
        """One frame: (3,) in e A.

        Raises:
            ValueError: not finite.
        """
        if not np.isfinite(dipole).all():
            raise ValueError(f"a dipole of {dipole} e A: a charge is not known")
        self._sums.add(np.append(dipole, dipole @ dipole))

    def fluctuation(self) -> tuple[Estimate, float]:
        """<M^2> - <M>^2 in e^2 A^2, and the share |<M>|^2 / <M^2>.

        Raises:
            ValueError: no frame was added.
        """
        n = self._sums.n_values
        if not n:
            raise ValueError("0 frames: a dipole has no fluctuation; add frames first")
        *mean, square = self._sums.total() / n
        blocks = self._sums.blocks()
        constant = float(np.dot(mean, mean))
        # To first order in the means of the blocks.
        error, reason = block_error(blocks[:, 3] - 2.0 * blocks[:, :3] @ np.array(mean))
        share = constant / square if square > 0.0 else 0.0
        return Estimate(np.float64(square - constant), error, reason), share

    def rotational(self, volume: float, temperature: float) -> Estimate:
        """(<M^2> - <M>^2) / (3 eps0 V k_B T), without dimension; NaN with a reason where the run
        does not resolve it.

        Args: volume in A^3, its mean; temperature in K.

        Raises:
            ValueError: no frame, volume or temperature not positive.
        """
        found, share = self.fluctuation()
        per = _per_volume(volume, temperature)
        if share > LARGEST_MEAN:
            return _gap(
                f"the mean of the dipole keeps {100.0 * share:.0f} % of its mean square (at most "
                f"{100.0 * LARGEST_MEAN:g} %): the molecules have not turned round; run longer"
            )
        return _within(Estimate(per * found.value, per * found.error, found.reason))


def static_response(
    matrix: LagMatrix, weights: np.ndarray, interval: float, volume: float, temperature: float
) -> Estimate:
    """eps - eps_inf from the line through <|M(t) - M(0)|^2>; NaN with a reason where the run does
    not resolve it.

    It is resolved if the two halves of the window have the same slope within twice the error of the
    difference, and the value is above twice its error. The window is that of a conductivity
    (:func:`physrep.analysis.motion.msd.shares_of_run`).

    Args: matrix: squared differences of series of which M is the sum with these weights, e A;
        interval: ps between frames; volume in A^3, its mean; temperature in K.

    Raises:
        ValueError: volume or temperature not positive.
    """
    per = _per_volume(volume, temperature)
    mean, blocks = matrix.combined(weights)
    start, end = shares_of_run(len(mean) - 1, matrix.n_frames, 1)
    lags, window = interval * np.arange(start, end + 1), slice(start, end + 1)
    at_zero = 0.5 * (1.0 / len(lags) - lags.mean() * _slope(lags))
    middle = len(lags) // 2
    bend = np.concatenate([-_slope(lags[: middle + 1]), np.zeros(len(lags) - middle - 1)])
    bend[middle:] += _slope(lags[middle:])

    def measured(fit: np.ndarray) -> Estimate:
        spread, reason = block_error(blocks[:, window] @ fit)
        return Estimate(fit @ mean[window], np.sqrt(SHARED_VARIANCE) * spread, reason)

    bent = measured(bend)
    if abs(bent.value) > 2.0 * bent.error:
        return _gap(
            f"from {lags[0]:.3g} to {lags[-1]:.3g} ps the displacement of the dipole is not a "
            "straight line yet; run longer"
        )
    found = measured(at_zero)
    return _within(Estimate(per * found.value, per * found.error, found.reason))


def _slope(x: np.ndarray) -> np.ndarray:
    """Weights that give the slope of a straight line through values at x."""
    centred = x - x.mean()
    return centred / (centred @ centred)


def _within(found: Estimate) -> Estimate:
    if not np.isfinite(found.error):
        return _gap(found.reason)
    if not found.error < LARGEST_ERROR * found.value:
        number = f"{found.value:.3g} +- {found.error:.2g}"
        return _gap(f"{number} is not above twice its error; run longer")
    return found


def _gap(reason: str) -> Estimate:
    return Estimate(np.float64(np.nan), np.float64(np.nan), f"not resolved: {reason}")


def _per_volume(volume: float, temperature: float) -> float:
    """1 / (3 eps0 V k_B T), for every e^2 A^2."""
    if not min(volume, temperature) > 0.0:
        raise ValueError(
            f"volume {volume} A^3, temperature {temperature} K: a dielectric constant needs a "
            "periodic cell and a positive temperature"
        )
    return 4.0 * np.pi * COULOMB_CONSTANT / (3.0 * volume * BOLTZMANN_IN_EV * temperature)
