"""Two rigid ions: distances, orientations without multipoles, contacts; one above a cluster."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from physrep.io.structures.total_charge import state_charge
from physrep.probes.rigid_ions import (
    CONTACT_GAP,
    N_ORIENTATIONS,
    IonScan,
    above,
    contact_distances,
    ion_pair,
    point_charges,
)


def charged(name: str, charge: float) -> Atoms:
    atoms = molecule(name)
    state_charge(atoms, charge)
    return atoms


@pytest.fixture(name="pair", scope="module")
def _pair():
    first, second = charged("CH3CH2NH2", 1.0), charged("HCOOH", -1.0)
    return ion_pair(first, second, np.array([1.0, 3.0, 9.0, 15.0]), np.random.default_rng(0))


def test_ions_are_rigid_at_their_distance_and_state_their_charge(pair):
    n = len(pair.first)
    for row in pair.structures:
        for distance, atoms in zip(pair.distances, row, strict=True):
            if atoms is None:
                continue
            parts = atoms[:n], atoms[n:]
            for part, alone in zip(parts, (pair.first, pair.second), strict=True):
                assert np.allclose(part.get_all_distances(), alone.get_all_distances())
            centres = [part.get_center_of_mass() for part in parts]
            assert np.allclose(centres[1] - centres[0], [0.0, 0.0, distance])
            assert atoms.info["charge"] == 0.0 and not atoms.pbc.any()


def test_ions_that_overlap_are_left_out(pair):
    assert all(row[0] is None for row in pair.structures)
    assert all(atoms is not None for row in pair.structures for atoms in row[2:])
    n = len(pair.first)
    reach = contact_distances(pair.first.numbers[:, None], pair.second.numbers)
    for row in pair.structures:
        for atoms in row[1:]:
            assert atoms is None or (atoms.get_all_distances()[:n, n:] >= reach).all()


def test_contacts_are_those_of_nonmetals_and_of_salts():
    assert contact_distances(1, 8) == pytest.approx(0.31 + 0.66 + CONTACT_GAP)
    assert contact_distances(11, 17) == pytest.approx(1.66 + 1.02)  # rock salt: 2.82


def test_the_mean_of_six_orientations_holds_no_multipole_up_to_the_octupole(pair):
    """A charge in place of one ion: the energy with any distribution of charges in the other is on
    average that of its sum at the centre, but for terms of degree 4 and more: (2 A / 15 A)^4.
    """
    rng, n = np.random.default_rng(1), len(pair.first)
    charges = rng.normal(size=n)
    offsets = [row[-1].positions[:n] - row[-1][:n].get_center_of_mass() for row in pair.structures]
    apart = [np.linalg.norm(one - [0.0, 0.0, 15.0], axis=1) for one in offsets]
    energies = np.array([(point_charges(1.0, r) * charges).sum() for r in apart])
    point = float(point_charges(charges.sum(), np.array(15.0)))
    assert np.ptp(energies) > 0.05
    assert energies.mean() == pytest.approx(point, abs=2e-3 * np.ptp(energies))


def test_the_second_ion_shows_six_directions_too(pair):
    n = len(pair.first)
    seen = []
    for row in pair.structures:
        place = row[-1].positions[n:]
        seen.append((place[1] - place[0])[2])
    assert sum(seen) == pytest.approx(0.0, abs=1e-10)
    assert (np.array(seen) ** 2).sum() == pytest.approx(2.0 * pair.second.get_distance(0, 1) ** 2)


def test_where_a_scan_becomes_blind():
    distances, none = np.array([4.0, 6.0, 8.0]), np.zeros((1, 3))
    energies = {
        6.0: [[-1.0, 1e-5, -1e-5]],
        8.0: [[-1.0, 0.5, 0.0]],
        np.inf: [[-1.0, 0.5, -0.1]],
        4.0: [[0.0, 0.0, 0.0]],
    }
    for start, row in energies.items():
        assert IonScan(distances, np.array(row), none).blind_from(1e-3) == start
    missing = IonScan(distances, np.array([[-1.0, np.nan, np.nan]]), none)
    assert missing.blind_from(1e-3) == np.inf


def test_an_ion_stands_above_a_cluster():
    cluster, ion = charged("C6H6", 0.0), charged("HCOOH", -1.0)
    places = above(cluster, ion, 3.0, np.random.default_rng(0))
    assert len(places) == N_ORIENTATIONS
    for atoms in places:
        n = len(cluster)
        gaps = atoms.get_all_distances()[:n, n:]
        assert 3.0 <= gaps.min() < 3.06
        assert np.allclose(atoms[:n].get_all_distances(), cluster.get_all_distances())
        assert atoms.info["charge"] == -1.0
