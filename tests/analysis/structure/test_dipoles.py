"""Charges and dipoles of molecules, also across the faces of the cell; numbers of each kind."""

import numpy as np
import pytest

from physrep.analysis.statistics.scalars import ScalarSums
from physrep.analysis.structure.dipoles import MoleculeDipoles

CELL, PERIODIC = np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [-1.0, 1.5, 7.0]]), np.ones(3, bool)
MASSES = np.array([16.0, 1.0, 1.0, 23.0])
CHARGES = np.array([-0.8, 0.4, 0.5, 0.9])
WATER = np.array([[0.0, 0.0, 0.0], [0.9, 0.3, 0.0], [-0.3, 0.8, 0.4], [4.0, 4.0, 3.0]])


@pytest.mark.parametrize("shift", [0.0, 3.3, -8.0])
def test_a_dipole_does_not_depend_on_the_image(shift):
    placed = WATER + shift
    wrapped = placed - np.floor(placed @ np.linalg.inv(CELL)) @ CELL
    found = MoleculeDipoles([np.arange(3), np.array([3])], MASSES)
    charges, dipoles = found.of(wrapped, CELL, PERIODIC, CHARGES)
    centre = MASSES[:3] @ WATER[:3] / 18.0
    np.testing.assert_allclose(charges, [0.1, 0.9], atol=1e-12)
    np.testing.assert_allclose(dipoles[0], CHARGES[:3] @ (WATER[:3] - centre), atol=1e-12)
    np.testing.assert_allclose(dipoles[1], 0.0, atol=1e-12)  # an atom has none


def test_charges_may_change_and_must_be_one_for_each_atom():
    found = MoleculeDipoles([np.arange(3), np.array([3])], MASSES)
    isolated = np.zeros((3, 3)), np.zeros(3, bool)
    size = np.linalg.norm(CHARGES[:3] @ (WATER[:3] - MASSES[:3] @ WATER[:3] / 18.0))
    for scale in (1.0, 2.0):
        charges, dipoles = found.of(WATER, *isolated, scale * CHARGES)
        assert charges[1] == pytest.approx(0.9 * scale)
        assert np.linalg.norm(dipoles[0]) == pytest.approx(scale * size)
    with pytest.raises(ValueError, match="3 charges for 4 atoms"):
        found.of(WATER, *isolated, CHARGES[:3])


def test_mean_spread_and_histogram_of_each_kind_are_those_written_out():
    rng, kinds = np.random.default_rng(0), ["b", "a", "b"]
    values = rng.normal(0.1, 0.3, (500, 3))
    sums = ScalarSums(kinds, -2.0, 2.0, 40)
    for row in values:
        sums.add(row)
    found = sums.result()
    assert found.kinds == ["a", "b"] and found.sizes.tolist() == [1, 2] and not found.unknown
    for k, columns in enumerate(([1], [0, 2])):
        own = values[:, columns]
        assert found.mean.value[k] == pytest.approx(own.mean())
        assert found.spread[k] == pytest.approx(own.std())
        counts = np.histogram(own, found.edges)[0]
        np.testing.assert_allclose(found.density[k], counts / own.size / 0.1, atol=1e-12)
        assert abs(own.mean() - 0.1) < 4.0 * found.mean.error[k]


def test_a_kind_with_an_unknown_value_has_no_mean_and_the_others_have():
    sums = ScalarSums(["Na", "Cl", "Cl"], -2.0, 2.0, 40)
    for k in range(20):
        sums.add(np.array([1.0, -1.0, np.nan if k == 7 else -1.0]))
    found = sums.result()
    assert found.unknown == ["Cl"]
    assert np.isnan(found.mean.value[0]) and np.isnan(found.spread[0])
    assert found.mean.value[1] == 1.0
    with pytest.raises(ValueError, match="2 values, expected 3"):
        sums.add(np.zeros(2))
    with pytest.raises(ValueError, match="0 points"):
        ScalarSums([], 0.0, 1.0, 2)
