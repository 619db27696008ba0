"""Independent ions: Nernst-Einstein, Einstein and Green-Kubo agree."""

import numpy as np
import pytest
from scipy import constants

from physrep.analysis.motion.conductivity import ChargeCurrentSums, einstein, nernst_einstein
from physrep.analysis.motion.msd import DisplacementSums, diffusion
from physrep.figures.structure_plots import green_kubo_figure

VOLUME, KELVIN = 5000.0, 350.0
CHARGES = np.array([1.0] * 10 + [-1.0] * 10)


def langevin(n_frames: int, interval: float, friction: float, rng) -> np.ndarray:
    """Free Langevin particles, exact velocities (n_frames, 20, 3) in A/ps of variance 16:
    <v(0) v(t)> = 16 exp(-friction t), D = 16 / friction."""
    keep = np.exp(-friction * interval)
    v, frames = 4.0 * rng.normal(size=(20, 3)), np.empty((n_frames, 20, 3))
    for k in range(n_frames):
        frames[k] = v
        v = keep * v + 4.0 * np.sqrt(1.0 - keep**2) * rng.normal(size=(20, 3))
    return frames


def test_nernst_einstein_in_si():
    found = nernst_einstein([0.1, 0.2], [0.01, 0.01], [15, 15], [1, -1], VOLUME, KELVIN)
    in_si = 15 * constants.e**2 * 0.3e-8 / (VOLUME * 1e-30 * constants.k * KELVIN)
    assert found.value == pytest.approx(in_si, rel=1e-7)
    assert found.error / found.value == pytest.approx(np.hypot(0.01, 0.01) / 0.3)
    assert found.reason == ""
    lost = nernst_einstein([0.1, np.nan], [0.01, 0.01], [15, 15], [1, -1], VOLUME, KELVIN)
    assert np.isnan(lost.value) and lost.reason.startswith("not resolved")
    bare = nernst_einstein([0.1, 0.1], [0.01, np.nan], [15, 15], [1, -1], VOLUME, KELVIN)
    assert np.isfinite(bare.value) and "no error bar" in bare.reason
    with pytest.raises(ValueError, match=r"\(1,\), \(1,\), \(2,\)"):
        nernst_einstein([0.1], [0.1], [1, 2], [1], VOLUME, KELVIN)
    with pytest.raises(ValueError, match=r"volume 0\.0 A"):
        nernst_einstein([0.1], [0.1], [1], [1], 0.0, KELVIN)


def test_three_ways_agree_for_ions_that_move_independently():
    rng, interval = np.random.default_rng(0), 0.05
    velocities = langevin(30_000, interval, 8.0, rng)  # D = 2 A^2/ps
    kinds = ["cation"] * 10 + ["anion"] * 10
    moved = DisplacementSums(kinds, np.ones(20), interval, 100, charges=CHARGES, remove_drift=False)
    current = ChargeCurrentSums(CHARGES, interval, 40)
    positions = np.zeros((20, 3))
    for v in velocities:
        moved.add(positions, np.zeros((3, 3)), np.zeros(3, bool))
        current.add(v)
        positions = positions + interval * v
    found = moved.result()
    lines = [diffusion(found, kind) for kind in ("cation", "anion")]
    apart = nernst_einstein([line.coefficient for line in lines], [line.error for line in lines],
                            [10, 10], [1, -1], VOLUME, KELVIN)  # fmt: skip
    exact = 20 * constants.e**2 * 2e-8 / (VOLUME * 1e-30 * constants.k * KELVIN)
    together, line = einstein(found, VOLUME, KELVIN)
    kubo = current.result(VOLUME, KELVIN)
    assert line.resolved and kubo.cutoff == 2.0
    for one in (apart, together, kubo.conductivity):
        assert one.reason == ""
        assert abs(one.value - exact) < 4.0 * one.error < 0.6 * exact
    shape = 20 * 3 * 16.0 * np.exp(-8.0 * kubo.lags)
    away = (kubo.correlation.value - shape) / kubo.correlation.error
    assert np.abs(away).max() < 5.0


def test_an_integral_that_still_rises_or_is_too_short_is_not_resolved():
    velocities = langevin(20_000, 0.05, 2.0, np.random.default_rng(1))
    current = ChargeCurrentSums(CHARGES, 0.05, 10)
    for v in velocities:
        current.add(v)
    rising = current.result(VOLUME, KELVIN).conductivity
    assert np.isnan(rising.value) and "still changes by" in rising.reason
    assert "S/m; give longer lags" in rising.reason
    figure = green_kubo_figure({"run": current.result(VOLUME, KELVIN)})
    figure.draw_without_rendering()
    assert figure.legends[0].get_texts()[0].get_text() == "run: not resolved"
    with pytest.raises(ValueError, match="cutoff of 3 ps, but lags"):
        current.result(VOLUME, KELVIN, cutoff=3.0)
    short = ChargeCurrentSums(CHARGES, 0.05, 10)
    for v in velocities[:30]:
        short.add(v)
    assert "too few for an error bar" in short.result(VOLUME, KELVIN).conductivity.reason


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="a current needs charges"):
        ChargeCurrentSums(np.zeros(3), 1.0, 5)
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        ChargeCurrentSums(CHARGES, 1.0, 5).add(np.zeros((1, 3)))
    plain = DisplacementSums(["A"], np.ones(1), 1.0, 5)
    for k in range(20):
        plain.add(np.full((1, 3), float(k)), np.zeros((3, 3)), np.zeros(3, bool))
    with pytest.raises(ValueError, match="no kind charge"):
        einstein(plain.result(), VOLUME, KELVIN)


@pytest.mark.case
def test_random_walks_are_accepted_and_right_within_their_error_bars():
    """120 runs of two cations and two anions that walk independently, 500 frames each.

    Accepted runs are binomial: at 95 % 114 +- 2.4 of 120, at least 107 in 99.5 % of all cases; at
    50 % 60 +- 5.5. Of error bars from nine stretches of a run two standard errors hold 92 %
    (Student's t): 110 +- 3.0 of 120, at least 102 in 99.5 %.
    """
    charges, n_runs, n_frames, d = np.array([1.0, 1.0, -1.0, -1.0]), 120, 500, 1.0
    exact = 4 * constants.e**2 * d * 1e-8 / (VOLUME * 1e-30 * constants.k * KELVIN)
    accepted = right = 0
    for seed in range(n_runs):
        steps = np.random.default_rng(seed).normal(0.0, np.sqrt(2.0 * d), (n_frames, 4, 3))
        moved = DisplacementSums(["ion"] * 4, np.ones(4), 1.0, n_frames // 10, charges=charges,
                                 remove_drift=False)  # fmt: skip
        for positions in np.cumsum(steps, axis=0):
            moved.add(positions, np.zeros((3, 3)), np.zeros(3, bool))
        found, line = einstein(moved.result(), VOLUME, KELVIN)
        accepted += line.resolved
        right += not line.resolved or abs(found.value - exact) < 2.0 * found.error
    assert accepted >= 107
    assert right >= 102
