"""Shares of the current: transference numbers and the Haven ratio.

With J_a(t) = sum over the ions i of kind a of z_i (r_i(t) - r_i(0)), the displacement of their
charge, and J that of all ions, the Einstein relation of the Onsager coefficients gives

    t_a = (d/dt <J_a . J>) / (d/dt <J . J>)

(N. M. Vargas-Barbosa and B. Roling, ChemElectroChem 7 (2020) 367; K. D. Fong et al.,
Macromolecules 54 (2021) 2575). Displacements are relative to the centre of mass
of all atoms. In a liquid of two kinds of ions alone these numbers follow from the masses: t_+ =
m_- / (m_+ + m_-) for charges +1 and -1, whatever the interactions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from physrep.analysis.motion.msd import CHARGE, SHARED_VARIANCE, Diffusion, shares_of_run
from physrep.analysis.statistics.blocks import Estimate, LagSums, block_error


@dataclass(frozen=True, eq=False)
class Transference:
    """kinds: names of the charged ones; numbers: (n_kinds,), their sum is 1; window: ps, lags whose
    slopes are compared.
    """

    kinds: list[str]
    numbers: Estimate
    window: tuple[float, float]


class ChargeFlowSums:
    """``add`` each frame, ``result`` at the end."""

    def __init__(
        self, kinds: Sequence[str], charges: np.ndarray, interval: float, n_lags: int
    ) -> None:
        """Args: kinds: (n_points,) name of each ion's kind; charges: (n_points,) in e; interval:
        ps between frames; n_lags: longest lag in frames, a tenth of the run.

        Raises:
            ValueError: lengths that differ, no charge, interval or n_lags not positive.
        """
        names, charges = np.asarray(kinds, dtype=str), np.asarray(charges, dtype=float)
        if names.shape != charges.shape or not charges.any() or not interval > 0.0:
            raise ValueError(
                f"{len(names)} kinds, {len(charges)} charges, {interval} ps between frames: give a "
                "kind and a charge in e for each ion, and a positive time"
            )
        self.kinds = sorted(set(names[charges != 0.0].tolist()))
        self.interval = float(interval)
        self._shares = np.array([charges * (names == kind) for kind in self.kinds])
        # <a . b> = (<|a + b|^2> - <|a - b|^2>) / 4, from squared displacements alone.
        n_series = 1 + 2 * len(self.kinds)
        self._sums = LagSums(np.arange(n_series), n_lags, squared_differences=True)

    def add(self, points: np.ndarray) -> None:
        """One frame: (n_points, 3) in A, continuous, relative to the centre of mass of all."""
        flows = self._shares @ points
        together = flows.sum(axis=0)
        self._sums.add(np.concatenate([together[None], flows + together, flows - together]))

    def result(self) -> Transference:
        """The numbers, NaN with a reason where their error bars are not known.

        Raises:
            ValueError: too few frames for the longest lag; charges that do not move.
        """
        averages, n = self._sums.result(), len(self.kinds)
        start, end = shares_of_run(self._sums.n_lags, averages.n_frames, 1)
        steps = np.arange(start, end + 1, dtype=float)
        fit = (steps - steps.mean()) / ((steps - steps.mean()) ** 2).sum()

        def slopes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """(...) of all, and (..., n_kinds) of each with all."""
            fitted = rows[..., start : end + 1] @ fit
            return fitted[..., 0], 0.25 * (fitted[..., 1 : n + 1] - fitted[..., n + 1 :])

        total, crossed = slopes(averages.mean)
        if not total > 0.0:
            raise ValueError(
                "the displacement of all charges together does not grow with time: there is no "
                "current to have shares of"
            )
        numbers = crossed / total
        in_blocks, crossed_in_blocks = slopes(averages.blocks)
        # Of a ratio, to first order: the scatter of t_a J.J - J_a.J.
        spread = (crossed_in_blocks - in_blocks[:, None] * numbers) / total
        error, reason = block_error(spread)
        error = np.sqrt(SHARED_VARIANCE) * error
        window = self.interval * start, self.interval * end
        return Transference(self.kinds, Estimate(numbers, error, reason), window)


def haven_ratio(
    lines: Mapping[str, Diffusion], numbers: Mapping[str, int], charges: Mapping[str, float]
) -> Estimate:
    """Conductivity of ions that move independently over the conductivity of all together:

        sum_k N_k z_k^2 D_k / D_charge

    Above 1 where cations and anions move together. The error takes the two as independent.

    Args: lines: of every kind and of "charge"; numbers: of ions; charges: in e, of one ion.

    Returns:
        NaN with a reason where a line is not resolved.
    """
    single = [numbers[k] * charges[k] ** 2 * lines[k].coefficient for k in charges if charges[k]]
    errors = [numbers[k] * charges[k] ** 2 * lines[k].error for k in charges if charges[k]]
    unresolved = [
        k for k in (*charges, CHARGE) if (k == CHARGE or charges[k]) and not lines[k].resolved
    ]
    if unresolved:
        nan = np.float64(np.nan)
        of = "the collective charge" if unresolved[0] == CHARGE else unresolved[0]
        return Estimate(nan, nan, f"not resolved: the diffusion of {of} is not")
    apart, together = float(np.sum(single)), lines[CHARGE]
    ratio = apart / together.coefficient
    relative = np.hypot(np.linalg.norm(errors) / apart, together.error / together.coefficient)
    reason = "" if np.isfinite(relative) else "a diffusion coefficient has no error bar"
    return Estimate(np.float64(ratio), np.float64(ratio * relative), reason)
