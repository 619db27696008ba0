"""Drift and errors of means against series whose answer is known."""

import numpy as np
import pytest

from physrep.analysis.stability.drift import energy_drift, mean_and_error, statistical_inefficiency


def autoregressive(n: int, memory: float, seed: int) -> np.ndarray:
    """x_k = memory x_(k-1) + noise: inefficiency (1 + memory) / (1 - memory), variance 1."""
    rng = np.random.default_rng(seed)
    x = np.zeros(n)
    noise = rng.normal(size=n) * np.sqrt(1.0 - memory**2)
    for k in range(1, n):
        x[k] = memory * x[k - 1] + noise[k]
    return x


def test_drift_of_a_line():
    times = np.linspace(0.0, 4.0, 81)
    found = energy_drift(times, -1000.0 + 0.03 * times, n_atoms=10)  # eV -> 3 meV/atom/ps
    assert found.drift == pytest.approx(3.0, abs=1e-9)
    # Round-off of 1000 eV in float64 is 1e-13 eV, 1e-11 meV/atom.
    assert found.error < 1e-9 and found.fluctuation < 1e-9


def test_fluctuation_of_a_sine_on_a_line():
    times = np.linspace(0.0, 1.0, 1000, endpoint=False)
    energies = 0.002 * times + 0.001 * np.sin(2.0 * np.pi * 50.0 * times)
    found = energy_drift(times, energies, n_atoms=1)
    assert found.fluctuation == pytest.approx(1.0 / np.sqrt(2.0), rel=1e-2)  # meV/atom
    assert found.drift == pytest.approx(2.0, abs=0.1)


def test_the_error_is_honest_about_correlated_noise():
    times = np.linspace(0.0, 1.0, 2000)
    found = [energy_drift(times, 1e-3 * autoregressive(2000, 0.9, s), 1) for s in range(60)]
    spread = np.std([drift.drift for drift in found])
    claimed = np.mean([drift.error for drift in found])
    assert claimed == pytest.approx(spread, rel=0.3)  # 60 samples know their spread to 10 %


def test_statistical_inefficiency():
    assert statistical_inefficiency(np.full(50, 3.7)) == 1.0
    white = np.random.default_rng(0).normal(size=5000)
    assert statistical_inefficiency(white) == pytest.approx(1.0, abs=0.1)
    correlated = autoregressive(100_000, 0.8, 1)
    assert statistical_inefficiency(correlated) == pytest.approx(9.0, rel=0.15)


def test_mean_and_error_of_white_noise():
    mean, error = mean_and_error(5.0 + np.random.default_rng(3).normal(size=10_000))
    assert mean == pytest.approx(5.0, abs=0.04)
    assert error == pytest.approx(0.01, rel=0.15)
    assert mean_and_error(np.array([2.0])) == (2.0, 0.0)


def test_too_few_samples_are_refused():
    with pytest.raises(ValueError, match="at least 3 samples"):
        energy_drift(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 3)
    with pytest.raises(ValueError, match=r"\(4,\).*\(3,\)"):
        energy_drift(np.arange(4.0), np.arange(3.0), 3)
