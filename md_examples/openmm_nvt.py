"""NVT molecular dynamics in OpenMM: python md_examples/openmm_nvt.py ean.pt ean.pdb --steps 500

ean.pt comes from:  physrep export CHECKPOINT -o ean.pt  (with --topology ean.pdb for torchforce)
"""

import argparse
import sys

import openmm
from openmm import app, unit

from physrep.engines.openmm import PotentialGuard, add_potential

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", help="file written by physrep export")
parser.add_argument("structure", help="PDB file with a box")
parser.add_argument("--steps", type=int, default=500)
parser.add_argument("--temperature", type=float, default=300.0, help="K")
parser.add_argument("--platform", help="Reference, CPU, CUDA; default: the fastest available")
parser.add_argument("--engine", default="pythonforce", help="or torchforce (torch 2.9 only)")
parser.add_argument("--minimize", type=int, default=50, help="iterations; 0 for none")
parser.add_argument("--output", default="trajectory.dcd")
args = parser.parse_args()

pdb = app.PDBFile(args.structure)
system = openmm.System()
for atom in pdb.topology.atoms():
    system.addParticle(atom.element.mass)
system.setDefaultPeriodicBoxVectors(*pdb.topology.getPeriodicBoxVectors())
add_potential(system, pdb.topology, args.model, engine=args.engine)

integrator = openmm.LangevinMiddleIntegrator(
    args.temperature * unit.kelvin, 1.0 / unit.picosecond, 0.5 * unit.femtosecond
)
chosen = [openmm.Platform.getPlatformByName(args.platform)] if args.platform else []
simulation = app.Simulation(pdb.topology, system, integrator, *chosen)
simulation.context.setPositions(pdb.positions)
if args.minimize:
    simulation.minimizeEnergy(maxIterations=args.minimize)
simulation.context.setVelocitiesToTemperature(args.temperature * unit.kelvin)

shown = dict.fromkeys(["step", "potentialEnergy", "temperature", "speed", "remainingTime"], True)
simulation.reporters += [
    app.DCDReporter(args.output, 20),
    app.StateDataReporter(sys.stdout, 20, totalSteps=args.steps, **shown),
    PotentialGuard(args.model),  # stops a run that has left the data
]
simulation.step(args.steps)
