"""Frames are as far apart as their energies need to be independent."""

import numpy as np
import pytest

from physrep_training.sampling.decorrelation import FEWEST, MOST, Decorrelation


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.9])
def test_a_series_with_known_memory(memory):
    """x' = a x + noise has the inefficiency (1 + a) / (1 - a): 1, 4, 19."""
    rng = np.random.default_rng(0)
    energy, taken, decorrelation = 0.0, 0, Decorrelation()
    for _ in range(3000):
        energy = memory * energy + np.sqrt(1.0 - memory**2) * rng.normal()
        taken += decorrelation.add(energy)
    expected = (1.0 + memory) / (1.0 - memory)
    # whole intervals: up to one sample more; the estimate itself is some 10 % off
    assert 0.85 * expected <= 3000 / taken <= 1.15 * expected + 1.0


def test_a_drift_is_one_sample_over_and_over():
    decorrelation = Decorrelation()
    assert sum(decorrelation.add(0.1 * k) for k in range(200)) < 20


def test_memory_is_bounded_and_can_be_carried_on():
    rng = np.random.default_rng(1)
    energies = rng.normal(size=MOST + 30).tolist()
    one = Decorrelation()
    first = [one.add(x) for x in energies[:50]]
    other = Decorrelation(one.energies, one.n_since)
    assert [other.add(x) for x in energies[50:90]] == [one.add(x) for x in energies[50:90]]
    assert not any(first[: FEWEST - 1]) and first[FEWEST - 1]
    full = Decorrelation(energies[:MOST])
    full.add(energies[MOST])
    assert full.energies == energies[1 : MOST + 1]
