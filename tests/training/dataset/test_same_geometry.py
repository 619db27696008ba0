"""What counts as one geometry: shifted, wrapped, turned, in another order; what does not."""

import numpy as np
import pytest
from ase.build import molecule
from scipy.spatial.transform import Rotation

from physrep.io import Structure
from physrep_training.dataset.environments_of import (
    CUTOFF,
    RANKS,
    distances_of,
    frame_features,
    ranked_distances,
)
from physrep_training.dataset.same_geometry import candidates, match
from physrep_training.dataset.summarized import summarize

CELL = np.array([[7.0, 0, 0], [1.0, 6.5, 0], [-0.5, 0.8, 6.0]])
TOLERANCE = 0.005


def box(seed=0) -> Structure:
    """Four molecules without symmetry in a triclinic cell."""
    rng = np.random.default_rng(seed)
    water, methanol = molecule("H2O"), molecule("CH3OH")
    parts = [(water, [0, 0, 0]), (methanol, [3, 0, 0]), (water, [0, 3, 3]), (methanol, [3, 3, 3])]
    positions = np.vstack([part.positions + place for part, place in parts])
    species = np.concatenate([part.numbers for part, _ in parts])
    return Structure(positions + rng.normal(0, 0.05, positions.shape), species, CELL, True)


def changed(one: Structure, positions, order=None, cell=None) -> Structure:
    order = np.arange(len(one)) if order is None else order
    cell = one.cell if cell is None else cell
    return Structure(positions[order], one.species[order], cell, one.pbc)


def molecule_of(name: str, noise: float) -> Structure:
    atoms = molecule(name)
    rng = np.random.default_rng(1)
    return Structure(atoms.positions + rng.normal(0, noise, (len(atoms), 3)), atoms.numbers)


def same_in_periodic_cells() -> dict[str, Structure]:
    one, rng = box(), np.random.default_rng(3)
    turn = Rotation.random(rng=rng)
    images = rng.integers(-2, 3, (len(one), 3)) @ one.cell
    order = rng.permutation(len(one))
    return {
        "rounded": changed(one, one.positions.round(3)),
        "shifted": changed(one, one.positions + [0.3, -1.2, 4.0]),
        "wrapped": changed(one, one.positions + images),
        "turned with its cell": changed(one, turn.apply(one.positions), cell=turn.apply(one.cell)),
        "in another order": changed(one, one.positions + images + 1.7, order),
    }


@pytest.mark.parametrize("what", same_in_periodic_cells())
def test_one_periodic_geometry(what):
    one, other = box(), same_in_periodic_cells()[what]
    found = match(one, other, TOLERANCE)
    assert found is not None and found.moved.max() < TOLERANCE
    np.testing.assert_array_equal(one.species, other.species[found.order])
    assert candidates([summarize(one), summarize(other)], TOLERANCE) == [(0, 1)]


@pytest.mark.parametrize("mirror", [1, -1])
def test_one_molecule(mirror):
    one = molecule_of("CH3CH2OH", 0.05)
    rng = np.random.default_rng(5)
    turned = Rotation.random(rng=rng).apply(mirror * one.positions) + [9.0, 0, -3]
    other = changed(one, turned, rng.permutation(len(one)))
    assert match(one, other, TOLERANCE) is not None
    assert candidates([summarize(one), summarize(other)], TOLERANCE) == [(0, 1)]


def test_other_geometries_differ():
    one = box()
    moved = one.positions.copy()
    moved[4] += [0.0, 0.02, 0.0]  # one atom, as in finite differences
    strained = changed(one, one.positions @ (1.003 * np.eye(3)), cell=1.003 * one.cell)
    free = Structure(one.positions, one.species)
    for other in (changed(one, moved), strained, free, box(seed=1)):
        assert match(one, other, TOLERANCE) is None


def test_sorted_distances_move_by_no_more_than_the_atoms():
    """So that no repeated geometry is missed."""
    one, rng = box(), np.random.default_rng(0)
    start = ranked_distances(one, distances_of(one))
    for step in (1e-3, 1e-2, 0.1):
        moves = rng.normal(size=(len(one), 3))
        moves *= step / np.linalg.norm(moves, axis=1)[:, None]
        other = changed(one, one.positions + moves)
        found = ranked_distances(other, distances_of(other))
        assert max(np.abs(start[pair] - found[pair]).max() for pair in start) <= 2 * step
    assert len(RANKS) == len(start[1, 8]) and start[1, 8].max() <= CUTOFF


def test_features_of_two_atoms_are_the_formula():
    apart = 1.7
    pair = Structure([[0.0, 0, 0], [0, apart, 0]], [1, 8])
    features = frame_features(pair, distances_of(pair))
    places = np.linspace(0.8, 5.0, 10)
    width = (5.0 - 0.8) / 9
    expected = np.exp(-((apart - places) ** 2) / (2 * width**2)) * 0.5
    expected *= 1 + np.cos(np.pi * apart / 5.0)
    np.testing.assert_allclose(features[1, 8], [*expected, *np.zeros(10)], atol=1e-12)
    np.testing.assert_allclose(features[8, 1], features[1, 8])
    assert not features[1, 1].any()
