"""Bonds with hysteresis: any image, any cell, any order of atoms; no flips within the band."""

import numpy as np
import pytest
from ase.data import covalent_radii

from physrep.analysis.chemistry.bond_tracking import (
    BondTracker,
    molecules,
)
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.covalent import BREAK_FACTOR, FORM_FACTOR

CUBE = 12.0 * np.eye(3)
TRICLINIC = np.array([[12.0, 0.0, 0.0], [5.0, 11.0, 0.0], [-4.0, 3.0, 10.0]])
SMALL = np.array([[3.6, 0.0, 0.0], [1.0, 3.5, 0.0], [0.5, -0.6, 3.7]])
ALL, NONE = np.ones(3, bool), np.zeros(3, bool)
NH, OH, NO = covalent_radii[7] + covalent_radii[1], covalent_radii[8] + covalent_radii[1], 1.37


def liquid(seed: int, cell: np.ndarray, n_atoms: int = 60):
    """Random atoms that wander: bonds form and break in nearly every frame."""
    rng = np.random.default_rng(seed)
    species = rng.choice([1, 6, 7, 8], n_atoms)
    start = rng.uniform(size=(n_atoms, 3)) @ cell
    steps = (
        rng.normal(size=(40, n_atoms, 3))
        * np.where(np.arange(40) % 10 == 9, 0.8, 0.1)[:, None, None]
    )
    return species, start + np.cumsum(steps, axis=0)


def histories(species, frames, cell, pbc=ALL):
    tracker = BondTracker(species)
    found = []
    for positions in frames:
        changes = tracker.update(positions, cell, pbc)
        found.append((tracker.pairs.tolist(), changes.formed.tolist(), changes.broken.tolist()))
    return found


def brute_force(species, frames, cell):
    """The rules without lists of near pairs, for atoms without hydrogen."""
    images = np.array([[a, b, c] for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)])
    radii, state, found = covalent_radii[species], None, []
    for positions in frames:
        wrapped = positions - np.floor(positions @ np.linalg.inv(cell)) @ cell
        vectors = wrapped[:, None, None] - wrapped[None, :, None] + images @ cell
        ratios = np.linalg.norm(vectors, axis=-1).min(axis=-1) / (radii[:, None] + radii)
        if state is None:
            state = ratios < 1.25
        state = np.where(state, ratios < BREAK_FACTOR, ratios < FORM_FACTOR)
        found.append(np.argwhere(np.triu(state, 1)).tolist())
    return found


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC, SMALL], ids=["cube", "triclinic", "small"])
def test_equal_to_brute_force(cell):
    n_atoms = 60 if cell is not SMALL else 3
    species, frames = liquid(3, cell, n_atoms)
    species[species == 1] = 6
    found = [pairs for pairs, _, _ in histories(species, frames, cell)]
    assert found == brute_force(species, frames, cell)


@pytest.mark.parametrize("cell", [CUBE, TRICLINIC], ids=["cube", "triclinic"])
@pytest.mark.parametrize("seed", [0, 1])
def test_wrapping_and_images_do_not_matter(cell, seed):
    species, frames = liquid(seed, cell)
    expected = histories(species, frames, cell)
    assert sum(len(formed) + len(broken) for _, formed, broken in expected) > 20
    wrapped = frames - np.floor(frames @ np.linalg.inv(cell)) @ cell
    rng = np.random.default_rng(seed)
    scattered = frames + rng.integers(-2, 3, frames.shape) @ cell
    assert histories(species, wrapped, cell) == expected
    assert histories(species, scattered, cell) == expected


def test_order_of_atoms_does_not_matter():
    species, frames = liquid(5, TRICLINIC)
    order = np.random.default_rng(0).permutation(len(species))
    place = np.argsort(order)
    expected = [
        sorted(sorted(place[pair].tolist()) for pair in pairs)
        for pairs, _, _ in histories(species, frames, TRICLINIC)
    ]
    found = [pairs for pairs, _, _ in histories(species[order], frames[:, order], TRICLINIC)]
    assert found == expected


def test_changes_lead_from_frame_to_frame():
    species, frames = liquid(7, CUBE)
    bonds: set[tuple[int, int]] = set()
    for k, (pairs, formed, broken) in enumerate(histories(species, frames, CUBE)):
        now = set(map(tuple, pairs))
        if k:
            assert set(map(tuple, formed)) == now - bonds and set(map(tuple, broken)) == bonds - now
        else:
            assert formed == broken == []
        bonds = now


def test_a_changing_cell_is_followed():
    species, frames = liquid(11, CUBE)
    scales = 1.0 + 0.03 * np.sin(np.arange(len(frames)))
    tracker = BondTracker(np.where(species == 1, 6, species))
    for scale, positions in zip(scales, frames, strict=True):
        tracker.update(scale * positions, scale * TRICLINIC, ALL)
        fresh = find_bonds(scale * positions, tracker.species, scale * TRICLINIC, ALL, FORM_FACTOR)
        assert set(map(tuple, fresh.pairs.tolist())) <= set(map(tuple, tracker.pairs.tolist()))


def pair_history(species, distances, pbc=NONE):
    tracker, bonded = BondTracker(np.array(species)), []
    for distance in distances:
        positions = np.array([[0.0, 0.0, 0.0], [distance, 0.0, 0.0]])
        tracker.update(positions, np.zeros((3, 3)), pbc)
        bonded.append(len(tracker.pairs) == 1)
    return bonded


def test_hysteresis_never_flips_within_the_band():
    inside = NO * np.random.default_rng(0).uniform(FORM_FACTOR + 1e-6, BREAK_FACTOR - 1e-6, 200)
    assert all(pair_history([7, 8], [1.25, *inside]))
    assert not any(pair_history([7, 8], [3.0, *inside]))


def test_a_bond_breaks_above_and_forms_below_the_thresholds():
    below, above = 0.999, 1.001
    distances = [1.25, BREAK_FACTOR * NO * below, BREAK_FACTOR * NO * above]
    distances += [FORM_FACTOR * NO * above, FORM_FACTOR * NO * below]
    assert pair_history([7, 8], distances) == [True, True, False, False, True]
    assert pair_history([7, 8], [1.25, 50.0, 1.25]) == [True, False, True]  # out of any list


def bridge(nh, no=2.5):
    """N-H...O on a line."""
    return np.array([[0.0, 0.0, 0.0], [nh, 0.0, 0.0], [no, 0.0, 0.0]])


def bridge_history(distances, no=2.5):
    tracker, found = BondTracker(np.array([7, 1, 8])), []
    for nh in distances:
        tracker.update(bridge(nh, no), np.zeros((3, 3)), NONE)
        found.append(tracker.pairs.tolist())
    return found


def test_a_hydrogen_has_one_bond_and_keeps_it_in_a_bridge():
    n, o = [[0, 1]], [[1, 2]]
    swings = [1.03, 1.25, 1.35, 1.38, 1.2]  # O-H down to 1.12
    assert bridge_history(swings) == [n] * 5
    assert bridge_history([1.03, 1.40, 1.25, 1.20, 1.35, 1.10]) == [n, o, o, o, o, n]
    # So near to both that each would bond: it stays where it was.
    assert bridge_history([1.03, 1.12, 1.17, 1.12], no=2.25) == [n, n, n, n]


@pytest.mark.parametrize("nh", [1.03, 1.27, 1.34])
def test_the_first_frame_gives_a_stretched_proton_to_the_nearest(nh):
    (found,) = bridge_history([nh])
    assert found == ([[0, 1]] if nh / NH < (2.5 - nh) / OH else [[1, 2]])


def test_molecules_are_counted_by_their_lowest_atom():
    assert molecules([[1, 4], [2, 3]], 6).tolist() == [0, 1, 2, 2, 1, 3]
    assert molecules([], 2).tolist() == [0, 1]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"form=1.5, break_=1.2"):
        BondTracker(np.array([1]), 1.5, 1.2)
    tracker = BondTracker(np.array([1, 8]))
    with pytest.raises(ValueError, match=r"shape \(3, 3\).*need \(2, 3\)"):
        tracker.update(np.zeros((3, 3)), CUBE, ALL)
    with pytest.raises(ValueError, match=r"atom 1 is at \[nan"):
        tracker.update(np.array([[0.0, 0, 0], [np.nan, 0, 0]]), CUBE, ALL)
