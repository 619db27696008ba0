"""Dipoles that turn independently, ions that walk: the dielectric constant has a closed form."""

import numpy as np
import pytest
from scipy import constants

from physrep.analysis.motion.dielectric import DipoleSums, static_response
from physrep.analysis.statistics.lag_matrix import LagMatrixSums

VOLUME, KELVIN = 20_000.0, 320.0
# e A in C m, squared, over 3 eps0 V k_B T.
PER = (1e-10 * constants.e) ** 2 / (
    3.0 * constants.epsilon_0 * VOLUME * 1e-30 * constants.k * KELVIN
)


def directions(rng, *shape: int) -> np.ndarray:
    found = rng.normal(size=(*shape, 3))
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


def fluctuation_of(dipoles: np.ndarray):
    sums = DipoleSums()
    for one in dipoles:
        sums.add(one)
    return sums


def test_independent_rotating_dipoles_have_the_dielectric_constant_of_debye():
    """eps - 1 = N mu^2 / (3 eps0 V k_B T): Langevin's susceptibility, Kirkwood's g = 1."""
    number, size = 50, 0.6
    dipoles = size * directions(np.random.default_rng(0), 4000, number).sum(axis=1)
    found = fluctuation_of(dipoles).rotational(VOLUME, KELVIN)
    exact = number * size**2 * PER
    assert found.reason == ""
    assert abs(found.value - exact) < 3.0 * found.error < 0.2 * exact


def diffusing(rng, n_frames: int, number: int, angle: float) -> np.ndarray:
    """(n_frames, 3): sum of unit vectors that turn by small random angles."""
    now, sums = directions(rng, number), np.zeros((n_frames, 3))
    for k in range(n_frames):
        sums[k] = now.sum(axis=0)
        now = now + rng.normal(0.0, angle, (number, 3))
        now /= np.linalg.norm(now, axis=1, keepdims=True)
    return sums


def test_correlated_rotation_is_right_within_its_error_bar_or_not_resolved():
    slow = fluctuation_of(diffusing(np.random.default_rng(1), 4000, 30, 0.15))
    found = slow.rotational(VOLUME, KELVIN)
    assert abs(found.value - 30 * PER) < 3.0 * found.error < 30 * PER
    frozen = fluctuation_of(diffusing(np.random.default_rng(1), 400, 30, 0.01))
    assert "have not turned round; run longer" in frozen.rotational(VOLUME, KELVIN).reason
    short = fluctuation_of(directions(np.random.default_rng(2), 3))
    assert np.isnan(short.rotational(VOLUME, KELVIN).value)


def matrix_of(series: np.ndarray, n_lags: int = 100):
    sums = LagMatrixSums(series.shape[1], n_lags, squared_differences=True)
    for vectors in series:
        sums.add(vectors)
    return sums.result()


def test_mobile_ions_leave_the_rotational_part_in_the_intercept():
    """Walkers add a line through the origin; bounded dipoles, correlated or not, add <M^2>."""
    rng, n_frames = np.random.default_rng(3), 20_000
    turning = 4.0 * directions(rng, n_frames, 20).sum(axis=1)
    walk = rng.normal(0.0, 0.15, (n_frames, 3)).cumsum(axis=0)
    matrix = matrix_of(np.stack([turning, walk], axis=1))
    found = static_response(matrix, np.array([1.0, 0.5]), 0.1, VOLUME, KELVIN)
    exact = 20 * 4.0**2 * PER
    assert found.reason == ""
    assert abs(found.value - exact) < 3.0 * found.error < 0.3 * exact
    alone = static_response(matrix, np.array([0.0, 1.0]), 0.1, VOLUME, KELVIN)
    assert np.isnan(alone.value) and "is not above twice its error" in alone.reason


def test_charges_bound_to_springs_have_the_response_of_springs():
    """Overdamped, spring constant K: B = <M^2> = 3 q^2 k_B T / K, eps - 1 = q^2 / (eps0 V K)."""
    rng, n_frames, variance = np.random.default_rng(4), 20_000, 5.0
    keep, x, bound = 0.8, np.zeros(3), np.zeros((n_frames, 1, 3))
    for k in range(n_frames):
        bound[k, 0] = x
        x = keep * x + np.sqrt(variance * (1.0 - keep**2)) * rng.normal(size=3)
    found = static_response(matrix_of(bound), np.ones(1), 0.1, VOLUME, KELVIN)
    exact = 3.0 * variance * PER
    assert abs(found.value - exact) < 3.0 * found.error < 0.3 * exact


def test_a_displacement_that_still_bends_is_not_resolved():
    n_frames = 3000
    angle = 2.0 * np.pi * np.arange(n_frames) / 60.0
    circle = np.stack([np.cos(angle), np.sin(angle), np.zeros(n_frames)], axis=1)
    found = static_response(matrix_of(circle[:, None]), np.ones(1), 0.1, VOLUME, KELVIN)
    assert np.isnan(found.value) and "not a straight line yet" in found.reason


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="a charge is not known"):
        DipoleSums().add(np.array([0.0, np.nan, 0.0]))
    with pytest.raises(ValueError, match="0 frames: a dipole has no fluctuation"):
        DipoleSums().rotational(VOLUME, KELVIN)
    with pytest.raises(ValueError, match=r"volume 0.0 A\^3"):
        fluctuation_of(np.ones((3, 3))).rotational(0.0, KELVIN)
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        LagMatrixSums(3, 2, squared_differences=True).add(np.zeros((2, 3)))
