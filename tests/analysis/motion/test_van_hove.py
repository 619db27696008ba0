"""Van Hove functions of walkers in an ideal gas, of a crystal that rests, and of g(r) at lag 0."""

import numpy as np
import pytest

from physrep.analysis.motion.van_hove import VanHoveSums
from physrep.analysis.structure.rdf import RadialSums

ALL = np.ones(3, bool)
CELLS = [np.diag([14.0, 15.0, 13.0]), np.array([[14.0, 0, 0], [5.0, 13.0, 0], [-4.0, 3.0, 15.0]])]
D, INTERVAL = 0.4, 0.5  # A^2/ps, ps


def of_walk(cell, n_frames=1500, lags=(0, 2, 8, 20), r_max=6.0):
    """20 walkers of A, 10 of B with twice the steps."""
    rng, kinds = np.random.default_rng(0), ["A"] * 20 + ["B"] * 10
    sizes = np.sqrt(2.0 * D * INTERVAL) * np.where(np.arange(30) < 20, 1.0, 2.0)
    moved = rng.uniform(size=(30, 3)) @ cell
    sums = VanHoveSums(kinds, INTERVAL, lags, r_max, 24)
    for _ in range(n_frames):
        folded = moved - np.floor(moved @ np.linalg.inv(cell)) @ cell
        if sums.wants():
            sums.add(moved, folded, cell, ALL)
        else:
            sums.skip()
        moved = moved + sizes[:, None] * rng.normal(size=(30, 3))
    return sums.result()


@pytest.mark.parametrize("cell", CELLS, ids=["orthogonal", "triclinic"])
def test_walkers_in_an_ideal_gas(cell):
    found = of_walk(cell)
    assert found.kinds == ["A", "B"] and found.pairs == [("A", "A"), ("A", "B"), ("B", "B")]
    np.testing.assert_allclose(found.lags, [0.0, 1.0, 4.0, 10.0])
    fine = np.linspace(0.0, 6.0, 24 * 50 + 1)
    middles = 0.5 * (fine[1:] + fine[:-1])
    for lag in (1, 2, 3):
        for kind, of_kind in enumerate((D, 4.0 * D)):
            spread = of_kind * found.lags[lag]
            exact = middles**2 * np.exp(-(middles**2) / (4.0 * spread))
            exact /= 2.0 * np.sqrt(np.pi) * spread**1.5
            in_bins = exact.reshape(24, 50).mean(axis=1)
            value, error = found.moved.value[lag, kind], found.moved.error[lag, kind]
            known = np.isfinite(error) & (in_bins > 0.01)  # enough counts for their spread
            assert known.sum() > 5
            away = (value - in_bins)[known] / error[known]
            assert np.abs(away).max() < 5.0 and np.sqrt((away**2).mean()) < 2.0
            share = value.sum() * 0.25 + found.beyond[lag, kind]
            assert share == pytest.approx(1.0, abs=1e-12)
    distinct = found.distinct.value[:, :, 6:]
    away = (distinct - 1.0) / found.distinct.error[:, :, 6:]
    assert np.nanmax(np.abs(away)) < 5.0 and np.abs(distinct.mean(axis=2) - 1.0).max() < 0.05


def test_at_lag_zero_the_distinct_part_is_g():
    cell, rng = CELLS[1], np.random.default_rng(1)
    kinds = ["A"] * 8 + ["B"] * 9
    sums, radial = VanHoveSums(kinds, 1.0, [0], 6.0, 30), RadialSums(kinds, 6.0, 30)
    for _ in range(10):
        points = rng.uniform(size=(17, 3)) @ cell
        sums.add(points, points, cell, ALL)
        radial.add(points, cell, ALL)
    np.testing.assert_allclose(sums.result().distinct.value[0], radial.result().g.value, atol=1e-9)
    assert sums.result().moved.value[0, :, 0] == pytest.approx(5.0)  # 1 / 0.2 A: nobody moves


def test_a_crystal_at_rest_keeps_its_shells():
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) * 3.0
    sums = VanHoveSums(["A"] * 64, 1.0, [0, 5, 10], 5.0, 50)
    for _ in range(40):
        sums.add(grid, grid, 12.0 * np.eye(3), ALL)
    found = sums.result()
    np.testing.assert_allclose(found.distinct.value[0], found.distinct.value[2])
    assert found.r[found.distinct.value[2, 0] > 0.0] == pytest.approx([3.05, 4.25])


def test_memory_does_not_grow():
    sums = VanHoveSums(["A"] * 3, 1.0, [0, 100], 5.0)
    for _ in range(2000):
        sums.add(np.zeros((3, 3)), np.eye(3), 12.0 * np.eye(3), ALL)
        assert len(sums._origins) <= 9


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="0 points"):
        VanHoveSums([], 1.0, [1], 5.0)
    with pytest.raises(ValueError, match=r"lags \[-1\]"):
        VanHoveSums(["A"], 1.0, [-1], 5.0)
    sums = VanHoveSums(["A"], 1.0, [4], 5.0)
    with pytest.raises(ValueError, match=r"r_max is 5 A, above .* frame 0, 4.5 A"):
        sums.add(np.zeros((1, 3)), np.zeros((1, 3)), 9.0 * np.eye(3), ALL)
    with pytest.raises(ValueError, match=r"frame 0 .* a density needs a cell"):
        sums.add(np.zeros((1, 3)), np.zeros((1, 3)), 9.0 * np.eye(3), ~ALL)
    with pytest.raises(ValueError, match="too few for a lag of 4"):
        sums.result()
