"""Transference numbers and Haven ratios of walks whose correlations are known."""

import numpy as np
import pytest

from physrep.analysis.motion.msd import DisplacementSums, diffusion
from physrep.analysis.motion.transference import ChargeFlowSums, haven_ratio

N_FRAMES, N_EACH = 2000, 6
KINDS = ["Li+"] * N_EACH + ["PF6-"] * N_EACH
CHARGES = np.repeat([1.0, -1.0], N_EACH)


def walks(seed: int, together: float = 0.0) -> np.ndarray:
    """(n_frames, 12, 3) in A: D of 1 and 3 A^2/ps; a share of the steps of a pair is common."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, np.sqrt(2.0), (N_FRAMES, 2 * N_EACH, 3))
    steps[:, N_EACH:] *= np.sqrt(3.0) if not together else 1.0
    common = rng.normal(0.0, np.sqrt(2.0), (N_FRAMES, N_EACH, 3))
    steps = np.sqrt(1.0 - together) * steps + np.sqrt(together) * np.tile(common, (1, 2, 1))
    return np.cumsum(steps, axis=0)


def numbers_of(frames: np.ndarray):
    sums = ChargeFlowSums(KINDS, CHARGES, 1.0, N_FRAMES // 10)
    for points in frames:
        sums.add(points)
    return sums.result()


def test_independent_ions_carry_what_their_mobilities_say():
    found = [numbers_of(walks(seed)).numbers for seed in range(12)]
    values, errors = np.array([x.value for x in found]), np.array([x.error for x in found])
    np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-12)
    # D of 1 and 3: a quarter and three quarters. Two standard errors hold 92 % of 24 numbers.
    assert (np.abs(values - [0.25, 0.75]) < 2.0 * errors).mean() > 0.75
    assert np.abs(values.mean(axis=0) - [0.25, 0.75]).max() < 0.02
    assert 0.005 < errors.mean() < 0.1


def test_in_a_binary_liquid_the_masses_decide():
    """Without its centre of mass, m_+ sum r_+ = -m_- sum r_-: t_+ = m_- / (m_+ + m_-)."""
    frames, masses = walks(0, 0.3), np.repeat([7.0, 145.0], N_EACH)
    frames = frames - (masses @ frames / masses.sum())[:, None]
    found = numbers_of(frames)
    np.testing.assert_allclose(found.numbers.value, [145.0 / 152.0, 7.0 / 152.0], atol=1e-9)
    assert found.kinds == ["Li+", "PF6-"] and found.window == (9.0, 22.0)


@pytest.mark.parametrize(("together", "exact"), [(0.0, 1.0), (0.5, 2.0)])
def test_ions_that_move_in_pairs_have_a_haven_ratio_above_one(together, exact):
    """Ions of one D of which a share c of the steps is common to a pair: 1 / (1 - c)."""
    found = []
    for seed in range(8):
        frames = walks(seed, together)
        if not together:  # the same D of both, as in the other case
            frames[:, N_EACH:] /= np.sqrt(3.0)
        sums = DisplacementSums(KINDS, np.ones(12), 1.0, N_FRAMES // 10, charges=CHARGES,
                                remove_drift=False)  # fmt: skip
        for points in frames:
            sums.add(points, np.zeros((3, 3)), np.zeros(3, bool))
        moved = sums.result()
        lines = {kind: diffusion(moved, kind) for kind in moved.kinds}
        counts, charges = {"Li+": N_EACH, "PF6-": N_EACH}, {"Li+": 1.0, "PF6-": -1.0}
        found.append(haven_ratio(lines, counts, charges))
    resolved = [one for one in found if np.isfinite(one.value)]
    assert len(resolved) >= 6 and all(
        "not resolved" in x.reason for x in found if x not in resolved
    )
    away = [(one.value - exact) / one.error for one in resolved]
    assert np.abs(away).max() < 4.0
    assert np.mean([one.value for one in resolved]) == pytest.approx(exact, rel=0.15)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="does not grow with time"):
        numbers_of(np.zeros((N_FRAMES, 2 * N_EACH, 3)))
    with pytest.raises(ValueError, match="2 kinds, 1 charges"):
        ChargeFlowSums(["A", "B"], [1.0], 1.0, 10)
    with pytest.raises(ValueError, match="give a kind and a charge"):
        ChargeFlowSums(["A", "B"], [0.0, 0.0], 1.0, 10)
