"""Bond and angle histograms, nearest images and the density."""

import numpy as np
import pytest
from ase.geometry import find_mic

from physrep.analysis.structure.distributions import (
    DistributionSums,
    ReducedCell,
    angles,
    cell_heights,
    densities,
    mean_density,
    nearest_images,
)
from physrep.figures.structure_plots import distribution_figure

ALL, NONE = np.ones(3, bool), np.zeros(3, bool)
TRICLINIC = np.array([[11.0, 0.0, 0.0], [4.0, 10.0, 0.0], [-3.0, 2.0, 9.0]])


@pytest.mark.parametrize("pbc", [ALL, NONE, np.array([True, False, True])])
def test_nearest_images_are_those_of_ase(pbc):
    rng = np.random.default_rng(0)
    limit = min(0.5 * cell_heights(TRICLINIC, pbc).min(), 4.0)
    short = rng.normal(size=(200, 3))
    short *= (limit * rng.uniform(size=200) / np.linalg.norm(short, axis=1))[:, None]
    far = short + (rng.integers(-3, 4, (200, 3)) * pbc) @ TRICLINIC
    np.testing.assert_allclose(nearest_images(far, TRICLINIC, pbc), short, atol=1e-12)
    np.testing.assert_allclose(find_mic(far, TRICLINIC, pbc)[0], short, atol=1e-12)


def test_heights_of_cells():
    np.testing.assert_allclose(cell_heights(np.diag([3.0, 4.0, 5.0]), ALL), [3, 4, 5])
    sheared = np.array([[3.0, 0, 0], [3.0, 4.0, 0], [0, 0, 5.0]])
    np.testing.assert_allclose(cell_heights(sheared, ALL), [2.4, 4.0, 5.0])
    assert cell_heights(np.diag([3.0, 4.0, 0.0]), np.array([1, 1, 0])).tolist() == [3, 4, np.inf]
    assert np.isinf(cell_heights(np.zeros((3, 3)), NONE)).all()
    for cell in (np.zeros((3, 3)), np.ones((3, 3)), np.full((3, 3), np.nan)):
        with pytest.raises(ValueError, match="has no volume"):
            cell_heights(cell, ALL)


def test_a_skewed_cell_is_reduced_and_a_changed_one_again():
    lattice, skewed = ReducedCell(), TRICLINIC + np.array([[0.0] * 3, TRICLINIC[0], [0.0] * 3])
    cell, half = lattice.of(skewed, ALL)
    assert half == pytest.approx(lattice.of(TRICLINIC, ALL)[1]) and half > 4.0
    np.testing.assert_allclose(np.abs(np.linalg.det(cell)), np.linalg.det(TRICLINIC))
    assert lattice.of(2.0 * skewed, ALL)[1] == pytest.approx(2.0 * half)
    assert np.isinf(lattice.of(2.0 * skewed, NONE)[1])


def test_gaussian_bonds_have_their_mean_spread_and_density():
    rng = np.random.default_rng(1)
    lengths = rng.normal(1.5, 0.05, size=(500, 20))
    sums = DistributionSums(np.arange(40).reshape(20, 2), ["C-N"] * 15 + ["C-C"] * 5, 1.4, 1.7, 30)
    for frame in lengths:
        positions = np.zeros((20, 2, 3)) + rng.uniform(0, 11, (20, 1, 3))
        positions[:, 1, 0] += frame
        sums.add(positions.reshape(40, 3) % 11.0, 11.0 * np.eye(3), ALL)
    found = sums.result()
    assert found.kinds == ["C-C", "C-N"] and found.unit == "A"
    for row, own in enumerate((lengths[:, 15:], lengths[:, :15])):
        assert found.mean.value[row] == pytest.approx(own.mean(), abs=1e-12)
        assert found.spread[row] == pytest.approx(own.std(), rel=1e-9)
        expected = np.histogram(own, found.edges)[0] / own.size / 0.01
        np.testing.assert_allclose(found.density.value[row], expected)
        assert found.outside[row] == pytest.approx(((own < 1.4) | (own > 1.7)).mean())
    assert found.mean.error[1] == pytest.approx(0.05 / np.sqrt(500 * 15), rel=0.3)
    exact = np.exp(-(((found.centres - 1.5) / 0.05) ** 2) / 2) / 0.05 / np.sqrt(2 * np.pi)
    away = (found.density.value[1] - exact) / found.density.error[1]
    assert np.abs(away[:20]).max() < 5.0


def test_angles_across_the_boundary():
    positions = np.array([[10.5, 5, 5], [0.3, 5.0, 5], [0.3, 6.0, 5], [10.9, 5, 5], [1.7, 5, 5]])
    triples = np.array([[0, 1, 2], [3, 1, 4], [0, 1, 3]])
    found = angles(positions, triples, 11.0 * np.eye(3), ALL)
    np.testing.assert_allclose(found, [90.0, 180.0, 0.0], atol=1e-6)
    sums = DistributionSums(triples, ["a", "b", "a"], 0.0, 180.0, 18)
    sums.add(positions, 11.0 * np.eye(3), ALL)
    assert sums.result().unit == "degrees"
    np.testing.assert_allclose(sums.result().mean.value, [45.0, 180.0], atol=1e-6)
    assert "too few" in sums.result().density.reason


def test_the_density_of_water():
    masses = np.array([15.999, 1.008, 1.008] * 1000)
    cells = np.diag([31.043] * 3)[None] * np.linspace(0.999, 1.001, 21)[:, None, None]
    assert densities(cells[10], masses)[0] == pytest.approx(1.0, abs=1e-4)
    assert np.isnan(mean_density(cells, masses).error)  # a ramp is one sample
    noisy = cells[10] * (1 + 1e-3 * np.random.default_rng(0).normal(size=(200, 1, 1)))
    assert mean_density(noisy, masses).error == pytest.approx(3e-3 / np.sqrt(200), rel=0.3)
    fixed = mean_density(np.repeat(cells[:1], 5, axis=0), masses)
    assert fixed.error == 0.0 and fixed.reason == "the cell is fixed"
    with pytest.raises(ValueError, match=r"frame 1: the cell .* has no volume"):
        densities(np.stack([cells[0], 0 * cells[0]]), masses)
    with pytest.raises(ValueError, match="positive masses"):
        densities(cells, np.zeros(3))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 4\)"):
        DistributionSums(np.zeros((2, 4)), ["a", "b"], 0, 1)
    with pytest.raises(ValueError, match="1 kinds for 2"):
        DistributionSums(np.zeros((2, 2)), ["a"], 0, 1)
    with pytest.raises(ValueError, match="from 2 to 1 is empty"):
        DistributionSums(np.zeros((1, 2)), ["a"], 2, 1)
    sums = DistributionSums(np.array([[0, 5]]), ["a"], 0, 1)
    with pytest.raises(ValueError, match="from 0 to 5 in frames of 3 atoms"):
        sums.add(np.zeros((3, 3)), np.eye(3), NONE)
    with pytest.raises(ValueError, match="0 frames"):
        sums.result()


def test_the_figure_has_a_panel_for_every_kind():
    positions = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1.2, 0]])
    lengths = DistributionSums(np.array([[0, 1], [0, 2]]), ["a", "b"], 0.0, 2.0)
    turns = DistributionSums(np.array([[1, 0, 2]]), ["c"], 0.0, 180.0)
    for sums in (lengths, turns):
        sums.add(positions, np.zeros((3, 3)), NONE)
    figure = distribution_figure({"run": lengths.result()})
    figure.draw_without_rendering()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b"]
    assert figure.axes[1].get_xlabel() == "Distance (Å)"
    with pytest.raises(ValueError, match="draw them apart"):
        distribution_figure({"run": lengths.result(), "other": turns.result()})
