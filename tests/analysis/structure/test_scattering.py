"""Structure factors: an ideal gas, crystals, what X-rays and neutrons see of rock salt."""

import numpy as np
import pytest

from physrep.analysis.structure.scattering import StructureFactorSums
from physrep.analysis.structure.scattering_table import form_factor, neutron_length, tabulated

ALL = np.ones(3, bool)
FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CELLS = [np.diag([15.0, 17.0, 16.0]), np.array([[15.0, 0, 0], [5.0, 14.0, 0], [-4.0, 3.0, 16.0]])]


@pytest.mark.parametrize("cell", CELLS, ids=["orthogonal", "triclinic"])
def test_an_ideal_gas_scatters_as_single_atoms(cell):
    rng, sums = np.random.default_rng(0), StructureFactorSums(["C"] * 30 + ["H"] * 50, 4.0)
    for _ in range(300):
        sums.add(rng.uniform(size=(80, 3)) @ cell, cell, ALL)
    found = sums.result()
    for one in (found.total, found.xray, found.neutron, *_rows(found.partial)[::2]):
        away = (one.value - 1.0) / one.error
        assert np.abs(away).max() < 5.0 and np.sqrt((away**2).mean()) < 1.5
        assert np.nanmax(one.error) < 0.15
    mixed = _rows(found.partial)[1]
    assert found.pairs[1] == ("C", "H") and (np.abs(mixed.value) < 5.0 * mixed.error).all()


def _rows(estimate):
    return [type(estimate)(v, e) for v, e in zip(estimate.value, estimate.error, strict=True)]


def test_fcc_scatters_where_it_should():
    """4 for indices all even or all odd, else 0: N in the peaks of a crystal."""
    a = 4.05
    sums = StructureFactorSums(["Al"] * 4, q_max=6.0, width=0.02)
    for shift in (0.0, 0.3, 7.1):
        sums.add(a * FCC + shift, a * np.eye(3), ALL)
    found = sums.result()
    squares = np.rint((found.q * a / (2.0 * np.pi)) ** 2).astype(int)
    assert {1, 2, 3, 4, 8, 11, 12} <= set(squares.tolist())
    for square, value in zip(squares.tolist(), found.total.value, strict=True):
        if square in (1, 2, 5, 6, 9, 10):  # mixed indices only
            assert abs(value) < 1e-12
        if square in (3, 4, 8, 11, 12):
            assert value == pytest.approx(4.0, abs=1e-12)


def test_rock_salt_for_x_rays_and_neutrons():
    """(200): atoms in phase, (111): Na against Cl."""
    a = 5.64
    sums = StructureFactorSums(["Na"] * 4 + ["Cl"] * 4, q_max=3.0, width=0.02)
    sums.add(a * np.concatenate([FCC, FCC + [0.5, 0.0, 0.0]]), a * np.eye(3), ALL)
    found = sums.result()
    for square, sign in ((3, -1.0), (4, 1.0)):
        (at,) = np.flatnonzero(np.rint((found.q * a / (2.0 * np.pi)) ** 2) == square)
        for one, weights in (
            (found.xray, [form_factor(x, found.q[at]) for x in ("Na", "Cl")]),
            (found.neutron, [neutron_length(x) for x in ("Na", "Cl")]),
        ):
            na, cl = weights
            exact = 4.0 * (na + sign * cl) ** 2 / (na**2 + cl**2)
            assert one.value[at] == pytest.approx(exact, rel=1e-12)


def test_form_factors_count_electrons_and_are_those_of_the_tables():
    for element, electrons in (("H", 1), ("C", 6), ("O", 8), ("Cl", 17), ("Pb", 82)):
        assert form_factor(element, 0.0) == pytest.approx(electrons, abs=0.05)
    # International Tables C, 6.1.1.1: f of C at sin(theta)/lambda of 0.5 / A is 1.685; of O 2.34.
    assert form_factor("C", 2.0 * np.pi) == pytest.approx(1.685, abs=0.02)
    assert form_factor("O", 2.0 * np.pi) == pytest.approx(2.338, abs=0.02)
    assert neutron_length("H") == pytest.approx(-3.739, abs=5e-3)
    assert len(tabulated()) == 60


def test_what_makes_no_sense_is_refused():
    sums = StructureFactorSums(["Os"] * 2)
    with pytest.raises(ValueError, match="needs a cell periodic in three"):
        sums.add(np.zeros((2, 3)), np.eye(3), np.zeros(3, bool))
    with pytest.raises(ValueError, match="0 frames"):
        sums.result()
    sums.add(np.zeros((2, 3)), 9.0 * np.eye(3), ALL)
    assert "no scattering data for Os" in sums.result().xray.reason
    with pytest.raises(ValueError, match="no scattering data for Os"):
        form_factor("Os", 0.0)
    with pytest.raises(ValueError, match="0 < width < q_max"):
        StructureFactorSums(["H"], q_max=-1.0)
    with pytest.raises(ValueError, match="no wave vector up to 1"):
        StructureFactorSums(["H"], q_max=1.0).add(np.zeros((1, 3)), 2.0 * np.eye(3), ALL)
