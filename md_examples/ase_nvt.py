"""NVT molecular dynamics in ASE: python md_examples/ase_nvt.py ean.pt ean.pdb --steps 500

The model is an exported file or a checkpoint; the structure anything ASE reads.
"""

import argparse

import ase.io
import numpy as np
from ase import units
from ase.md.langevin import Langevin

from physrep.engines.ase import PhysRepCalculator

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", help="exported file or checkpoint")
parser.add_argument("structure", help="PDB, GRO, extxyz, ...")
parser.add_argument("--steps", type=int, default=500)
parser.add_argument("--temperature", type=float, default=300.0, help="K")
parser.add_argument("--output", default="trajectory.traj")
args = parser.parse_args()

*_, atoms = ase.io.iread(args.structure)  # the last frame
atoms.calc = PhysRepCalculator(args.model)
mass_times_kt = atoms.get_masses()[:, None] * units.kB * args.temperature
atoms.set_momenta(np.random.default_rng().normal(size=(len(atoms), 3)) * np.sqrt(mass_times_kt))
dynamics = Langevin(
    atoms,
    timestep=0.5 * units.fs,
    temperature_K=args.temperature,
    friction=0.001 / units.fs,
    fixcm=False,
    trajectory=args.output,
    loginterval=20,
)


def report() -> None:
    energy = atoms.get_potential_energy()
    print(f"{dynamics.nsteps:6d}  E = {energy:.4f} eV  T = {atoms.get_temperature():.1f} K")


dynamics.attach(report, interval=20)
dynamics.run(args.steps)
