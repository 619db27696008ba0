"""An oscillator of known charge and mass has one line, of known place and intensity."""

import numpy as np
import pytest
from scipy import constants

from physrep.analysis.motion.infrared import infrared
from physrep.analysis.motion.line_shape import PER_CM_IN_PER_PS
from physrep.analysis.statistics.lag_matrix import LagMatrixSums

KELVIN, INTERVAL, N_LAGS = 300.0, 0.0005, 1000
# N_A e^2 / (12 eps0 c^2 amu) in km/mol: the double harmonic intensity of e^2/amu.
KM_PER_MOL = 974.86
KB_IN_AMU = constants.k / constants.atomic_mass * 1e-4  # amu A^2/ps^2 per K


def oscillator(charge: float, mass: float, wavenumber: float, n_frames: int = 9000) -> np.ndarray:
    """(n_frames, 3) dipoles in e A of a classical oscillator along x with the mean energy k_B T."""
    omega = 2.0 * np.pi * wavenumber * PER_CM_IN_PER_PS
    size = np.sqrt(2.0 * KB_IN_AMU * KELVIN / mass) / omega
    dipoles = np.zeros((n_frames, 3))
    dipoles[:, 0] = charge * size * np.sin(omega * INTERVAL * np.arange(n_frames))
    return dipoles


def rates(dipoles: np.ndarray) -> np.ndarray:
    return np.diff(dipoles, axis=0) / INTERVAL


def matrix_of(series: list[np.ndarray]):
    sums = LagMatrixSums(len(series), N_LAGS, squared_differences=False)
    for vectors in np.stack(series, axis=1):
        sums.add(vectors)
    return sums.result()


def spectrum_of(series: list[np.ndarray], weights, correction: str = "harmonic", matrix=None):
    correlation, blocks = (matrix or matrix_of(series)).combined(weights)
    lags = INTERVAL * np.arange(N_LAGS + 1)
    return infrared(lags, correlation, blocks, KELVIN, correction)


@pytest.mark.parametrize(("charge", "mass", "wavenumber"), [(1.0, 1.0, 900.0), (-0.4, 7.0, 2500.0)])
def test_a_harmonic_oscillator_has_one_line_of_the_double_harmonic_intensity(
    charge, mass, wavenumber
):
    found = spectrum_of([rates(oscillator(charge, mass, wavenumber))], [1.0])
    top = found.wavenumbers[found.intensity.value.argmax()]
    assert top == pytest.approx(wavenumber, abs=found.resolution)
    exact = KM_PER_MOL * charge**2 / mass
    around = wavenumber - 3.0 * found.resolution, wavenumber + 3.0 * found.resolution
    assert found.integral(*around) == pytest.approx(exact, rel=5e-3)
    assert found.integral() == pytest.approx(exact, rel=5e-3)  # nothing anywhere else


def test_absorption_is_that_of_the_conductivity_in_si():
    found = spectrum_of([rates(oscillator(1.0, 1.0, 900.0))], [1.0])
    volume = 1000.0
    # alpha n = sigma(w) / (eps0 c), integrated over w: pi N e^2 / (2 m V) / (3 eps0 c).
    over_omega = np.pi * constants.e**2 / (6.0 * constants.atomic_mass * volume * 1e-30)
    over_omega /= constants.epsilon_0 * constants.c
    over_cm = over_omega / (2.0 * np.pi * constants.c) * 1e-4  # 1/cm times 1/cm
    area = np.trapezoid(found.absorption(volume).value, found.wavenumbers)
    assert area == pytest.approx(over_cm, rel=5e-3)


def test_weights_are_those_of_the_sum_of_the_series():
    rng = np.random.default_rng(0)
    series, weights = rng.normal(size=(3, 9000, 3)), np.array([1.0, -0.7, 0.4])
    whole = spectrum_of([np.einsum("a,afk->fk", weights, series)], [1.0])
    parts = spectrum_of(list(series), weights)
    for name in ("value", "error"):
        ours, theirs = getattr(parts.intensity, name), getattr(whole.intensity, name)
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
    with pytest.raises(ValueError, match="for 2 series: give one for each"):
        spectrum_of(list(series[:2]), weights)


def test_quantum_corrections_are_their_factors():
    rate = rates(oscillator(1.0, 1.0, 900.0))
    matrix = matrix_of([rate])
    classical = spectrum_of([], [1.0], matrix=matrix)
    x = constants.h * constants.c * 100.0 * classical.wavenumbers[1:] / (constants.k * KELVIN)
    bose = x / (1.0 - np.exp(-x))
    factors = {"standard": 2.0 / (1.0 + np.exp(-x)), "schofield": np.exp(x / 2.0), "none": 1.0}
    for name, factor in factors.items():
        found = spectrum_of([], [1.0], name, matrix)
        assert found.correction == name
        expected = classical.intensity.value[1:] * factor / bose
        scale = classical.intensity.value.max()
        np.testing.assert_allclose(
            found.intensity.value[1:], expected, rtol=1e-5, atol=1e-12 * scale
        )
    with pytest.raises(ValueError, match=r"'quantum' at 300\.0 K: choose harmonic, standard"):
        spectrum_of([], [1.0], "quantum", matrix)
