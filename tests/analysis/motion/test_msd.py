"""Unwrapping, random walks of known D, straight flight, and the sums written out."""

import numpy as np
import pytest

from physrep.analysis.motion.msd import DisplacementSums, diffusion, yeh_hummer
from physrep.analysis.motion.unwrapping import Unwrapper
from physrep.figures.structure_plots import displacement_figure

ALL, NONE = np.ones(3, bool), np.zeros(3, bool)
CUBE = 10.0 * np.eye(3)
TRICLINIC = np.array([[11.0, 0.0, 0.0], [4.0, 10.0, 0.0], [-3.0, 2.0, 9.0]])
SKEWED = TRICLINIC + np.array([[0.0] * 3, 2 * TRICLINIC[0], -3 * TRICLINIC[0]])


def walk(n_frames, n_atoms, d, interval, rng):
    """Brownian: <|dr|^2> = 6 D t; (n_frames, n_atoms, 3) in A."""
    return np.cumsum(rng.normal(0, np.sqrt(2 * d * interval), (n_frames, n_atoms, 3)), axis=0)


def displacements(frames, kinds, interval, n_lags, cell=CUBE, pbc=NONE, **settings):
    settings.setdefault("masses", np.ones(frames.shape[1]))
    settings.setdefault("remove_drift", False)
    sums = DisplacementSums(kinds, interval=interval, n_lags=n_lags, **settings)
    for positions in frames:
        sums.add(positions, cell, pbc)
    return sums.result()


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC, SKEWED], ids=["cube", "tri", "skewed"])
@pytest.mark.parametrize("pbc", [ALL, NONE, np.array([True, False, True])])
def test_a_wrapped_walk_is_unwrapped(cell, pbc):
    rng = np.random.default_rng(0)
    frames = walk(300, 7, 1.0, 0.1, rng) + rng.uniform(size=(7, 3)) @ cell
    if pbc.all():  # wrapped into the cell, or any image at all
        split = frames - np.floor(frames @ np.linalg.inv(cell)) @ cell
        split[150:] += rng.integers(-2, 3, (150, 7, 3)) @ cell
    else:
        split = frames + (rng.integers(-2, 3, (300, 7, 3)) * pbc) @ cell
    unwrapper = Unwrapper()
    found = np.array([unwrapper.add(positions, cell, pbc) for positions in split])
    np.testing.assert_allclose(found - found[0], frames - frames[0], atol=1e-9)


def test_in_a_cell_that_breathes_the_walk_stays_the_same():
    rng = np.random.default_rng(1)
    steps = walk(500, 5, 0.5, 0.1, rng) - 3.0
    unwrapper, inside = Unwrapper(), steps[0] % 10.0
    found = [unwrapper.add(inside, CUBE, ALL)]
    for k in range(1, 500):  # the true displacement, and a cell that changes at every frame
        length = 10.0 + 0.1 * np.sin(0.3 * k)
        inside = (inside + steps[k] - steps[k - 1]) % length
        found.append(unwrapper.add(inside, length * np.eye(3), ALL))
    np.testing.assert_allclose(np.array(found) - found[0], steps - steps[0], atol=1e-9)


def test_frames_too_far_apart_are_refused():
    unwrapper = Unwrapper()
    unwrapper.add(np.zeros((2, 3)), CUBE, ALL)
    unwrapper.add(np.array([[0.0, 0, 0], [3.9, 0, 0]]), CUBE, ALL)
    with pytest.raises(ValueError, match=r"atom 1 moved by 0.45 .* frames 1 and 2 .*too far"):
        unwrapper.add(np.array([[0.0, 0, 0], [8.4, 0, 0]]), CUBE, ALL)
    with pytest.raises(ValueError, match="one periodicity"):
        unwrapper.add(np.zeros((2, 3)), CUBE, NONE)
    with pytest.raises(ValueError, match="same along a trajectory"):
        unwrapper.add(np.zeros((3, 3)), CUBE, ALL)


def test_the_same_as_the_sum_written_out_for_groups_without_drift():
    rng = np.random.default_rng(2)
    frames = walk(90, 6, 1.0, 0.1, rng) + np.linspace(0, 5, 90)[:, None, None]
    masses, groups = rng.uniform(1, 16, 6), [np.array([0, 3]), np.array([1]), np.array([2, 4, 5])]
    settings = {"masses": masses, "groups": groups, "charges": np.array([1.0, -2, 1])}
    kinds = ["ion", "atom", "ion"]
    found = displacements(frames % 10.0, kinds, 0.1, 20, CUBE, ALL, remove_drift=True, **settings)
    moved = frames - np.einsum("fnk,n->fk", frames, masses)[:, None] / masses.sum()
    centres = np.stack(
        [(moved[:, g] * masses[g, None]).sum(1) / masses[g].sum() for g in groups], 1
    )
    charge = centres[:, :1] - 2 * centres[:, 1:2] + centres[:, 2:]
    assert found.kinds == ["atom", "ion", "charge"] and found.n_frames == 90
    for row, points in enumerate((centres[:, [1]], centres[:, [0, 2]], charge)):
        expected = [((points[k:] - points[: 90 - k]) ** 2).sum(2).mean() for k in range(21)]
        np.testing.assert_allclose(found.msd.value[row], expected, atol=1e-9)
    np.testing.assert_allclose(found.lags, 0.1 * np.arange(21))
    assert "too few for an error bar" in found.msd.reason


def test_a_random_walk_has_its_diffusion_coefficient_and_an_honest_error():
    rng = np.random.default_rng(3)
    found = []
    for _ in range(20):
        frames = walk(1200, 10, 0.5, 1.0, rng)
        found.append(diffusion(displacements(frames, ["A"] * 10, 1.0, 60), "A"))
        assert found[-1].resolved == (abs(found[-1].slope - 1.0) <= 0.1)
    apparent = np.array([one.apparent for one in found])
    assert apparent.mean() == pytest.approx(0.5, abs=4 * apparent.std() / np.sqrt(20))
    errors = [one.error for one in found if one.resolved]
    assert len(errors) > 8
    assert np.mean(errors) == pytest.approx(apparent.std(), rel=0.45)  # 20 know it to 16 %


def test_a_long_walk_is_resolved():
    frames = walk(20000, 20, 0.2, 1.0, np.random.default_rng(4))
    line = diffusion(displacements(frames, ["A"] * 20, 1.0, 100), "A", window=(20.0, 100.0))
    assert line.resolved and line.reason == "" and line.window == (20.0, 100.0)
    assert abs(line.coefficient - 0.2) < 4.0 * line.error < 0.04
    assert line.slope == pytest.approx(1.0, abs=0.05) and line.reached == pytest.approx(
        120, rel=0.1
    )


def test_flight_caged_motion_and_short_runs_are_not_resolved():
    times = np.arange(500.0)[:, None, None]
    line = diffusion(displacements(times * np.ones((1, 3, 3)), ["A"] * 3, 1.0, 50), "A")
    assert not line.resolved and np.isnan(line.coefficient) and np.isnan(line.error)
    assert line.slope == pytest.approx(2.0) and "slope is 2.00" in line.reason
    rng = np.random.default_rng(5)
    caged = diffusion(displacements(rng.normal(size=(500, 3, 3)), ["A"] * 3, 1.0, 50), "A")
    assert "slope is" in caged.reason and "of 25 A^2" in caged.reason
    slow = diffusion(displacements(walk(5000, 9, 1e-3, 1.0, rng), ["A"] * 9, 1.0, 20), "A")
    assert slow.reason.startswith("not resolved: the msd reaches 0.1")
    assert slow.apparent == pytest.approx(1e-3, rel=0.2)
    still = diffusion(displacements(np.zeros((100, 2, 3)), ["A"] * 2, 1.0, 10), "A")
    assert not still.resolved and still.apparent == 0.0


def test_drift_is_removed_only_if_asked_for():
    frames = np.zeros((50, 2, 3)) + np.arange(50.0)[:, None, None]
    assert displacements(frames, ["A"] * 2, 1.0, 5).msd.value[0, 5] == pytest.approx(75.0)
    still = displacements(frames, ["A"] * 2, 1.0, 5, remove_drift=True)
    np.testing.assert_allclose(still.msd.value, 0.0, atol=1e-20)


@pytest.mark.parametrize("n_points", [1, 4, 12])
def test_slopes_of_few_walkers_are_judged_over_shorter_lags(n_points):
    """Of 100 random walks of right slope 95 +- 2.2 are accepted; 0.5 % quantile: 89."""
    accepted = 0
    for seed in range(100):
        frames = walk(300, n_points, 100.0, 1.0, np.random.default_rng(seed))
        accepted += diffusion(displacements(frames, ["A"] * n_points, 1.0, 30), "A").resolved
    assert accepted >= 89


def test_finite_size_correction_of_water():
    # SPC/E, 298 K, 0.73 mPa s, 24.8 A: 0.34e-9 m^2/s (of the order of Yeh and Hummer's figures)
    assert yeh_hummer(298.0, 0.73, 24.8) * 10.0 == pytest.approx(0.342, abs=0.002)
    with pytest.raises(ValueError, match="viscosity 0 mPa s"):
        yeh_hummer(300.0, 0, 20.0)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="1 kinds, 2 points"):
        DisplacementSums(["A"], np.ones(2), 1.0, 5)
    with pytest.raises(ValueError, match=r"0.0 ps"):
        DisplacementSums(["A"], np.ones(1), 0.0, 5)
    with pytest.raises(ValueError, match="rename it"):
        DisplacementSums(["charge"], np.ones(1), 1.0, 5, charges=np.ones(1))
    with pytest.raises(ValueError, match=r"30 frames are too few for a lag of 50 .* run, 3"):
        displacements(np.zeros((30, 1, 3)), ["A"], 1.0, 50)
    found = displacements(np.zeros((30, 1, 3)), ["A"], 1.0, 5)
    with pytest.raises(ValueError, match="no kind B; there are A"):
        diffusion(found, "B")
    with pytest.raises(ValueError, match="holds 2 lags"):
        diffusion(found, "A", window=(4.0, 5.0))
    with pytest.raises(ValueError, match="up to 5 ps"):
        diffusion(found, "A", window=(1.0, 9.0))


def test_the_figure_says_slope_and_whether_it_is_resolved():
    frames = walk(3000, 10, 0.5, 1.0, np.random.default_rng(6))
    found = displacements(frames, ["A"] * 5 + ["B"] * 5, 1.0, 50, charges=np.ones(10))
    flight = np.arange(100.0)[:, None, None] * np.ones((1, 2, 3))
    ballistic = displacements(flight, ["A", "B"], 1.0, 10)
    lines = {("run", "A"): diffusion(found, "A"), ("flight", "A"): diffusion(ballistic, "A")}
    figure = displacement_figure({"run": found, "flight": ballistic}, lines)
    figure.draw_without_rendering()
    texts = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert texts[1] == ["A: slope 2.00, not resolved", "B"] and len(texts[0]) == 2
    assert ("D = " in texts[0][0]) == lines["run", "A"].resolved
