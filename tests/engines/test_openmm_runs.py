"""Runs in OpenMM: restarts, constant pressure."""

import numpy as np
import openmm
import pytest
from ase import Atoms
from ean_systems import SYSTEMS
from openmm import unit
from openmm_forces import FORCES, bare_system

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.engines.openmm import add_potential, topology_from_atoms
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

BAR, KELVIN = 1000.0, 300.0  # a pressure at which boxes change within a few moves


def context_of(system, integrator, positions=None) -> openmm.Context:
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, integrator, platform)
    if positions is not None:
        context.setPositions(positions)
    return context


def motion_of(context: openmm.Context) -> tuple[np.ndarray, np.ndarray]:
    state = context.getState(getPositions=True, getVelocities=True)
    return state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value


def langevin_run(system, atoms):
    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, 5e-4)
    context = context_of(system, integrator, atoms.positions / NM_IN_ANGSTROM)
    context.getState(getEnergy=True)  # TorchScript's first call rounds otherwise than later ones
    context.setVelocitiesToTemperature(KELVIN, 1)
    return context


@pytest.mark.parametrize("force", FORCES)
def test_a_run_from_a_checkpoint_is_the_same_bit_for_bit(exports, force):
    atoms = SYSTEMS["pair"]()
    system = bare_system(atoms)
    system.addForce(force(exports.pt("pair")))
    first, second = langevin_run(system, atoms), langevin_run(system, atoms)
    first.getIntegrator().step(5)
    saved = first.createCheckpoint()
    first.getIntegrator().step(5)
    second.loadCheckpoint(saved)
    second.getIntegrator().step(5)
    for one, other in zip(motion_of(first), motion_of(second), strict=True):
        assert np.array_equal(one, other)


def test_a_run_from_saved_xml_is_the_same_bit_for_bit(exports):
    atoms = SYSTEMS["pair"]()
    system = bare_system(atoms)
    add_potential(system, topology_from_atoms(atoms), exports.pt(None))
    first = context_of(system, openmm.VerletIntegrator(5e-4), atoms.positions / NM_IN_ANGSTROM)
    first.setVelocitiesToTemperature(KELVIN, 1)
    first.getIntegrator().step(3)
    state = first.getState(getPositions=True, getVelocities=True)
    written = [openmm.XmlSerializer.serialize(one) for one in (system, state)]
    first.getIntegrator().step(3)
    system, state = (openmm.XmlSerializer.deserialize(text) for text in written)
    second = context_of(system, openmm.VerletIntegrator(5e-4))  # reads the file again
    second.setState(state)
    second.getIntegrator().step(3)
    assert np.array_equal(motion_of(first), motion_of(second))


BAROSTATS = {
    "isotropic": lambda: openmm.MonteCarloBarostat(BAR, KELVIN, 1),
    "anisotropic": lambda: openmm.MonteCarloAnisotropicBarostat(
        openmm.Vec3(BAR, BAR, BAR), KELVIN, True, True, True, 1
    ),
    "flexible": lambda: openmm.MonteCarloFlexibleBarostat(BAR, KELVIN, 1),
    "membrane": lambda: openmm.MonteCarloMembraneBarostat(
        BAR,
        0.0,
        KELVIN,
        openmm.MonteCarloMembraneBarostat.XYIsotropic,
        openmm.MonteCarloMembraneBarostat.ZFree,
        1,
    ),
}


def few_atoms() -> Atoms:
    """Two ion pairs in a box of their own."""
    pair = SYSTEMS["pair"]()
    pair.center(vacuum=2.0)
    pair.pbc = True
    return pair.repeat((1, 1, 2))


@pytest.fixture(name="few", scope="module")
def _few(exports, tmp_path_factory):
    """A file that is bound to :func:`few_atoms`."""
    path = tmp_path_factory.mktemp("few") / "few.pt"
    export_potential(exports.checkpoint(), path, few_atoms(), "float64", ops="portable")
    return path


@pytest.mark.parametrize("force", FORCES)
@pytest.mark.parametrize("barostat", BAROSTATS)
def test_constant_pressure(exports, few, barostat, force):
    """After moves of the box the energy is that of the box that is there, as ASE computes it."""
    atoms = few_atoms()
    system = bare_system(atoms)
    system.addForce(force(few, topology_from_atoms(atoms)))
    made = BAROSTATS[barostat]()
    made.setRandomNumberSeed(1)
    system.addForce(made)
    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, 2.5e-4)
    integrator.setRandomNumberSeed(1)
    context = context_of(system, integrator, atoms.positions / NM_IN_ANGSTROM)
    context.setVelocitiesToTemperature(KELVIN, 1)
    integrator.step(15)
    state = context.getState(getPositions=True, getEnergy=True)
    box = NM_IN_ANGSTROM * state.getPeriodicBoxVectors(asNumpy=True)._value
    assert np.abs(box - atoms.cell.array).max() > 0.01
    atoms.set_cell(box)
    atoms.positions = NM_IN_ANGSTROM * state.getPositions(asNumpy=True)._value
    atoms.calc = PhysRepCalculator(exports.pt(None))
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) / EV_IN_KJ_PER_MOL
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-8)
