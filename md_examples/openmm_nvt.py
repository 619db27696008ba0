"""NVT molecular dynamics in OpenMM: python md_examples/openmm_nvt.py ean.pt ean.pdb --steps 500

ean.pt comes from:  physrep export CHECKPOINT --topology ean.pdb -o ean.pt
"""

import argparse
import sys

import torch  # noqa: F401  before openmm: openmmtorch's kernels need its libraries  # isort: skip
import openmm
import openmmtorch
from openmm import app, unit

import physrep  # noqa: F401  registers the compiled operators that the file may need

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", help="file written by physrep export --topology")
parser.add_argument("structure", help="PDB file with a box, the atoms in the order of the export")
parser.add_argument("--steps", type=int, default=500)
parser.add_argument("--temperature", type=float, default=300.0, help="K")
parser.add_argument("--platform", help="Reference, CPU, CUDA; default: the fastest available")
parser.add_argument("--output", default="trajectory.dcd")
args = parser.parse_args()

pdb = app.PDBFile(args.structure)
system = openmm.System()
for atom in pdb.topology.atoms():
    system.addParticle(atom.element.mass)
system.setDefaultPeriodicBoxVectors(*pdb.topology.getPeriodicBoxVectors())

# physrep.engines.openmm.TorchForce(args.model, pdb.topology) does the same and compares the atoms.
force = openmmtorch.TorchForce(args.model)
force.setUsesPeriodicBoundaryConditions(True)
system.addForce(force)

integrator = openmm.LangevinMiddleIntegrator(
    args.temperature * unit.kelvin, 1.0 / unit.picosecond, 0.5 * unit.femtosecond
)
chosen = [openmm.Platform.getPlatformByName(args.platform)] if args.platform else []
simulation = app.Simulation(pdb.topology, system, integrator, *chosen)
simulation.context.setPositions(pdb.positions)
simulation.context.setVelocitiesToTemperature(args.temperature * unit.kelvin)
simulation.reporters.append(app.DCDReporter(args.output, 20))
simulation.reporters.append(
    app.StateDataReporter(
        sys.stdout, 20, step=True, potentialEnergy=True, temperature=True, speed=True
    )
)
simulation.step(args.steps)
