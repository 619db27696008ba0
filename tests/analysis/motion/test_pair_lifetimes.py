"""Pairs that form and break as a two-state Markov process have correlations in closed form."""

from itertools import pairwise

import numpy as np
import pytest

from physrep.analysis.motion.pair_lifetimes import (
    PairSums,
    continuous_counts,
    intermittent_counts,
    nearest_partners,
)

INTERVAL = 0.1  # ps
BREAKS, FORMS = 0.1, 0.02  # probabilities in a frame


def markov(n_frames: int, n_pairs: int, seed: int) -> np.ndarray:
    """(n_frames, n_pairs) bool, stationary from the start."""
    rng = np.random.default_rng(seed)
    exists = np.zeros((n_frames, n_pairs), bool)
    exists[0] = rng.random(n_pairs) < FORMS / (BREAKS + FORMS)
    for before, after in pairwise(exists):
        drawn = rng.random(n_pairs)
        after[:] = np.where(before, drawn >= BREAKS, drawn < FORMS)
    return exists


def summed(exists: np.ndarray, n_lags: int) -> PairSums:
    sums = PairSums(exists.shape[1], INTERVAL, n_lags)
    for frame in exists:
        partners = np.flatnonzero(frame)
        sums.add(np.column_stack([partners % 7, partners]))
    return sums


@pytest.fixture(name="found", scope="module")
def _found():
    return summed(markov(3000, 40, seed=1), 100).result()


def test_both_correlations_of_a_two_state_markov_process(found):
    """S = (1 - b)^t; C = p + (1 - p) (1 - b - f)^t with p = f / (b + f)."""
    steps = np.arange(101)
    p = FORMS / (BREAKS + FORMS)
    assert found.chance == pytest.approx(p, rel=0.05)
    assert found.number == pytest.approx(40 * p, rel=0.05)
    exact = {
        "continuous": (1.0 - BREAKS) ** steps,
        "intermittent": p + (1.0 - p) * (1.0 - BREAKS - FORMS) ** steps,
    }
    for name, curve in exact.items():
        estimate = getattr(found, name)
        assert estimate.value[0] == pytest.approx(1.0) and estimate.error[0] < 1e-9
        known = (curve > 0.02) & (estimate.error > 1e-9)  # beyond, S counts a handful of pairs
        deviations = np.abs(estimate.value - curve)[known] / estimate.error[known]
        assert (deviations < 2.0).mean() > 0.8 and np.nanmax(deviations) < 6.0


def test_times_are_those_of_the_rates(found):
    """The trapezoid of (1 - x)^t from 0 to infinity is 1 / x - 1 / 2 frames."""
    exact = {
        "continuous_time": INTERVAL * (1.0 / BREAKS - 0.5),
        "intermittent_time": INTERVAL * (1.0 / (BREAKS + FORMS) - 0.5),
    }
    for name, time in exact.items():
        estimate = getattr(found, name)
        assert abs(estimate.value - time) < 3.0 * estimate.error < 0.4 * time


def test_the_tail_beyond_the_lags_is_completed():
    """With lags of 30 frames, 4 % of S are left."""
    found = summed(markov(3000, 40, seed=2), 30).result().continuous_time
    assert abs(found.value - INTERVAL * (1.0 / BREAKS - 0.5)) < 3.0 * found.error


def test_error_bars_are_those_of_repeated_runs():
    times, errors = [], []
    for seed in range(20):
        found = summed(markov(1200, 12, seed + 10), 60).result().continuous_time
        times.append(float(found.value))
        errors.append(float(found.error))
    assert 0.5 < np.std(times) / np.nanmean(errors) < 2.0


def test_pairs_that_do_not_break_have_no_time():
    found = summed(np.arange(10) < 5 * np.ones((400, 1)), 20).result()
    assert (found.continuous.value == 1.0).all()
    assert np.isnan(found.continuous_time.value) and "run longer" in found.continuous_time.reason


def test_counts_are_those_of_the_definition():
    exists = np.random.default_rng(3).random((9, 24)) < 0.7
    for lag in range(13):
        both = exists[:, :12] & exists[:, lag : lag + 12]
        through = np.all([exists[:, k : k + 12] for k in range(lag + 1)], axis=0)
        assert intermittent_counts(exists, 12)[lag] == both.sum()
        assert continuous_counts(exists, 12)[lag] == through.sum()


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="at least 2 pairs"):
        PairSums(1, INTERVAL, 20)
    with pytest.raises(ValueError, match="19 frames are too few"):
        summed(np.ones((19, 3), bool), 10).result()
    with pytest.raises(ValueError, match="every possible pair"):
        summed(np.ones((40, 3), bool), 10).result()
    with pytest.raises(ValueError, match="no frame has such a pair"):
        summed(np.zeros((40, 3), bool), 10).result()


def test_nearest_partners():
    vectors = np.array([[[3.0, 0, 0], [0, 1.0, 0]], [[0, 0, -1.0], [2.0, 2, 2]]])
    assert nearest_partners(vectors).tolist() == [[0, 1], [1, 0]]
