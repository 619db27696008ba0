"""Bonds and contacts: analytic cases in cells of any kind."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from physrep.analysis.chemistry.bond_tracking import BondTracker
from physrep.analysis.chemistry.bonds import (
    bond_kinds,
    bond_lengths,
    find_bonds,
    pairs_two_bonds_apart,
)
from physrep.analysis.structure.contacts import FURTHER, TWO_BONDS, find_contacts, shortest_contacts
from physrep.io import Structure

WATER = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
WATER_SPECIES = np.array([8, 1, 1])
CUBE = 10.0 * np.eye(3)
TRICLINIC = np.array([[10.0, 0.0, 0.0], [4.0, 9.0, 0.0], [-3.0, 2.0, 8.0]])
NONE, ALL = np.zeros(3, bool), np.ones(3, bool)


def rotations(seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]


def test_water_has_two_bonds_and_one_pair_two_bonds_apart():
    bonds = find_bonds(WATER, WATER_SPECIES, np.zeros((3, 3)), NONE)
    assert bonds.pairs.tolist() == [[0, 1], [0, 2]]
    np.testing.assert_allclose(bonds.lengths, [0.96, np.hypot(0.24, 0.93)], rtol=1e-12)
    assert bond_kinds(WATER_SPECIES, bonds.pairs) == ["H-O", "H-O"]
    assert pairs_two_bonds_apart(bonds.pairs).tolist() == [[1, 2]]


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC], ids=["cube", "triclinic"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bonds_do_not_depend_on_the_image(cell, seed):
    rng = np.random.default_rng(seed)
    molecule = WATER @ rotations(seed) + rng.uniform(0.0, 1.0, 3) @ cell
    scattered = molecule + rng.integers(-2, 3, (3, 3)) @ cell
    expected = find_bonds(WATER, WATER_SPECIES, np.zeros((3, 3)), NONE)
    found = find_bonds(scattered, WATER_SPECIES, cell, ALL)
    assert found.pairs.tolist() == expected.pairs.tolist()
    np.testing.assert_allclose(found.lengths, expected.lengths, rtol=1e-12)
    lengths = bond_lengths(scattered, found.pairs, cell, ALL)
    np.testing.assert_allclose(lengths, expected.lengths, rtol=1e-12)


def test_lengths_along_frames():
    stretch = np.array([1.0, 1.2, 1.5])
    frames = stretch[:, None, None] * WATER
    lengths = bond_lengths(frames, np.array([[0, 1]]), np.zeros((3, 3)), NONE)
    np.testing.assert_allclose(lengths[:, 0], 0.96 * stretch)
    assert bond_lengths(frames, np.zeros((0, 2), int), CUBE, ALL).shape == (3, 0)


def test_of_two_images_the_nearer_one_is_the_bond():
    cell = np.diag([2.5, 10.0, 10.0])
    bonds = find_bonds(np.array([[0.0, 0, 0], [1.2, 0, 0]]), np.array([6, 6]), cell, ALL)
    assert bonds.pairs.tolist() == [[0, 1]]
    np.testing.assert_allclose(bonds.lengths, [1.2])


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC], ids=["cube", "triclinic"])
def test_contact_across_the_boundary_is_found_with_its_class(cell):
    other = WATER @ rotations(1)
    gap = 1.7
    other = other - other[0] + WATER[1] + [gap, 0.0, 0.0]  # O of the other beyond H of the first
    positions = np.concatenate([WATER, other]) + 0.97 * cell.sum(axis=0)
    positions -= np.floor(positions @ np.linalg.inv(cell)) @ cell  # wrapped: the pair is split
    species = np.tile(WATER_SPECIES, 2)
    bonds = find_bonds(positions, species, cell, ALL)
    assert len(bonds.pairs) == 4
    found = find_contacts(positions, cell, ALL, bonds.pairs, 2.0)
    seen = zip(found.distances, found.classes, strict=True)
    pairs = dict(zip(map(tuple, found.pairs.tolist()), seen, strict=True))
    assert pairs[1, 3][0] == pytest.approx(gap) and pairs[1, 3][1] == FURTHER
    assert pairs[1, 2][1] == TWO_BONDS and pairs[4, 5][1] == TWO_BONDS
    assert not {(0, 1), (0, 2), (3, 4), (3, 5)} & set(pairs)


def test_shortest_contacts_leave_bonds_out_and_keep_classes_apart():
    def pair_of_waters(gap):
        above = np.array([0.0, 0.0, gap])
        return Structure(
            positions=np.concatenate([WATER, WATER + above]),
            species=np.tile(WATER_SPECIES, 2),
        )

    table = shortest_contacts([pair_of_waters(3.1), pair_of_waters(2.8)])
    h, o = np.array([1]), np.array([8])
    far, near = np.array([FURTHER]), np.array([TWO_BONDS])
    assert table.elements.tolist() == [1, 8]
    assert table.of(o, o, far) == pytest.approx(2.8)
    assert table.of(h, o, far) == table.of(o, h, far) == pytest.approx(np.hypot(0.96, 2.8))
    assert table.of(h, h, near) == pytest.approx(np.linalg.norm(WATER[1] - WATER[2]))
    assert table.of(o, o, near) == table.radius  # never seen
    assert table.as_dict()["not bonded"]["O-O"] == pytest.approx(2.8)


def test_an_element_without_data_is_named():
    table = shortest_contacts([Structure(positions=WATER, species=WATER_SPECIES)])
    with pytest.raises(ValueError, match="element N is not in the data"):
        table.of(np.array([7]), np.array([1]), np.array([FURTHER]))
    with pytest.raises(ValueError, match="0 structures"):
        shortest_contacts([])


@pytest.mark.case
@pytest.mark.parametrize("metal", ["Li", "Na", "K", "Mg", "Ca", "Zn", "Al", "Fe"])
@pytest.mark.parametrize("cell", [np.diag([9.0, 9.0, 9.0]), np.diag([3.5, 9.0, 9.0])])
def test_a_metal_at_a_carbonyl_oxygen_is_not_bonded(metal, cell):
    atoms = molecule("H2CO")
    atoms += Atoms(metal, [atoms.positions[0] + [0.0, 0.0, 1.8]])
    alone = find_bonds(atoms.positions[:4], atoms.numbers[:4], cell, ALL)
    found = find_bonds(atoms.positions, atoms.numbers, cell, ALL)
    tracker = BondTracker(atoms.numbers)
    tracker.update(atoms.positions, cell, ALL)
    assert len(alone.pairs) == 3
    assert found.pairs.tolist() == tracker.pairs.tolist() == alone.pairs.tolist()


@pytest.mark.parametrize("cell", [7.0, 30.0])
def test_atoms_of_a_metal_are_single(cell):
    positions = np.random.default_rng(0).uniform(0.0, 7.0, (20, 3))
    tracker = BondTracker(np.full(20, 13))
    for shift in (0.0, 0.3):
        changes = tracker.update(positions + shift, cell * np.eye(3), ALL)
        assert not len(tracker.pairs) and not len(changes.formed)
    assert not len(find_bonds(positions, np.full(20, 13), cell * np.eye(3), ALL).pairs)


@pytest.mark.parametrize(("centre", "distance"), [("As", 1.72), ("Sb", 1.88), ("P", 1.6)])
def test_fluorides_of_metalloids_stay_whole(centre, distance):
    arms = distance * np.concatenate([np.eye(3), -np.eye(3)])
    atoms = Atoms(f"{centre}F6", [np.zeros(3), *arms])
    assert len(find_bonds(atoms.positions, atoms.numbers, 12.0 * np.eye(3), ALL).pairs) == 6
