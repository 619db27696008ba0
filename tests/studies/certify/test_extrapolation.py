"""Known surroundings are near, new ones far; a committee's deviation is that of its forces."""

import numpy as np
import pytest
from ase import Atoms
from calculators import Wrong, argon, smooth_lj

from physrep.analysis.structure.environments import fingerprints, surroundings
from physrep.checkpoint import save_checkpoint
from physrep.engines.ase import PhysRepCalculator
from physrep.io import Structure
from physrep.studies.certify.extrapolation import (
    committee_check,
    extrapolation_part,
    guard_check,
    visited_frames,
)
from physrep.studies.certify.levels import LEVELS
from physrep.studies.certify.survival import Run, survival_run
from physrep.studies.certify.task import Task


def frame(amplitude: float, seed: int, scale: float = 1.0) -> Structure:
    atoms = argon()
    atoms.rattle(amplitude, seed=seed)
    cell = atoms.cell.array * scale
    return Structure(atoms.positions * scale, atoms.numbers, cell, True)


@pytest.fixture(name="data", scope="module")
def _data() -> list[Structure]:
    return [frame(0.1, seed) for seed in range(20)]


def test_fingerprints_know_no_frame_of_reference():
    rng = np.random.default_rng(1)
    atoms = Atoms("OH2N", rng.uniform(0.0, 2.5, (4, 3)))
    elements = np.array([1, 7, 8])
    expected = fingerprints(Structure(atoms.positions, atoms.numbers), elements)
    turned = atoms.copy()
    turned.rotate(50.0, (1.0, 2.0, 3.0))
    turned.positions += 3.0
    found = fingerprints(Structure(turned.positions, turned.numbers), elements)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    order = [3, 1, 0, 2]
    found = fingerprints(Structure(atoms.positions[order], atoms.numbers[order]), elements)
    np.testing.assert_allclose(found, expected[order], atol=1e-10)


def test_fingerprint_of_one_neighbor_is_the_equation():
    found = fingerprints(Structure([[0, 0, 0], [0, 0, 2.0]], [18, 18]), np.array([18]))
    centers = np.arange(0.8, 4.8, 0.2)
    f = 0.5 * (1.0 + np.cos(np.pi * 2.0 / 4.8))
    np.testing.assert_allclose(found[0], f * np.exp(-0.5 * ((2.0 - centers) / 0.2) ** 2))


def test_what_is_like_the_data_is_near_and_what_is_not_is_far(data):
    known = surroundings(data, [18])
    alike = np.concatenate([known.distances(frame(0.1, 100 + k)) for k in range(5)])
    assert (alike > 1.0).mean() < 0.05
    assert (known.distances(frame(0.1, 100, scale=0.85)) > 1.0).mean() > 0.9
    assert known.distances(data[3]).max() < 1e-5


def test_too_little_data_is_said(data):
    with pytest.raises(ValueError, match="2 structures: give at least 5"):
        surroundings(data[:2], [18])
    with pytest.raises(ValueError, match="element 8"):
        surroundings(data, [8])


def task_and_runs(data, **more) -> tuple[Task, list[Run]]:
    task = Task(smooth_lj(), argon(), LEVELS["quick"], data, **more)
    run = survival_run(smooth_lj(), argon(), task.contacts(), 60.0, duration=0.1, seed=1)
    return task, [run]


def test_the_part_on_runs_near_their_data(data):
    part = extrapolation_part(*task_and_runs(data))
    checks = {check.name.removeprefix("extrapolation: "): check for check in part.checks}
    assert checks["contacts"].value > 0.9 and "in the data" in checks["contacts"].note
    assert checks["committee"].verdict == "skipped" and len(part.figures) == 1
    assert set(checks) == {
        "contacts",
        "bonds",
        "surroundings",
        "furthest surroundings",
        "guard, runs",
        "guard, data",
        "committee",
    }
    assert checks["guard, data"].verdict == "skipped" and "no short" in checks["guard, data"].note


def test_without_data_or_runs_it_is_said():
    (contacts, *_) = extrapolation_part(*task_and_runs([])).checks
    assert contacts.verdict == "skipped" and "--reference" in contacts.note
    empty = Task(smooth_lj(), argon(), LEVELS["quick"], [])
    assert {check.verdict for check in extrapolation_part(empty, []).checks} == {"skipped"}


@pytest.mark.case
def test_frames_in_which_the_guard_acts_are_named(exports, tmp_path):
    checkpoint = exports.checkpoint()
    checkpoint.potential.shortest_distances.fill_(1.2)
    save_checkpoint(checkpoint, tmp_path / "one.ckpt")
    calculator = PhysRepCalculator(tmp_path / "one.ckpt", "cpu")
    frames = [Structure([[0, 0, 0], [0, 0, d]], [8, 1]) for d in (1.3, 1.05, 1.2, 1.06)]
    task = Task(calculator, frames[0].to_ase(), LEVELS["quick"], frames)
    check = guard_check(task, "data", frames)
    assert (check.value, check.verdict) == (0.5, "warn")
    assert check.note == (
        "acts in 2 of 4 frames; frame 1: atoms 0 and 1 (O-H), 1.050 A apart; the guard acts below "
        "1.080 A; frame 3: atoms 0 and 1 (O-H), 1.060 A apart; the guard acts below 1.080 A"
    )
    assert guard_check(task, "data", frames[:1]).verdict == "pass"


def test_deviation_of_a_committee(data):
    """Forces f and 3 f: the deviation of two members is sqrt(2) f for each component."""
    tripled = Wrong(lambda atoms, energy, forces: (energy, 3.0 * forces))
    task, runs = task_and_runs(data, committee=(tripled,))
    frames = visited_frames(task, runs)
    forces = np.array([smooth_lj().get_forces(one.to_ase()) for one in frames])
    check = committee_check(task, frames)
    assert check.value == pytest.approx(np.sqrt(2.0 * (forces**2).mean()), rel=1e-6)
