"""The watch finds what goes wrong, when, and where; and nothing where nothing does."""

import json

import numpy as np
import pytest

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.stability.soundness import Limits, StabilityWatch, mean_lengths
from physrep.analysis.structure.contacts import shortest_contacts
from physrep.io import Structure

CELL, PBC = 12.0 * np.eye(3), np.ones(3, bool)
N_DOF, TARGET = 300, 300.0
SIGMA = TARGET * np.sqrt(2.0 / N_DOF)
# Ammonium-like cation (N H H H H) and nitrate-like anion (N O O O), 5 A apart.
NH4 = 1.03 * np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
NH4[0] = 0.0
ANGLES = np.radians([0.0, 120.0, 240.0])
NO3 = np.zeros((4, 3))
NO3[1:, :2] = 1.25 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
X = np.array([1.0, 0.0, 0.0])
POSITIONS = np.concatenate([NH4, NO3 + 5.0 * X])
SPECIES = np.array([7, 1, 1, 1, 1, 7, 8, 8, 8])


def make_watch(**options) -> StabilityWatch:
    # The data: the same pair with the ions 4 A apart at the nearest.
    data = [Structure(np.concatenate([NH4, NO3 + x * X]), SPECIES, CELL, PBC) for x in (4.0, 5.0)]
    bonds = find_bonds(POSITIONS, SPECIES, CELL, PBC)
    assert len(bonds.pairs) == 7
    contacts = shortest_contacts(data)
    return StabilityWatch(SPECIES, CELL, PBC, bonds, contacts, TARGET, N_DOF, **options)


def moved(atom: int, by: list[float]) -> np.ndarray:
    positions = POSITIONS.copy()
    positions[atom] += by
    return positions


def test_a_sound_run():
    watch, rng = make_watch(), np.random.default_rng(0)
    for k in range(1000):
        shaken = POSITIONS + rng.normal(scale=0.03, size=POSITIONS.shape)
        wrapped = shaken + rng.integers(-1, 2, shaken.shape) @ CELL
        assert watch.observe(0.01 * k, wrapped, TARGET + SIGMA * rng.normal()) is None
    result = watch.result()
    assert result.sound and result.first_failure is None and result.n_frames == 1000
    assert 0.02 < result.bond_strain < 0.3 and 0.8 < result.nearest_contact < 1.3
    assert result.mean_temperature == pytest.approx(TARGET, abs=4 * result.mean_temperature_error)
    assert result.mean_temperature_error == pytest.approx(SIGMA / np.sqrt(800), rel=0.3)
    assert json.loads(json.dumps(result.as_dict()))["sound"] is True


def test_a_bond_that_stretches_from_a_known_time_on():
    watch = make_watch()
    for k in range(40):
        time = 0.01 * k
        length = 1.25 + max(0.0, time - 0.2) * 5.0  # beyond 1.3 * 1.25 from t = 0.275 ps on
        watch.observe(time, moved(6, [length - 1.25, 0.0, 0.0]), TARGET)
    failure = watch.result().first_failure
    assert failure.kind == "bond" and failure.atoms == (5, 6)
    assert failure.time == pytest.approx(0.28)
    assert failure.value == pytest.approx(1.65) and failure.limit == pytest.approx(1.625)
    assert "N5 - O6 is 1.65 A long (usually 1.25)" in failure.message


def test_a_short_bond_fails_too_and_names_no_acceptor():
    direction = NH4[1] / np.linalg.norm(NH4[1])
    failure = make_watch().observe(0.0, moved(1, list(-0.4 * direction)), TARGET)
    assert failure.kind == "bond" and failure.limit == pytest.approx(0.7 * 1.03)
    assert "acceptor" not in failure.message and "transfer" not in failure.message


def test_a_proton_transfer_is_named_across_the_boundary():
    positions = POSITIONS.copy()
    positions[6] = positions[0] + NH4[1] / np.linalg.norm(NH4[1]) * 2.5  # the acceptor
    positions[1] = positions[0] + NH4[1] / np.linalg.norm(NH4[1]) * 1.48
    positions[5:] -= [12.0, 0.0, 24.0]
    positions[5] = positions[6] + [0.0, 0.0, 1.25]
    positions[7] = positions[5] + [1.25, 0.0, 0.0]
    positions[8] = positions[5] + [0.0, 0.0, 1.25]
    failure = make_watch().observe(0.5, positions, TARGET)
    assert failure.kind == "bond" and failure.atoms == (0, 1)
    assert "H1 is 1.48 A long" in failure.message
    assert "proton transfer to O6, 1.02 A" in failure.message


def test_a_hydrogen_that_only_leaves_is_no_transfer():
    failure = make_watch().observe(0.5, moved(2, [0.3, -0.3, -0.3]), TARGET)
    assert "; nearest acceptor O" in failure.message


def test_a_close_contact_across_the_boundary():
    watch = make_watch()
    positions = np.concatenate([NH4, NO3 + 3.0 * X])
    positions[5:] += [12.0, -12.0, 0.0]
    failure = watch.observe(1.5, positions, TARGET)
    assert failure.kind == "contact" and failure.time == 1.5
    assert failure.value < failure.limit
    assert "not bonded" in failure.message
    assert watch.result().nearest_contact < 0.8


def test_two_atoms_of_one_ion_that_close_in():
    positions = POSITIONS.copy()
    angle = np.radians(50.0)  # O7 swings from 120 degrees towards O6: 1.06 A instead of 2.17
    positions[7] = positions[5] + 1.25 * np.array([np.cos(angle), np.sin(angle), 0.0])
    failure = make_watch().observe(0.0, positions, TARGET)
    assert failure.kind == "contact" and failure.atoms == (6, 7)
    assert "two bonds apart" in failure.message
    assert failure.value == pytest.approx(2.5 * np.sin(angle / 2))


def test_temperature_beyond_five_sigma_after_equilibration_only():
    watch = make_watch()
    assert watch.observe(1.0, POSITIONS, TARGET + 9 * SIGMA) is None
    assert watch.observe(2.5, POSITIONS, TARGET + 4.9 * SIGMA) is None
    failure = watch.observe(2.6, POSITIONS, TARGET - 5.1 * SIGMA)
    assert failure.kind == "temperature"
    assert failure.limit == pytest.approx(TARGET - 5 * SIGMA)


def test_mean_temperature_is_judged_at_the_end():
    watch = make_watch(limits=Limits(equilibration=0.0))
    for k in range(100):
        assert watch.observe(0.1 * k, POSITIONS, 1.04 * TARGET) is None
    result = watch.result()
    assert result.first_failure.kind == "mean temperature"
    assert result.mean_temperature == pytest.approx(312.0)
    assert "312.0" in result.first_failure.message


def test_a_mean_of_few_frames_or_of_wide_fluctuations_is_not_judged():
    few = make_watch(limits=Limits(equilibration=0.0))
    for k in range(9):
        few.observe(0.1 * k, POSITIONS, 1.04 * TARGET)
    assert few.result().sound and few.result().mean_temperature is None
    wide = make_watch(limits=Limits(equilibration=0.0))
    for k in range(20):  # half of the run warm, half cold: hardly two independent samples
        wide.observe(0.1 * k, POSITIONS, 1.04 * TARGET + (2.0 * SIGMA if k < 10 else -2.0 * SIGMA))
    assert wide.result().sound


def test_a_run_shorter_than_equilibration_is_not_judged_by_temperature():
    watch = make_watch()
    watch.observe(0.1, POSITIONS, 2 * TARGET)
    result = watch.result()
    assert result.sound and result.mean_temperature is None and result.highest_temperature is None


@pytest.mark.parametrize("what", ["position", "temperature", "energy"])
def test_not_finite(what):
    positions = moved(3, [np.nan, 0.0, 0.0]) if what == "position" else POSITIONS
    temperature = np.nan if what == "temperature" else TARGET
    energy = np.inf if what == "energy" else -10.0
    watch = make_watch()
    failure = watch.observe(0.3, positions, temperature, energy)
    assert failure.kind == "not finite"
    assert failure.atoms == ((3,) if what == "position" else ())
    assert not watch.result().sound
    assert json.loads(json.dumps(watch.result().as_dict(), allow_nan=False))["sound"] is False


def test_the_first_failure_is_kept():
    watch = make_watch()
    watch.observe(0.1, moved(6, [0.6, 0.0, 0.0]), TARGET)
    watch.observe(0.2, moved(7, [9.0, 0.0, 0.0]), TARGET)
    assert watch.result().first_failure.time == 0.1


def test_equilibrium_lengths():
    bonds = find_bonds(moved(6, [0.1, 0.0, 0.0]), SPECIES, CELL, PBC)
    means = mean_lengths(SPECIES, bonds)
    np.testing.assert_allclose(means[:4], 1.03)
    np.testing.assert_allclose(means[4:], 1.25 + 0.1 / 3)
    given = make_watch(reference_lengths=np.full(7, 3.0)).observe(0.0, POSITIONS, TARGET)
    assert given.kind == "bond" and given.limit == pytest.approx(2.1)
