"""Errors of means of correlated frames; lags against sums written out."""

import numpy as np
import pytest

from physrep.analysis.statistics.blocks import (
    MAX_BLOCKS,
    MIN_BLOCKS,
    BlockSums,
    LagSums,
    block_average,
    check_positions,
)


def autoregressive(n: int, memory: float, rng: np.random.Generator) -> np.ndarray:
    x, noise = np.zeros(n), rng.normal(size=n) * np.sqrt(1.0 - memory**2)
    for k in range(1, n):
        x[k] = memory * x[k - 1] + noise[k]
    return x


def sums_of(series: np.ndarray) -> BlockSums:
    sums = BlockSums(series.shape[1:])
    for value in series:
        sums.add(value)
    return sums


@pytest.mark.parametrize("n", [1, 7, MAX_BLOCKS - 1, MAX_BLOCKS, 1000])
def test_a_stream_has_the_mean_of_the_whole(n):
    series = np.random.default_rng(0).normal(size=(n, 2, 3))
    sums = sums_of(series)
    np.testing.assert_allclose(sums.estimate().value, series.mean(axis=0), atol=1e-13)
    blocks = sums.blocks()
    assert len(blocks) < MAX_BLOCKS and len(blocks) == n // sums.per_block
    np.testing.assert_allclose(blocks[-1], series[: len(blocks) * sums.per_block][-sums.per_block :]
                               .mean(axis=0), atol=1e-13)  # fmt: skip


@pytest.mark.parametrize("memory", [0.0, 0.95])
def test_the_error_is_the_spread_over_runs(memory):
    rng = np.random.default_rng(1)
    found = [sums_of(autoregressive(3000, memory, rng)).estimate() for _ in range(100)]
    spread = np.std([one.value for one in found])  # known to 7 % from 100 runs
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.25)


def test_too_few_frames_are_a_labelled_gap():
    few = block_average(np.arange(MIN_BLOCKS - 1.0))
    assert few.value == 3.0 and np.isnan(few.error)
    assert few.reason == "7 frames or blocks are too few for an error bar (at least 8)"
    drifting = block_average(np.linspace(0.0, 1.0, 1000))
    assert np.isnan(drifting.error) and "independent samples" in drifting.reason
    mixed = block_average(np.stack([np.linspace(0, 1, 400), np.resize([0.0, 1.0], 400)], axis=1))
    assert np.isnan(mixed.error).tolist() == [True, False] and "1 of 2 values" in mixed.reason


def test_nothing_and_nan_are_refused():
    with pytest.raises(ValueError, match="0 frames"):
        BlockSums(()).estimate()
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        block_average(np.zeros(0))
    with pytest.raises(ValueError, match="1 values that are not finite"):
        block_average(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match=r"frame 4 .*\(2, 3\), expected \(3, 3\)"):
        check_positions(np.zeros((2, 3)), 3, 4)
    with pytest.raises(ValueError, match="frame 4: the position of atom 1 is"):
        check_positions(np.array([[0.0] * 3, [0.0, np.inf, 0.0]]), 2, 4)


def by_hand(x: np.ndarray, n_lags: int, squared: bool) -> np.ndarray:
    """x (n_frames, n_series, 3) -> (n_lags + 1,)."""
    values = []
    for lag in range(n_lags + 1):
        a, b = x[: len(x) - lag], x[lag:]
        values.append(((b - a) ** 2 if squared else a * b).sum(axis=2).mean())
    return np.array(values)


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize(("n_frames", "n_lags"), [(11, 10), (20, 10), (21, 10), (137, 10), (50, 1)])
def test_lags_are_those_of_the_sum_written_out(n_frames, n_lags, squared):
    x = np.cumsum(np.random.default_rng(2).normal(size=(n_frames, 70, 3)), axis=0) + 1000.0
    x = x if squared else x - 1000.0
    kinds = np.arange(70) % 3 // 2  # the series of a kind do not stand together
    sums = LagSums(kinds, n_lags, squared)
    for frame in x:
        sums.add(frame)
    found = sums.result()
    for k in (0, 1):
        expected = by_hand(x[:, kinds == k], n_lags, squared)
        np.testing.assert_allclose(found.mean[k], expected, rtol=1e-10, atol=1e-10)
    assert found.blocks.shape[1:] == (2, n_lags + 1)
    sums.add(x[-1])  # a result changes nothing
    assert sums.result().n_frames == n_frames + 1


def test_lags_longer_than_the_run_are_refused():
    sums = LagSums(np.zeros(2), 10, True)
    for _ in range(10):
        sums.add(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="10 frames are too few for a lag of 10"):
        sums.result()
    with pytest.raises(ValueError, match="up to 0 frames"):
        LagSums(np.zeros(2), 0, True)
