"""PotentialGuard stops a run that has left the data, and keeps the frames."""

import copy

import ase.io
import numpy as np
import openmm
import pytest
from ean_systems import SYSTEMS
from openmm import app, unit
from openmm_forces import bare_system

from physrep.engines.export import export_potential
from physrep.engines.openmm import (
    GuardStop,
    PotentialGuard,
    add_potential,
    topology_from_atoms,
)
from physrep.units import NM_IN_ANGSTROM

SHORTEST = 0.9  # A, of all pairs


@pytest.fixture(name="file", scope="module")
def _file(exports, tmp_path_factory):
    checkpoint = copy.deepcopy(exports.checkpoint())
    checkpoint.potential.shortest_distances.fill_(SHORTEST)
    path = tmp_path_factory.mktemp("guard") / "ean.pt"
    export_potential(checkpoint, path, dtype="float64", ops="portable")
    return path


def simulation_of(file, atoms, step_fs: float = 0.25) -> app.Simulation:
    topology, system = topology_from_atoms(atoms), bare_system(atoms)
    add_potential(system, topology, file)
    integrator = openmm.VerletIntegrator(step_fs * unit.femtosecond)
    platform = openmm.Platform.getPlatformByName("Reference")
    simulation = app.Simulation(topology, system, integrator, platform)
    simulation.context.setPositions(atoms.positions / NM_IN_ANGSTROM)
    return simulation


def test_a_sound_run_passes(file, tmp_path):
    simulation = simulation_of(file, SYSTEMS["pair"]())
    guard = PotentialGuard(file, 5, max_force=1e6, output=tmp_path / "guard")
    simulation.reporters.append(guard)
    with guard:
        simulation.step(20)
    assert guard.last_good.step == 20
    assert not list(tmp_path.iterdir())


def test_a_contact_below_the_data_stops_the_run_and_both_frames_are_kept(file, tmp_path):
    atoms = SYSTEMS["pair"]()
    simulation = simulation_of(file, atoms)
    simulation.reporters.append(PotentialGuard(file, 1, max_force=1e9, output=tmp_path / "guard"))
    simulation.step(3)
    positions = atoms.positions.copy()
    positions[2] = positions[9] + [0.0, 0.0, 0.3]
    simulation.context.setPositions(positions / NM_IN_ANGSTROM)
    message = (
        r"stopped at step 4 \(0.001 ps\): atoms 2 \(\w\) and 9 \(\w\).*far nearer than .*bad frame "
        r"\(step 4\) in .*guard-bad.extxyz, last good frame \(step 3\) in .*guard-last-good.extxyz"
    )
    with pytest.raises(GuardStop, match=message):
        simulation.step(10)
    bad, good = (ase.io.read(tmp_path / f"guard-{kind}.extxyz") for kind in ("bad", "last-good"))
    assert (bad.info["step"], good.info["step"]) == (4, 3)
    assert bad.get_distance(2, 9) < SHORTEST / 2
    assert np.abs(good.positions - atoms.positions).max() < 0.05
    assert np.isfinite(good.get_forces()).all() and np.isfinite(good.get_potential_energy())


def test_a_force_above_the_limit_names_the_atom(file, tmp_path):
    simulation = simulation_of(file, SYSTEMS["pair"]())
    simulation.reporters.append(PotentialGuard(file, 2, max_force=1.0, output=tmp_path / "guard"))
    with pytest.raises(GuardStop, match=r"at step 2 .*the force on atom \d+ \(\w, .*limit 1\)"):
        simulation.step(10)
    assert (tmp_path / "guard-bad.extxyz").is_file()


def test_only_the_atoms_of_the_potential_are_looked_at(file, tmp_path):
    atoms = SYSTEMS["pair"]()
    simulation = simulation_of(file, atoms)
    forces = simulation.context.getState(getForces=True).getForces(asNumpy=True)._value
    calm = np.argsort(np.linalg.norm(forces, axis=1))[:3]
    limit = 2.0 * np.linalg.norm(forces[calm], axis=1).max()
    assert np.linalg.norm(forces, axis=1).max() > 2 * limit
    guard = PotentialGuard(file, 1, limit, atoms=calm, output=tmp_path / "guard")
    simulation.reporters.append(guard)
    simulation.step(1)


@pytest.mark.case
def test_a_run_that_openmm_ends_keeps_its_last_good_frame(file, tmp_path):
    atoms = SYSTEMS["pair"]()
    simulation = simulation_of(file, atoms)
    guard = PotentialGuard(file, 2, max_force=1e9, output=tmp_path / "guard")
    simulation.reporters.append(guard)
    velocities = np.zeros((15, 3))
    velocities[3, 1] = np.nan
    simulation.step(4)
    simulation.context.setVelocities(velocities)
    with pytest.raises(openmm.OpenMMException, match=r"NaN or infinity: .*atom 3") as caught, guard:
        simulation.step(4)
    assert "last good frame (step 4) in" in caught.value.__notes__[0]
    assert ase.io.read(tmp_path / "guard-last-good.extxyz").info["step"] == 4
