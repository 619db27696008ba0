"""MLPotential("physrep"): whole systems, and a part of a system in a force field."""

import subprocess
import sys

import numpy as np
import openmm
import pytest
from ean_systems import SYSTEMS
from openmm import app, unit
from openmmml import MLPotential
from repository import REPOSITORY
from test_add_potential import started
from test_openmm import assert_agree, eager, energy_and_forces

from physrep.engines.metadata import ExportError
from physrep.engines.openmm import topology_from_atoms
from physrep.units import EV_IN_KJ_PER_MOL


@pytest.mark.parametrize("name", ["box", "pair"])
def test_create_system(exports, name):
    atoms = SYSTEMS[name]()
    potential = MLPotential("physrep", model=exports.pt(None))
    system = potential.createSystem(topology_from_atoms(atoms))
    found = energy_and_forces(started(system, atoms))
    assert_agree(found, eager(exports, atoms, "float64"), len(atoms), 1e-8)


@pytest.fixture(name="in_water", scope="module")
def _in_water():
    """The ion pair in TIP3P: its atoms, the Modeller, and a System of force fields alone."""
    pair, edge = SYSTEMS["pair"](), openmm.Vec3(2.0, 2.0, 2.0)
    pair.positions += 10.0 - pair.positions.mean(axis=0)
    field = app.ForceField("tip3p.xml", str(REPOSITORY / "md_examples" / "ean_ions.xml"))
    modeller = app.Modeller(topology_from_atoms(pair), pair.positions * unit.angstrom)
    modeller.addSolvent(field, boxSize=edge * unit.nanometer)
    modeller.topology.setPeriodicBoxVectors(2.1 * np.eye(3) * unit.nanometer)
    return pair, modeller, field.createSystem(modeller.topology, app.PME, 0.9 * unit.nanometer)


def context_of(system: openmm.System, modeller: app.Modeller) -> openmm.Context:
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, openmm.VerletIntegrator(2.5e-4), platform)
    context.setPositions(modeller.positions)
    return context


def energy_of(context: openmm.Context, groups=-1) -> float:
    """eV."""
    state = context.getState(getEnergy=True, groups=groups)
    return state.getPotentialEnergy()._value / EV_IN_KJ_PER_MOL


def test_create_mixed_system(exports, in_water):
    """The potential's part of the energy is that of the ions alone, and MD runs."""
    pair, modeller, field = in_water
    potential = MLPotential("physrep", model=exports.pt(None))
    system = potential.createMixedSystem(modeller.topology, field, range(15), forceGroup=1)
    context = context_of(system, modeller)
    expected = eager(exports, pair, "float64")[0]
    assert energy_of(context, {1}) == pytest.approx(expected, abs=1e-8)
    context.getIntegrator().step(5)
    assert np.isfinite(energy_of(context))


def test_create_mixed_system_between_field_and_potential(exports, in_water):
    _, modeller, field = in_water
    potential = MLPotential("physrep", model=exports.pt(None))
    arguments = modeller.topology, field, range(15)
    context = context_of(potential.createMixedSystem(*arguments, interpolate=True), modeller)
    mixed = context_of(potential.createMixedSystem(*arguments), modeller)
    for share, other in ((1.0, mixed), (0.0, context_of(field, modeller))):
        context.setParameter("lambda_interpolate", share)
        assert energy_of(context) == pytest.approx(energy_of(other), abs=0.01)  # single precision


def test_the_box_and_the_topology_of_the_file_are_compared(exports):
    atoms = SYSTEMS["box"]()
    potential = MLPotential("physrep", model=str(exports.pt("box")))
    with pytest.raises(ExportError, match="exported for 225 atoms, the topology has 11"):
        potential.createSystem(topology_from_atoms(atoms[:11]))
    system = openmm.System()
    for mass in atoms.get_masses():
        system.addParticle(mass)
    with pytest.raises(ExportError, match="box is 2 x 2 x 2 nm, what OpenMM takes"):
        potential.createMixedSystem(topology_from_atoms(atoms), system, range(225))


@pytest.mark.parametrize(
    ("arguments", "received"),
    [({}, "received nothing"), ({"path": "x.pt"}, "received path='x.pt'")],
)
def test_says_what_it_wants(arguments, received):
    with pytest.raises(ValueError, match=received + r": give the exported file and nothing else"):
        MLPotential("physrep", **arguments)


def test_openmmml_does_not_pay_for_torch():
    code = "import openmmml, sys; print('torch' in sys.modules, 'physrep' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
