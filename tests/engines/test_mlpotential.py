"""MLPotential("physrep"): whole systems, and a part of a system in a force field."""

import subprocess
import sys

import numpy as np
import openmm
import pytest
from ase import Atoms
from ean_systems import SYSTEMS
from openmm import app, unit
from openmmml import MLPotential
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


def water_box(solute: Atoms, edge: float = 24.0):
    """TIP3P water around the solute, which has Lennard-Jones terms and no charges; positions nm."""
    topology = topology_from_atoms(solute)
    modeller = app.Modeller(topology, solute.positions * unit.angstrom)
    water = app.ForceField("tip3p.xml")
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) * (edge / 4) + 3.0
    far = [p for p in grid if np.linalg.norm(solute.positions - p, axis=1).min() > 4.0]
    added, places = app.Topology(), []
    chain = added.addChain()
    for place in far:
        residue = added.addResidue("HOH", chain)
        o, a, b = (
            added.addAtom(n, app.Element.getBySymbol(n[0]), residue) for n in ("O", "H1", "H2")
        )
        added.addBond(o, a), added.addBond(o, b)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        shape = np.array([[0, 0, 0], [0.957, 0, 0], [-0.24, 0.927, 0]])
        places.extend(place + shape @ turn)
    waters = water.createSystem(added, nonbondedMethod=app.NoCutoff, rigidWater=True)
    modeller.add(added, np.array(places) * unit.angstrom)
    return modeller, waters


def field_of(solute: Atoms, modeller, waters) -> openmm.System:
    """A System in which the solute's atoms are Lennard-Jones particles with bonds."""
    n, system = len(solute), openmm.System()
    box = np.eye(3) * 2.4
    modeller.topology.setPeriodicBoxVectors(box * unit.nanometer)
    system.setDefaultPeriodicBoxVectors(*box)
    nonbonded = openmm.NonbondedForce()
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.PME)
    nonbonded.setCutoffDistance(1.0)
    for mass in solute.get_masses():
        system.addParticle(mass)
        nonbonded.addParticle(0.0, 0.3, 0.4)
    source = next(f for f in waters.getForces() if isinstance(f, openmm.NonbondedForce))
    for k in range(waters.getNumParticles()):
        system.addParticle(waters.getParticleMass(k))
        nonbonded.addParticle(*source.getParticleParameters(k))
    for k in range(source.getNumExceptions()):
        i, j, *parameters = source.getExceptionParameters(k)
        nonbonded.addException(n + i, n + j, *parameters)
    for k in range(waters.getNumConstraints()):
        i, j, distance = waters.getConstraintParameters(k)
        system.addConstraint(n + i, n + j, distance)
    system.addForce(nonbonded)
    return system


def test_create_mixed_system(exports):
    """The potential's part of the energy is that of the ions alone, and MD runs."""
    solute = SYSTEMS["pair"]()
    solute.positions += 12.0 - solute.positions.mean(axis=0)
    modeller, waters = water_box(solute)
    field = field_of(solute, modeller, waters)
    potential = MLPotential("physrep", model=exports.pt(None))
    system = potential.createMixedSystem(modeller.topology, field, range(15), forceGroup=1)
    context = openmm.Context(
        system, openmm.VerletIntegrator(2.5e-4), openmm.Platform.getPlatformByName("CPU")
    )
    context.setPositions(modeller.positions)
    state = context.getState(getEnergy=True, groups={1})
    energy = state.getPotentialEnergy()._value / EV_IN_KJ_PER_MOL
    assert energy == pytest.approx(eager(exports, solute, "float64")[0], abs=1e-8)
    context.getIntegrator().step(5)
    assert np.isfinite(context.getState(getEnergy=True).getPotentialEnergy()._value)


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
