"""Mean squared displacements of atoms and ions, and diffusion coefficients.

1 A^2/ps is 1e-8 m^2/s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from physrep.analysis.motion.unwrapping import Unwrapper
from physrep.analysis.statistics.blocks import Estimate, LagSums, block_error, check_positions
from physrep.analysis.structure.rdf import centre_weights
from physrep.units import BOLTZMANN_IN_EV, ELEMENTARY_CHARGE

SLOPE_WITHIN = 0.1
SMALLEST_MSD = 25.0  # A^2: an ion has left its cage
WINDOW = (0.4, 1.0)  # of the longest lag, of at least MANY points
# A slope is uncertain where displacements are few. For random walks of n points, with lags up to a
# tenth of the run, its standard deviation in WINDOW is 0.15 / sqrt(n), and that of a window shorter
# by a factor s is sqrt(s) times as large. From MANY points on, or with lags up to n / MANY of a
# tenth of the run, 95 % of the slopes of random walks lie within SLOPE_WITHIN of 1.
MANY = 9
FEWEST_IN_WINDOW = 3
YEH_HUMMER = 2.837297  # of a cubic cell
CHARGE = "charge"
# Neighbouring stretches of time origins share displacements. At the longest lag of a random walk
# their means correlate by 1/6 (integral of 2 (overlap)^2), so the variance of the overall mean is
# 1 + 2/6 times what independent stretches would have.
SHARED_VARIANCE = 4.0 / 3.0


@dataclass(frozen=True, eq=False)
class Displacements:
    """Mean squared displacements by lag.

    kinds: names; with charges one more, "charge": the collective |sum_i z_i (r_i(t) - r_i(0))|^2
    in e^2 A^2. lags: (n_lags + 1,) in ps. msd: (n_kinds, n_lags + 1) in A^2. blocks: (n_blocks,
    n_kinds, n_lags + 1) over stretches of time origins. sizes: (n_kinds,) points of each.
    """

    kinds: list[str]
    lags: np.ndarray
    msd: Estimate
    blocks: np.ndarray
    sizes: np.ndarray
    n_frames: int

    def row(self, kind: str) -> int:
        """Which row is a kind's.

        Raises:
            ValueError: no such kind.
        """
        if kind not in self.kinds:
            raise ValueError(f"no kind {kind}; there are {' '.join(self.kinds)}")
        return self.kinds.index(kind)


class DisplacementSums:
    """Unwraps frames as they stream by and averages squared displacements over time origins."""

    def __init__(
        self,
        kinds: Sequence[str],
        masses: np.ndarray,
        interval: float,
        n_lags: int,
        groups: Sequence[np.ndarray] | None = None,
        charges: np.ndarray | None = None,
        remove_drift: bool = True,
    ) -> None:
        """Args: kinds: (n_points,) name of each point's kind; masses: (n_atoms,) in amu; interval:
        ps between frames; n_lags: longest lag in frames, a tenth of the run is a good choice;
        groups: (n_points,) arrays of atom indices, the centres of mass of which are the points, by
        default the atoms; charges: (n_points,) in e; remove_drift: from the centre of mass of all
        atoms the displacements are measured.

        Raises:
            ValueError: lengths that differ, interval or masses not positive, n_lags below 1.
        """
        masses = np.asarray(masses, dtype=float)
        groups = [np.array([k]) for k in range(len(masses))] if groups is None else groups
        self._weights = centre_weights(groups, masses)
        lengths = [len(kinds), len(groups), len(groups if charges is None else charges)]
        if len(set(lengths)) > 1 or not interval > 0.0:
            raise ValueError(
                f"{lengths[0]} kinds, {lengths[1]} points, {lengths[2]} charges, {interval} ps "
                "between frames: give a kind (and a charge) for each point, a positive time"
            )
        names, of = np.unique(np.asarray(kinds, dtype=str), return_inverse=True)
        self.kinds, self.sizes, self.interval = names.tolist(), np.bincount(of), float(interval)
        self._charges = None if charges is None else np.asarray(charges, dtype=float)
        if charges is not None:
            if CHARGE in self.kinds:
                raise ValueError(f"a kind is named {CHARGE!r}, as the collective row; rename it")
            self.kinds.append(CHARGE)
            of, self.sizes = np.append(of, len(names)), np.append(self.sizes, 1)
        self._shares = masses / masses.sum() if remove_drift else None
        self._n_atoms = len(masses)
        self._start: np.ndarray | None = None
        self._unwrapper = Unwrapper()
        self._sums = LagSums(of, n_lags, squared_differences=True)

    @property
    def n_lags(self) -> int:
        """Longest lag in frames."""
        return self._sums.n_lags

    def add(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> None:
        """One frame: positions (n_atoms, 3) in A, wrapped or not; cell (3, 3) in A; pbc (3,).

        Raises:
            ValueError: as :meth:`Unwrapper.add`.
        """
        check_positions(positions, self._n_atoms, self._unwrapper.n_frames)
        moved = self._unwrapper.add(positions, cell, pbc)
        self._start = moved if self._start is None else self._start
        moved = moved - self._start
        if self._shares is not None:
            moved = moved - self._shares @ moved
        points = self._weights @ moved
        if self._charges is not None:
            points = np.concatenate([points, (self._charges @ points)[None]])
        self._sums.add(points)

    def result(self) -> Displacements:
        """The averages so far.

        Raises:
            ValueError: too few frames for the longest lag.
        """
        averages = self._sums.result()
        error, reason = block_error(averages.blocks)
        msd = Estimate(averages.mean, np.sqrt(SHARED_VARIANCE) * error, reason)
        lags = self.interval * np.arange(self._sums.n_lags + 1)
        numbers = averages.blocks, self.sizes, averages.n_frames
        return Displacements(self.kinds, lags, msd, *numbers)


@dataclass(frozen=True)
class Diffusion:
    """A sixth of the slope of a mean squared displacement, in A^2/ps (charge: e^2 A^2/ps).

    coefficient: NaN unless resolved; error: its standard error, NaN where the run is too short
    for one; apparent: the fitted number, resolved or not; slope: d log(msd) / d log(lag) in the
    window, 1 of diffusion; reached: A^2 at the end of the window; window: ps; reason: why it is
    not resolved, or has no error.
    """

    coefficient: float
    error: float
    apparent: float
    slope: float
    reached: float
    window: tuple[float, float]
    intercept: float
    resolved: bool
    reason: str


def diffusion(
    displacements: Displacements, kind: str, window: tuple[float, float] | None = None
) -> Diffusion:
    """Diffusion coefficient by a straight line through the mean squared displacement.

    It is resolved if d log(msd) / d log(lag) is 1 +- 0.1 in the window and the msd reaches 25 A^2
    there (of the row "charge" the slope alone is judged). The error is that of the line's slope in
    stretches of time origins.

    Args: window: first and last lag of the fit in ps, by default 0.4 to 1 of the longest lag; of
        fewer than 9 points, and of "charge", which counts as one, shorter ones (see MANY).

    Raises:
        ValueError: no such kind, fewer than 3 lags in the window.
    """
    row, lags = displacements.row(kind), displacements.lags
    start, end = window or default_window(displacements, kind)
    inside = (lags >= start * (1.0 - 1e-9)) & (lags <= end * (1.0 + 1e-9)) & (lags > 0.0)
    if inside.sum() < FEWEST_IN_WINDOW or end > lags[-1] * (1.0 + 1e-9):
        raise ValueError(
            f"the window from {start:g} to {end:g} ps holds {inside.sum()} lags, which go up to "
            f"{lags[-1]:g} ps: a line needs at least 3; give a wider window or longer lags"
        )
    times, msd = lags[inside], displacements.msd.value[row, inside]
    centred = times - times.mean()
    fit = centred / (6.0 * (centred**2).sum())
    apparent = float(fit @ msd)
    spread, lacking = block_error(displacements.blocks[:, row, inside] @ fit)
    slope = _log_slope(times, msd)
    found = _doubts(slope, float(msd[-1]), kind)
    intercept = float(msd.mean() - 6.0 * apparent * times.mean())
    numbers = apparent, slope, float(msd[-1]), (float(times[0]), float(times[-1])), intercept
    error = float(np.sqrt(SHARED_VARIANCE) * spread)
    if found:
        return Diffusion(float("nan"), float("nan"), *numbers, False, f"not resolved: {found}")
    return Diffusion(apparent, error, *numbers, True, lacking)


def default_window(displacements: Displacements, kind: str) -> tuple[float, float]:
    """First and last lag in ps of the fit.

    Raises:
        ValueError: no such kind.
    """
    lags, n_points = displacements.lags, int(displacements.sizes[displacements.row(kind)])
    start, end = shares_of_run(len(lags) - 1, displacements.n_frames, n_points)
    return float(lags[start]), float(lags[end])


def shares_of_run(n_lags: int, n_frames: int, n_points: int) -> tuple[int, int]:
    """First and last lag of a fit in frames, for a mean over n_points walkers (see MANY)."""
    share = min(1.0, n_frames / 10.0 * n_points / MANY / n_lags)
    least = min(FEWEST_IN_WINDOW, n_lags)
    end = max(round(WINDOW[1] * share * n_lags), least)
    return min(max(1, round(WINDOW[0] * share * n_lags)), end - least + 1), end


def yeh_hummer(temperature: float, viscosity: float, length: float) -> float:
    """What a cubic periodic cell takes from a diffusion coefficient, in A^2/ps: add it.

    xi k_B T / (6 pi eta L), xi = 2.837297 (I.-C. Yeh and G. Hummer, J. Phys. Chem. B 108 (2004)
    15873).

    Args: temperature in K; viscosity in mPa s, of the model's liquid, not of experiment; length
        of the cubic cell in A.

    Raises:
        ValueError: a number that is not positive.
    """
    if not min(temperature, viscosity, length) > 0.0:
        raise ValueError(
            f"temperature {temperature} K, viscosity {viscosity} mPa s, length {length} A: the "
            "finite-size correction needs positive numbers"
        )
    thermal = BOLTZMANN_IN_EV * ELEMENTARY_CHARGE * temperature  # J
    in_si = YEH_HUMMER * thermal / (6.0 * np.pi * 1e-3 * viscosity * 1e-10 * length)
    return float(1e8 * in_si)


def _log_slope(times: np.ndarray, msd: np.ndarray) -> float:
    if not (msd > 0.0).all():
        return float("nan")
    x = np.log(times) - np.log(times).mean()
    return float(x @ np.log(msd) / (x @ x))


def _doubts(slope: float, reached: float, kind: str) -> str:
    doubts = []
    if not abs(slope - 1.0) <= SLOPE_WITHIN:
        doubts.append(f"the log-log slope is {slope:.2f}, not 1 +- {SLOPE_WITHIN:g}")
    if kind != CHARGE and reached < SMALLEST_MSD:
        doubts.append(f"the msd reaches {reached:.3g} of {SMALLEST_MSD:g} A^2; run longer")
    return ", and ".join(doubts)
