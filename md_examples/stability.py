"""Is a potential sound in MD? NVT in OpenMM, inspected every 20 steps, then NVE for the drift.

python md_examples/stability.py ean.pt md_examples/ean.pdb --temperature 450 --ps 20 --nve-ps 2

Writes stability.json, traces.npz, last.extxyz and figures; Ctrl-C keeps what has been computed.
Exit code 0 means sound, 1 not sound; the definition is in physrep.analysis.stability.soundness.
"""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import openmm
from openmm import app, unit
from tqdm import tqdm

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.stability.drift import energy_drift
from physrep.analysis.stability.soundness import StabilityWatch
from physrep.analysis.structure.contacts import shortest_contacts
from physrep.engines.openmm import add_potential
from physrep.figures.plots import energy_figure, temperature_figure
from physrep.io import iter_structures
from physrep.units import BOLTZMANN_IN_EV, EV_IN_KJ_PER_MOL

TIME_STEP = 0.5e-3  # ps
NVT_EVERY, NVE_EVERY = 20, 4  # steps between samples

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model", type=Path, help="file written by physrep export")
parser.add_argument("structure", help="PDB file with a box")
parser.add_argument("--data", default="data/ean_gfn2.extxyz.gz", help="what it was fitted to")
parser.add_argument("--temperature", type=float, default=300.0, help="K")
parser.add_argument("--ps", type=float, default=20.0, help="length of the NVT run")
parser.add_argument("--nve-ps", type=float, default=2.0, help="length of the NVE run, 0 for none")
parser.add_argument("--platform", default="CPU")
parser.add_argument("--seed", type=int, default=1, help="of velocities and thermostat")
parser.add_argument("-o", "--output", type=Path, default=Path("out/stability"))
args = parser.parse_args()

pdb = app.PDBFile(args.structure)
*earlier, atoms = ase.io.iread(args.structure)
system = openmm.System()
for particle in pdb.topology.atoms():
    system.addParticle(particle.element.mass)
system.setDefaultPeriodicBoxVectors(*pdb.topology.getPeriodicBoxVectors())
add_potential(system, pdb.topology, args.model)
N_DOF = 3 * len(atoms)
Sample = tuple[float, np.ndarray, float, float]


def context_of(integrator: openmm.Integrator) -> openmm.Context:
    """A Context of the system that starts at the structure, at rest."""
    platform = openmm.Platform.getPlatformByName(args.platform)
    context = openmm.Context(system, integrator, platform)
    context.setPositions(pdb.positions)
    return context


def samples(context: openmm.Context, ps: float, every: int, name: str) -> Iterator[Sample]:
    """(time ps, positions A, potential eV, kinetic eV) every so many steps, with a progress bar;
    ends when the run is interrupted.
    """
    integrator = context.getIntegrator()
    for _ in tqdm(range(round(ps / TIME_STEP / every)), desc=name, unit="sample", disable=None):
        if interrupted:
            return
        integrator.step(every)
        state = context.getState(getEnergy=True, getPositions=True)
        energies = state.getPotentialEnergy(), state.getKineticEnergy()
        potential, kinetic = (energy._value / EV_IN_KJ_PER_MOL for energy in energies)
        positions = np.array(state.getPositions(asNumpy=True).value_in_unit(unit.angstrom))
        yield state.getTime()._value, positions, potential, kinetic


interrupted: list[int] = []  # signals; an exception inside the potential would end in OpenMM
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda received, _: interrupted.append(received))
bonds = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc)
contacts = shortest_contacts(
    tqdm(iter_structures(args.data, unread="ignore"), desc="data", disable=None)
)
watch = StabilityWatch(
    atoms.numbers, atoms.cell.array, atoms.pbc, bonds, contacts, args.temperature, N_DOF
)
langevin = openmm.LangevinMiddleIntegrator(args.temperature, 1.0 / unit.picosecond, TIME_STEP)
langevin.setRandomNumberSeed(args.seed)
nvt = context_of(langevin)
nvt.setVelocitiesToTemperature(args.temperature, args.seed)
nvt_trace, nve_trace = [], []
for time, positions, potential, kinetic in samples(nvt, args.ps, NVT_EVERY, "NVT"):
    temperature = 2.0 * kinetic / (N_DOF * BOLTZMANN_IN_EV)
    nvt_trace.append((time, temperature, potential))
    atoms.positions = positions
    if watch.observe(time, positions, temperature, potential):
        break
else:
    nve = context_of(openmm.VerletIntegrator(TIME_STEP))
    nve.setState(nvt.getState(getPositions=True, getVelocities=True))
    for time, _, potential, kinetic in samples(nve, args.nve_ps, NVE_EVERY, "NVE"):
        nve_trace.append((time, potential + kinetic))

result = watch.result()
report: dict[str, Any] = {"stability": result.as_dict(), "shortest_distances": contacts.as_dict()}
args.output.mkdir(parents=True, exist_ok=True)
ase.io.write(args.output / "last.extxyz", atoms)
t, temperatures, potentials = np.array(nvt_trace).reshape(-1, 3).T
np.savez(args.output / "traces.npz", time=t, temperature=temperatures, potential=potentials)
if len(t):
    figure = temperature_figure({args.model.stem: (t, temperatures)}, args.temperature, N_DOF)
    figure.savefig(args.output / "temperature.png")
if len(nve_trace) >= 3:
    t, totals = np.array(nve_trace).T
    drift = energy_drift(t, totals, len(atoms))
    report["drift_mev_per_atom_ps"], report["drift_error"] = drift.drift, drift.error
    figure = energy_figure({args.model.stem: (t, totals)}, len(atoms), "Total energy, NVE")
    figure.savefig(args.output / "nve_energy.png")
    print(f"NVE drift {drift.drift:.3g} +- {drift.error:.1g} meV/atom/ps")
(args.output / "stability.json").write_text(json.dumps(report, indent=1) + "\n")
failure = result.first_failure
verdict = "sound" if failure is None else failure.message
print(f"{result.time:.2f} ps inspected: {verdict}")
sys.exit(0 if result.sound else 1)
