"""Distances and angles: an ideal gas, a crystal, and against sums written out."""

from itertools import combinations

import numpy as np
import pytest

from physrep.analysis.structure.angular import BondMapSums, NeighborAngleSums
from physrep.analysis.structure.distributions import shortest_images
from physrep.analysis.structure.near_pairs import pairs_within

ALL = np.ones(3, bool)
CUBE = np.diag([14.0, 15.0, 13.0])
TRICLINIC = np.array([[14.0, 0, 0], [5.0, 13.0, 0], [-4.0, 3.0, 15.0]])


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC], ids=["orthogonal", "triclinic"])
def test_pairs_are_those_of_all_images_each_once(cell):
    rng = np.random.default_rng(0)
    points = rng.uniform(-1.0, 2.0, (60, 3)) @ cell
    i, j = np.triu_indices(60, 1)
    vectors = shortest_images(points[j] - points[i], cell, ALL)
    near = np.linalg.norm(vectors, axis=1) < 6.0
    expected = {(a, b): v for a, b, v in zip(i[near], j[near], vectors[near], strict=True)}
    found = pairs_within(points, cell, 6.0)
    assert len(found.first) == len(expected) > 100
    for a, b, vector in zip(found.first, found.second, found.vectors, strict=True):
        sign = 1.0 if a < b else -1.0
        np.testing.assert_allclose(sign * vector, expected[min(a, b), max(a, b)], atol=1e-9)


@pytest.mark.parametrize("pbc", [[True, True, False], [False, True, False], [False] * 3])
def test_pairs_have_no_images_along_open_directions(pbc):
    rng, pbc = np.random.default_rng(3), np.array(pbc)
    points = rng.uniform(-1.0, 2.0, (60, 3)) @ TRICLINIC
    cell = np.where(pbc[:, None], TRICLINIC, 0.0)
    i, j = np.triu_indices(60, 1)
    vectors = shortest_images(points[j] - points[i], cell, pbc)
    expected = np.sort(np.linalg.norm(vectors, axis=1))
    found = pairs_within(points, cell, 6.0, pbc)
    lengths = np.sort(np.linalg.norm(found.vectors, axis=1))
    np.testing.assert_allclose(lengths, expected[expected < 6.0], atol=1e-9)


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC], ids=["orthogonal", "triclinic"])
def test_an_ideal_gas_has_no_preferred_angle(cell):
    rng, kinds = np.random.default_rng(1), ["A"] * 10 + ["B"] * 20
    sums = NeighborAngleSums(kinds, 6.0, 3, 6)
    for _ in range(200):
        sums.add(rng.uniform(size=(30, 3)) @ cell, cell, ALL)
    found = sums.result()
    away = (found.value.value[:, 1:] - 1.0) / found.value.error[:, 1:]  # within 2 A there is little
    assert np.abs(away).max() < 5.0 and np.sqrt((away**2).mean()) < 1.5
    assert found.pairs == [("A", "A"), ("A", "B"), ("B", "A"), ("B", "B")]
    for radius in (4.0, 6.0):
        one = found.within("A", "B", radius)
        assert (np.abs(one.value - 1.0) < 5.0 * one.error).all() and one.error.max() < 0.1


def test_angles_of_a_simple_cubic_lattice():
    """Six neighbours: 12 right angles, 3 straight ones; beyond sqrt(2), 45 degrees too."""
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) * 3.0
    sums = NeighborAngleSums(["A"] * 64, 5.0, 50, 60)
    for _ in range(8):
        sums.add(grid + 0.01, 12.0 * np.eye(3), ALL)
    found = sums.result()
    first = found.within("A", "A", 3.5).value
    assert found.angles[np.flatnonzero(first)].tolist() == [90.0, 177.0]
    shares = first * -np.diff(np.cos(np.radians(found.angles)))
    assert shares[30] / shares[59] == pytest.approx(12.0 / 3.0)
    assert 45.0 in found.angles[np.flatnonzero(found.within("A", "A", 4.5).value)]
    with pytest.raises(ValueError, match=r"radius 7 A: give one from 0\.1 to 5 A"):
        found.within("A", "A", 7.0)
    with pytest.raises(ValueError, match="no pair B around A"):
        found.within("A", "B", 3.0)


def test_neighbours_as_the_sum_written_out():
    rng, kinds = np.random.default_rng(2), np.array(["A"] * 5 + ["B"] * 9)
    points = rng.uniform(size=(14, 3)) @ TRICLINIC
    sums = NeighborAngleSums(kinds, 6.0, 2, 4)
    sums.add(points, TRICLINIC, ALL)
    found, counts = sums.result(), np.zeros((2, 4))
    for a in range(5):
        arms = shortest_images(points[5:] - points[a], TRICLINIC, ALL)
        for one, two in combinations(arms, 2):
            lengths = np.linalg.norm(one), np.linalg.norm(two)
            if max(lengths) < 6.0:
                angle = np.degrees(np.arccos(one @ two / np.prod(lengths)))
                counts[int(max(lengths) // 3.0), int(angle // 45.0)] += 1
    spheres = (4.0 / 3.0 * np.pi * found.edges**3) ** 2
    share = -0.5 * np.diff(np.cos(np.radians(found.angles)))
    ideal = 5 * 36 * np.diff(spheres)[:, None] * share / np.linalg.det(TRICLINIC) ** 2
    np.testing.assert_allclose(found.value.value[1], counts / ideal)


def bonds_in_gas(cell, rng, linear: bool):
    """12 bonds D-H of 1 A; 15 acceptors, anywhere or 2 A beyond a hydrogen."""
    start = rng.uniform(size=(12, 3)) @ cell
    way = rng.normal(size=(12, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    acceptors = rng.uniform(size=(15, 3)) @ cell
    if linear:
        acceptors[:12] = start + 3.0 * way
    return np.concatenate([start, start + way, acceptors]), np.arange(39)


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC], ids=["orthogonal", "triclinic"])
def test_partners_around_bonds(cell):
    rng, bonds = np.random.default_rng(3), np.stack([np.arange(12), np.arange(12, 24)], axis=1)
    names = ["H(N)"] * 12, np.arange(24, 39), ["O"] * 10 + ["F"] * 5
    alone = np.arange(39)
    gas = BondMapSums(bonds, *names, 5.0, alone, 5, 6)
    pairs = BondMapSums(bonds, *names, 5.0, alone, 5, 6)
    for _ in range(400):
        gas.add(bonds_in_gas(cell, rng, False)[0], cell, ALL)
        pairs.add(bonds_in_gas(cell, rng, True)[0], cell, ALL)
    found, bound = gas.result(), pairs.result()
    assert found.pairs == [("H(N)", "F"), ("H(N)", "O")]
    known = found.value.error[:, 1:] > 0.0
    away = ((found.value.value - 1.0)[:, 1:] / found.value.error[:, 1:])[known]
    assert np.abs(away).max() < 5.0
    # Of oxygen, ten of 120 pairs are bound: at 2.0 A, straight.
    excess = bound.value.value[1, :, 0] - 1.0
    per = np.diff(4.0 / 3.0 * np.pi * bound.edges**3) / abs(np.linalg.det(cell))
    share = 0.5 * (1.0 - np.cos(np.radians(30.0)))
    at = int(excess.argmax())
    assert at in (1, 2)  # 2.0 A is an edge
    assert (120 * share * per[1:3] * (excess[1:3] + 1.0)).sum() == pytest.approx(10.0, rel=0.1)


def test_partners_of_the_same_molecule_are_skipped():
    molecules = np.zeros(39, int)
    bonds = np.stack([np.arange(12), np.arange(12, 24)], axis=1)
    sums = BondMapSums(bonds, ["H"] * 12, np.arange(24, 39), ["O"] * 15, 5.0, molecules)
    sums.add(bonds_in_gas(CUBE, np.random.default_rng(4), True)[0], CUBE, ALL)
    assert np.isnan(sums.result().value.value).all()


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="1 points, r_max"):
        NeighborAngleSums(["A"], 5.0)
    with pytest.raises(ValueError, match="0 bonds, 1 partners"):
        BondMapSums(np.zeros((0, 2)), [], [0], ["O"], 5.0, np.zeros(1))
    sums = NeighborAngleSums(["A", "A"], 5.0)
    with pytest.raises(ValueError, match=r"r_max is 5 A, above .* frame 0, 4.5 A"):
        sums.add(np.zeros((2, 3)), 9.0 * np.eye(3), ALL)
    with pytest.raises(ValueError, match="density needs a cell"):
        sums.add(np.zeros((2, 3)), 9.0 * np.eye(3), ~ALL)
