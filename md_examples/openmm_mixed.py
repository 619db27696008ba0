"""An ion pair by a potential, TIP3P water by a force field; NVT, then the drift of NVE.

python md_examples/openmm_mixed.py any.pt --ps 5

any.pt comes from:  physrep export CHECKPOINT -o any.pt  (no --topology: it serves any atoms)
"""

import argparse
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit
from openmmml import MLPotential

from physrep.engines.openmm import PotentialGuard

HERE = Path(__file__).parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model", help="file written by physrep export without --topology")
parser.add_argument("--ps", type=float, default=5.0, help="length of the NVE run")
parser.add_argument("--settle", type=float, default=1.0, help="ps of NVT before")
parser.add_argument("--platform", default="CPU")
args = parser.parse_args()

# The first cation and the nitrate nearest to it, in water.
pdb = app.PDBFile(str(HERE / "ean.pdb"))
positions = np.array(pdb.positions.value_in_unit(unit.nanometer))
cation, *others = (np.array([a.index for a in r.atoms()]) for r in pdb.topology.residues())
gaps = {np.linalg.norm(positions[k][0] - positions[cation][0]): k for k in others if len(k) == 4}
kept = {*cation, *gaps[min(gaps)]}
modeller = app.Modeller(pdb.topology, pdb.positions)
modeller.delete([atom for atom in pdb.topology.atoms() if atom.index not in kept])
field = app.ForceField("tip3p.xml", str(HERE / "ean_ions.xml"))
modeller.addSolvent(field, boxSize=openmm.Vec3(2.2, 2.2, 2.2) * unit.nanometer)
all_field = field.createSystem(modeller.topology, app.PME, 0.9 * unit.nanometer)
ions = range(len(kept))  # the potential computes what they do to themselves and to each other
potential = MLPotential("physrep", model=args.model)
system = potential.createMixedSystem(modeller.topology, all_field, ions)

integrator = openmm.LangevinMiddleIntegrator(300.0, 2.0, 0.5 * unit.femtosecond)
platform = openmm.Platform.getPlatformByName(args.platform)
simulation = app.Simulation(modeller.topology, system, integrator, platform)
simulation.context.setPositions(modeller.positions)
simulation.minimizeEnergy(maxIterations=200)
simulation.context.setVelocitiesToTemperature(300.0)
simulation.reporters.append(PotentialGuard(args.model, atoms=ions))
simulation.step(round(args.settle / 0.0005))
settled = simulation.context.getState(positions=True, velocities=True)
simulation = app.Simulation(modeller.topology, system, openmm.VerletIntegrator(5e-4), platform)
simulation.context.setState(settled)
energies = []
for _ in range(round(args.ps / 0.01)):
    simulation.step(20)
    state = simulation.context.getState(energy=True)
    total = state.getKineticEnergy() + state.getPotentialEnergy()
    energies.append(total.value_in_unit(unit.kilojoule_per_mole) / 96.485)  # eV
slope = np.polyfit(0.01 * np.arange(len(energies)), energies, 1)[0]
n_atoms = system.getNumParticles()
print(f"{n_atoms} atoms, drift {1000 * slope / n_atoms:.4f} meV/atom/ps")
