"""Green-Kubo integrals of processes whose integral is known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from physrep.analysis.motion.green_kubo import (
    flux_integral,
    thermal_conductivity,
    viscosity,
    without_currents,
)
from physrep.units import BOLTZMANN_IN_EV, ELEMENTARY_CHARGE

K_B = BOLTZMANN_IN_EV * ELEMENTARY_CHARGE  # J/K


def ornstein_uhlenbeck(n: int, n_components: int, tau: float, seed: int) -> np.ndarray:
    """Stationary, variance 1, correlation exp(-t / tau), one sample a unit of time."""
    decay = np.exp(-1.0 / tau)
    noise = np.random.default_rng(seed).standard_normal((n, n_components))
    noise[1:] *= np.sqrt(1.0 - decay**2)
    return lfilter([1.0], [1.0, -decay], noise, axis=0)


def integral(tau: float) -> float:
    """Of exp(-t / tau) by trapezoids of width 1: tau, but for 1 / (12 tau)."""
    return 0.5 / np.tanh(0.5 / tau)


def coverage(results, expected: float) -> float:
    """Share of the resolved results within two standard errors; 98 % must be resolved."""
    resolved = [one.value for one in results if not one.value.reason]
    assert len(resolved) >= 0.98 * len(results)
    values = np.array([one.value for one in resolved])
    errors = np.array([one.error for one in resolved])
    assert abs(values.mean() - expected) < 3.0 * values.std() / np.sqrt(len(values))  # no bias
    assert errors.mean() == pytest.approx(values.std(), rel=0.25)
    return float((np.abs(values - expected) < 2.0 * errors).mean())


def test_one_relaxation_time():
    runs = [flux_integral(ornstein_uhlenbeck(10000, 5, 8.0, k), 1.0) for k in range(200)]
    assert coverage(runs, integral(8.0)) >= 0.9  # 0.95 less 3 standard errors of 0.015


def test_two_relaxation_times():
    """A fast part of four times the variance does not hide the slow one."""
    fluxes = [
        ornstein_uhlenbeck(10000, 5, 8.0, k) + 2.0 * ornstein_uhlenbeck(10000, 5, 1.5, 1000 + k)
        for k in range(100)
    ]
    runs = [flux_integral(x, 1.0) for x in fluxes]
    assert coverage(runs, integral(8.0) + 4.0 * integral(1.5)) >= 0.88


def test_an_oscillation_on_top_does_not_end_it():
    """Molecules vibrate: the correlation crosses zero long before it has decayed."""
    ring, damping = 2.0 * np.pi / 7.0, 0.98
    poles = [1.0, -2.0 * damping * np.cos(ring), damping**2]
    vibration = lfilter([1.0, -1.0], poles, ornstein_uhlenbeck(20000, 5, 0.1, 3), axis=0)
    slow = ornstein_uhlenbeck(20000, 5, 20.0, 4)
    result = flux_integral(slow + vibration / vibration.std(), 1.0)
    assert result.cutoff > 80.0
    assert abs(result.value.value - integral(20.0)) < 3.0 * result.value.error


def test_curves_and_a_chosen_cutoff():
    flux = ornstein_uhlenbeck(20000, 3, 5.0, 0)
    result = flux_integral(flux, 0.5, factor=4.0, cutoff=20.0)
    assert result.cutoff == 20.0
    assert len(result.lags) == 81 and result.lags[-1] == 40.0
    assert result.value.value == result.running.value[40]
    exact = 4.0 * 0.5 * integral(5.0)
    assert abs(result.value.value - exact) < 3.0 * result.value.error
    far = np.abs(result.correlation.value - np.exp(-result.lags / 2.5))
    assert (far < 5.0 * result.correlation.error.max()).all()


def test_what_is_not_resolved():
    slow = flux_integral(ornstein_uhlenbeck(2000, 3, 400.0, 0), 1.0)
    assert np.isnan(slow.value.value) and "run longer" in slow.value.reason
    steady = flux_integral(ornstein_uhlenbeck(2000, 3, 2.0, 0) + 5.0, 1.0)
    assert "the flux has the mean" in steady.value.reason
    early = flux_integral(ornstein_uhlenbeck(20000, 3, 20.0, 0), 1.0, cutoff=10.0)
    assert "still changes" in early.value.reason


def test_refusals():
    flux = ornstein_uhlenbeck(1000, 3, 2.0, 0)
    with pytest.raises(ValueError, match="a tenth of it"):
        flux_integral(flux, 1.0, cutoff=200.0)
    with pytest.raises(ValueError, match="at least 100 samples"):
        flux_integral(flux[:50], 1.0)
    with pytest.raises(ValueError, match="1 values not finite"):
        flux_integral(np.where(np.arange(3000).reshape(1000, 3) == 7, np.nan, flux), 1.0)
    with pytest.raises(ValueError, match="volume -1"):
        viscosity(np.zeros((1000, 6)), 1.0, -1.0, 300.0)
    with pytest.raises(ValueError, match=r"shape \(1000, 3\): give \(n, 6\)"):
        viscosity(flux, 1.0, 1.0, 300.0)
    with pytest.raises(ValueError, match=r"give \(n, n_currents, 3\)"):
        without_currents(flux, flux, 1.0)


def test_viscosity_of_an_isotropic_tensor():
    """Symmetric traceless Gaussian tensors plus pressure: units, and variances of components."""
    n, tau, scale, interval = 20000, 10.0, 300.0, 0.002  # bar, ps
    five = scale * ornstein_uhlenbeck(n, 5, tau, 0)
    trace = 1.0 + 50.0 * ornstein_uhlenbeck(n, 1, 30.0, 9)[:, 0]
    a, b = five[:, 3], five[:, 4] / np.sqrt(3.0)
    tensor = np.stack([trace + a - b, trace - a - b, trace + 2.0 * b, *five.T[:3]], axis=1)
    result = viscosity(tensor, interval, 2000.0, 300.0)
    pa2 = (scale * 1e5) ** 2
    exact = 2000e-30 / (K_B * 300.0) * pa2 * integral(tau) * interval * 1e-12 * 1e3  # mPa s
    assert abs(result.value.value - exact) < 3.0 * result.value.error
    assert result.value.error < 0.1 * exact
    turned = viscosity(tensor[:, [1, 2, 0, 5, 3, 4]], interval, 2000.0, 300.0)  # x y z -> y z x
    assert turned.running.value == pytest.approx(result.running.value, rel=1e-9)


def test_conductivity_and_its_units():
    flux = 2.0 * ornstein_uhlenbeck(20000, 3, 10.0, 1)  # eV A/ps
    result = thermal_conductivity(flux, 0.01, 5000.0, 400.0)
    watts = (2.0 * ELEMENTARY_CHARGE * 1e-10 / 1e-12) ** 2 * integral(10.0) * 0.01e-12
    exact = watts / (5000e-30 * K_B * 400.0**2)
    assert abs(result.value.value - exact) < 3.0 * result.value.error


def mixture(seed: int, n: int = 10000) -> tuple[np.ndarray, np.ndarray]:
    """Heat of time 6 beside 100 times a current of ions and 900 times one of bonded elements."""
    heat, ions = ornstein_uhlenbeck(n, 3, 6.0, seed), ornstein_uhlenbeck(n, 3, 12.0, 1000 + seed)
    place = ornstein_uhlenbeck(n, 3, 3.0, 2000 + seed)
    bonded = np.diff(place, axis=0, prepend=place[:1])  # goes nowhere in the end
    currents = np.stack([0.5 * ions + 0.3 * bonded, bonded, -0.5 * ions - 1.3 * bonded], axis=1)
    return heat + 100.0 * ions + 900.0 * bonded, currents


def test_mixture_without_the_currents_of_its_species():
    runs = [flux_integral(without_currents(*mixture(k), 1.0), 1.0) for k in range(30)]
    assert coverage(runs, integral(6.0)) >= 0.85  # 0.95 +- 0.04


def test_reference_energies_do_not_matter():
    flux, currents = mixture(3)
    moved = flux - 5e3 * currents[:, 1] + 80.0 * currents[:, 0]
    results = [thermal_conductivity(x, 0.01, 1e4, 300.0, None, currents) for x in (flux, moved)]
    assert results[1].value.value == pytest.approx(results[0].value.value, rel=1e-6)
