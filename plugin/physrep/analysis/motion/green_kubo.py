"""Transport coefficients from fluctuations at equilibrium: integrals after Green and Kubo.

A coefficient is a factor times the integral of <J(0) J(t)> over t, J a flux of mean zero.
Viscosity and thermal conductivity are here, from what LAMMPS writes of pressure and heat flux.
"""

from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from physrep.analysis.statistics.blocks import Estimate
from physrep.units import BOLTZMANN_IN_EV, ELEMENTARY_CHARGE

NOISE = 1.5  # correlations below so many times their statistical error have ended ...
RETURNS = 2.0  # ... unless later they are above so many times: an oscillation that comes back
CUTOFFS_PER_BLOCK = 10  # blocks share what lies within one cutoff of their ends
MAX_BLOCKS = 64
MIN_BLOCKS = 2  # of each component; with fewer than 8 values of all there is no error bar
MIN_VALUES = 8
LARGEST_DRIFT = 3.0  # standard errors
# bar^2 A^3 ps / (eV / K K) in mPa s: (1e5 Pa)^2 1e-30 m^3 1e-12 s / e J, times 1e3.
MPA_S = 1e-29 / ELEMENTARY_CHARGE
# eV/(A ps K) in W/(m K): e J / (1e-10 m 1e-12 s).
WATT = ELEMENTARY_CHARGE * 1e22


@dataclass(frozen=True, eq=False)
class FluxIntegral:
    """lags: (n_lags + 1,) in ps; correlation: <J(0) J(t)>, mean over the components, in the square
    of the flux's unit; running: factor times its integral up to each lag; cutoff: in ps, NaN
    where none was found; value: the running integral there, NaN with a reason if not resolved.
    """

    lags: np.ndarray
    correlation: Estimate
    running: Estimate
    cutoff: float
    value: Estimate


def flux_integral(
    flux: np.ndarray, interval: float, factor: float = 1.0, cutoff: float | None = None
) -> FluxIntegral:
    """``factor`` times the integral of <J(0) J(t)> from 0 to ``cutoff``.

    By default the cutoff is the shortest time for which the correlation is noise over the second
    half of the integral: its root mean square there is at most NOISE times the error expected of
    it, sqrt(2 integral of C^2 / (n T)) for n components of a run of length T (R. Zwanzig and
    N. Ailawadi, Phys. Rev. 182 (1969) 280), and over the second half of no longer time, up to a
    tenth of the run, more than RETURNS times. The standard error comes from blocks of ten cutoffs
    or more of every component.

    Args:
        flux: (n_samples, n_components), components that are equivalent by symmetry and do not
            correlate with each other; interval: ps between samples, short compared with the
            fastest motion of the flux; cutoff: in ps.

    Raises:
        ValueError: values that are not finite, fewer than 100 samples, interval not positive, a
            cutoff that is not within a tenth of the run.
    """
    flux = _checked(flux, interval)
    longest = len(flux) // 10
    rough = _correlations(flux, longest, 1).mean(axis=(0, 1))
    found = _end_of_correlation(rough, flux.size) if cutoff is None else round(cutoff / interval)
    if found is None:
        return _unresolved(rough, interval, factor, _reason_without_end(flux, rough, interval))
    if not 1 <= found <= longest:
        raise ValueError(
            f"a cutoff of {cutoff:g} ps, but the run of {len(flux) * interval:g} ps serves "
            f"cutoffs from {interval:g} to {longest * interval:g} ps (a tenth of it)"
        )
    n_blocks = min(len(flux) // (CUTOFFS_PER_BLOCK * found), MAX_BLOCKS)
    if n_blocks < MIN_BLOCKS or n_blocks * flux.shape[1] < MIN_VALUES:
        reason = (
            f"not resolved: {len(flux) * interval:g} ps hold {n_blocks} blocks of "
            f"{CUTOFFS_PER_BLOCK} cutoffs of {found * interval:g} ps; run longer"
        )
        return _unresolved(rough, interval, factor, reason)
    return _measure(flux, interval, factor, found, n_blocks)


def _measure(
    flux: np.ndarray, interval: float, factor: float, found: int, n_blocks: int
) -> FluxIntegral:
    """Curves up to twice the cutoff, with errors from the blocks of all components."""
    n_lags = min(2 * found, len(flux) // 10)
    mean = _correlations(flux, n_lags, 1).mean(axis=(0, 1))
    blocks = _correlations(flux, n_lags, n_blocks).reshape(-1, n_lags + 1)
    integrals = factor * _running(blocks, interval)
    running = Estimate(factor * _running(mean, interval), _error(integrals))
    half = found // 2
    change = running.value[found] - running.value[half]
    drift = float(_error(integrals[:, found] - integrals[:, half]))
    value = Estimate(float(running.value[found]), float(running.error[found]))
    if abs(change) > LARGEST_DRIFT * drift:
        reason = (
            f"not resolved: from half the cutoff to the cutoff of {found * interval:g} ps the "
            f"integral still changes by {change:.3g} +- {drift:.2g}; run longer"
        )
        value = Estimate(np.nan, np.nan, reason)
    lags = interval * np.arange(n_lags + 1)
    correlation = Estimate(mean, _error(blocks))
    return FluxIntegral(lags, correlation, running, found * interval, value)


def _end_of_correlation(correlation: np.ndarray, n_values: int) -> int | None:
    """The cutoff in samples, None where the correlation has not ended at its last lag."""
    squares = np.concatenate([[0.0], np.cumsum(correlation**2)])  # up to before each lag
    half = np.arange(1, (len(correlation) - 1) // 2 + 1)
    second = (squares[2 * half + 1] - squares[half]) / (half + 1)
    # The squares before the half are those that count; C(-t) = C(t).
    noise = (2.0 * squares[half] - correlation[0] ** 2) / n_values
    returns = np.flatnonzero(second > RETURNS**2 * noise)
    start = returns[-1] + 1 if len(returns) else 0
    ended = np.flatnonzero(second[start:] <= NOISE**2 * noise[start:])
    return int(2 * half[start + ended[0]]) if len(ended) else None


def _reason_without_end(flux: np.ndarray, correlation: np.ndarray, interval: float) -> str:
    reason = (
        f"not resolved: <J(0) J(t)> has not decayed after {interval * (len(correlation) - 1):g} "
        "ps, a tenth of the run; run longer"
    )
    mean = flux.mean(axis=0)
    if (mean**2).mean() > 0.5 * abs(correlation[-1]):
        numbers = " ".join(f"{x:.3g}" for x in mean)
        reason += f", and see whether it is at equilibrium (the flux has the mean {numbers})"
    return reason


def _unresolved(
    correlation: np.ndarray, interval: float, factor: float, reason: str
) -> FluxIntegral:
    unknown = np.full(len(correlation), np.nan)
    return FluxIntegral(
        interval * np.arange(len(correlation)),
        Estimate(correlation, unknown, reason),
        Estimate(factor * _running(correlation, interval), unknown, reason),
        float("nan"),
        Estimate(np.nan, np.nan, reason),
    )


def _correlations(
    flux: np.ndarray, n_lags: int, n_blocks: int, other: np.ndarray | None = None
) -> np.ndarray:
    """<J(0) J(t)>, (n_blocks, n_components, n_lags + 1): over equally long stretches of origins.

    other: the flux at the later time, by default the same.
    """
    n = (len(flux) - n_lags) // n_blocks
    size = next_fast_len(n + n_lags, real=True)
    out = np.empty((n_blocks, flux.shape[1], n_lags + 1))
    for block in range(n_blocks):
        first = flux[block * n : (block + 1) * n]
        later = (flux if other is None else other)[block * n : (block + 1) * n + n_lags]
        spectrum = rfft(first, size, axis=0).conj() * rfft(later, size, axis=0)
        out[block] = irfft(spectrum, size, axis=0)[: n_lags + 1].T / n
    return out


def _running(correlation: np.ndarray, interval: float) -> np.ndarray:
    """Trapezoidal integral from 0 to each lag, (..., n_lags + 1)."""
    middle = 0.5 * (correlation[..., 1:] + correlation[..., :-1])
    zero = np.zeros((*correlation.shape[:-1], 1))
    return interval * np.concatenate([zero, middle.cumsum(axis=-1)], axis=-1)


def _error(values: np.ndarray) -> np.ndarray:
    """Standard error of the mean over axis 0, of independent values."""
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _checked(flux: np.ndarray, interval: float) -> np.ndarray:
    flux = np.asarray(flux, dtype=float)
    if flux.ndim != 2 or len(flux) < 100 or not np.isfinite(flux).all() or not interval > 0.0:
        raise ValueError(
            f"a flux of shape {flux.shape}, {np.count_nonzero(~np.isfinite(flux))} values not "
            f"finite, {interval:g} ps between samples: give (n_samples, n_components), at least "
            "100 samples, all finite, and a positive time"
        )
    return flux


def viscosity(
    pressures: np.ndarray,
    interval: float,
    volume: float,
    temperature: float,
    cutoff: float | None = None,
) -> FluxIntegral:
    """Shear viscosity in mPa s of an isotropic liquid: V / (k_B T) times the integral of <P P>.

    P are the five independent shear components: xy, xz, yz, (xx - yy) / 2 and
    (2 zz - xx - yy) / sqrt(12). In an isotropic liquid they have one variance and do not correlate
    (P. J. Daivis and D. J. Evans, J. Chem. Phys. 100 (1994) 541, use the whole traceless tensor,
    which is the same).

    Args:
        pressures: (n_samples, 6) in bar: xx, yy, zz, xy, xz, yz; interval in ps; volume in A^3;
            temperature in K; cutoff in ps.

    Raises:
        ValueError: as :func:`flux_integral`; another shape; volume or temperature not positive.
    """
    pressures = np.asarray(pressures, dtype=float)
    if pressures.ndim != 2 or pressures.shape[1] != 6:
        raise ValueError(f"pressures of shape {pressures.shape}: give (n, 6), xx yy zz xy xz yz")
    _check_positive(volume, temperature)
    xx, yy, zz = pressures.T[:3]
    shears = [*pressures.T[3:], (xx - yy) / 2.0, (2.0 * zz - xx - yy) / np.sqrt(12.0)]
    factor = MPA_S * volume / (BOLTZMANN_IN_EV * temperature)
    return flux_integral(np.stack(shears, axis=1), interval, factor, cutoff)


def thermal_conductivity(
    flux: np.ndarray,
    interval: float,
    volume: float,
    temperature: float,
    cutoff: float | None = None,
    currents: np.ndarray | None = None,
) -> FluxIntegral:
    """Thermal conductivity in W/(m K): the integral of <J . J> / 3 over V k_B T^2.

    Args:
        flux: (n_samples, 3) in eV A/ps, of the whole system (as ``compute heat/flux`` gives it);
            interval in ps; volume in A^3; temperature in K; cutoff in ps.
        currents: (n_samples, n_currents, 3), any unit: of mixtures, see :func:`without_currents`.

    Raises:
        ValueError: as :func:`flux_integral`; another shape; volume or temperature not positive.
    """
    flux = np.asarray(flux, dtype=float)
    if flux.ndim != 2 or flux.shape[1] != 3:
        raise ValueError(f"a heat flux of shape {flux.shape}: give (n, 3) in eV A/ps")
    _check_positive(volume, temperature)
    if currents is not None:
        flux = without_currents(flux, currents, interval, cutoff)
    factor = WATT / (volume * BOLTZMANN_IN_EV * temperature**2)
    return flux_integral(flux, interval, factor, cutoff)


def _check_positive(volume: float, temperature: float) -> None:
    if not min(volume, temperature) > 0.0:
        raise ValueError(
            f"volume {volume:g} A^3, temperature {temperature:g} K: both must be positive"
        )


def without_currents(
    flux: np.ndarray, currents: np.ndarray, interval: float, cutoff: float | None = None
) -> np.ndarray:
    """The heat flux of a mixture at zero currents of its species, (n_samples, 3).

    J - sum_k c_k K_k with the c that makes the integral of its correlation smallest, which is
    L_qq - L_qk (L_kk)^-1 L_kq of the integrals L of all correlations, the same for every choice
    of the energies of the isolated atoms (R. Bertossa, F. Grasselli, L. Ercole and S. Baroni,
    Phys. Rev. Lett. 122 (2019) 255901). What correlates with K at equal times goes first: the
    reference energies, thousands of times as large as the heat. Then, of the combinations of K,
    those whose own integral is above three times its error; the currents of elements that are
    bonded to each other add up to none.

    Args:
        flux: (n_samples, 3); currents: (n_samples, n_currents, 3), each in any unit: sums of
            velocities of the elements, momenta of the ions; interval, cutoff in ps.

    Raises:
        ValueError: as :func:`flux_integral`; another shape of currents.
    """
    currents = np.asarray(currents, dtype=float)
    if currents.ndim != 3 or currents.shape[::2] != flux.shape or currents.shape[1] == 0:
        raise ValueError(
            f"currents have shape {currents.shape} and the flux has {flux.shape}: "
            "give (n, n_currents, 3)"
        )
    flux = _checked(flux, interval)
    modes = _independent(currents)
    if modes.shape[1] == 0:
        return flux
    flux = flux - np.einsum("tka,k->ta", modes, np.einsum("tka,ta->k", modes, flux) / flux.size)
    found = _common_end([flux, *modes.swapaxes(0, 1)], interval, cutoff)
    n_blocks = min(max(len(flux) // (CUTOFFS_PER_BLOCK * found), MIN_BLOCKS), MAX_BLOCKS)
    own = _cross(modes, modes, found, n_blocks)
    strength, mixing = np.linalg.eigh(own.mean(axis=0))
    errors = _error(np.einsum("ki,bkl,li->bi", mixing, own, mixing))
    slow = mixing[:, strength > LARGEST_DRIFT * errors]
    if slow.shape[1] == 0:
        return flux
    kept = np.einsum("tka,ki->tia", modes, slow)
    with_heat = _cross(kept, flux[:, None], found, n_blocks).mean(axis=0)[:, 0]
    shares = with_heat / strength[strength > LARGEST_DRIFT * errors]
    return flux - np.einsum("tia,i->ta", kept, shares)


def _independent(currents: np.ndarray) -> np.ndarray:
    """Combinations of the currents that do not correlate at equal times, of mean square 1."""
    scaled = currents / np.maximum(np.sqrt((currents**2).mean(axis=(0, 2))), 1e-300)[:, None]
    squares = np.einsum("tka,tla->kl", scaled, scaled) / (scaled.shape[0] * 3)
    values, vectors = np.linalg.eigh(squares)
    kept = values > 1e-8  # momentum is conserved: one combination of all is zero
    return np.einsum("tka,ki->tia", scaled, vectors[:, kept] / np.sqrt(values[kept]))


def _common_end(series: list[np.ndarray], interval: float, cutoff: float | None) -> int:
    """The longest of their cutoffs in samples, at most a twentieth of the run."""
    most = len(series[0]) // 20
    if cutoff is not None:
        return int(np.clip(round(cutoff / interval), 1, most))
    rough = [_correlations(x, 2 * most, 1).mean(axis=(0, 1)) for x in series]
    ends = [_end_of_correlation(c, series[0].size) for c in rough]
    return min(max(most if end is None else end for end in ends), most)


def _cross(first: np.ndarray, second: np.ndarray, end: int, n_blocks: int) -> np.ndarray:
    """Integrals of <A(0) B(t) + B(0) A(t)> / 2 up to ``end``, in samples: (n_blocks, n_a, n_b).

    first: (n, n_a, 3), second: (n, n_b, 3).
    """
    out = np.empty((n_blocks, first.shape[1], second.shape[1]))
    for a in range(first.shape[1]):
        for b in range(second.shape[1]):
            pair = first[:, a], second[:, b]
            both = [_correlations(x, end, n_blocks, y) for x, y in (pair, pair[::-1])]
            out[:, a, b] = _running(0.5 * (both[0] + both[1]).mean(axis=1), 1.0)[:, -1]
    return out
