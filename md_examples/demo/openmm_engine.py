"""OpenMM: the exported file as a PythonForce."""

import time
from pathlib import Path

import numpy as np
import openmm
from engines import NVT, Files, Run, SinglePoint, ns_per_day
from openmm import app, unit
from tqdm import trange

from physrep.engines.openmm import add_potential
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM


def make_context(
    structure: Path, model: Path, platform: str, friction: float = NVT.friction
) -> openmm.Context:
    """A Context of the structure, whose only force is the potential."""
    pdb = app.PDBFile(str(structure))
    system = openmm.System()
    for atom in pdb.topology.atoms():
        system.addParticle(atom.element.mass)
    system.setDefaultPeriodicBoxVectors(*pdb.topology.getPeriodicBoxVectors())
    add_potential(system, pdb.topology, model)
    integrator = openmm.LangevinMiddleIntegrator(
        NVT.temperature * unit.kelvin, friction / unit.picosecond, NVT.time_step * unit.femtosecond
    )
    integrator.setRandomNumberSeed(NVT.seed)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    context.setPositions(pdb.positions)
    return context


def single_point(files: Files) -> SinglePoint:
    """Energy and forces of the float64 file; Reference is the platform in double precision."""
    context = make_context(files.structure, files.model_float64, "Reference")
    state = context.getState(getEnergy=True, getForces=True)
    energy = state.getPotentialEnergy()._value / EV_IN_KJ_PER_MOL
    forces = state.getForces(asNumpy=True)._value / (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM)
    return SinglePoint(energy, np.array(forces))


def settle(files: Files) -> None:
    """Write ``files.start``: the structure after a short run with much friction.

    Snapshots of another potential's dynamics are strained on this one, and would heat the box.
    """
    context = make_context(files.structure, files.model, "CPU", NVT.settle_friction)
    context.setVelocitiesToTemperature(NVT.temperature * unit.kelvin, NVT.seed)
    context.getIntegrator().step(NVT.settle_steps)
    positions = context.getState(getPositions=True).getPositions()
    with files.start.open("w") as file:
        app.PDBFile.writeFile(app.PDBFile(str(files.structure)).topology, positions, file)


def nvt(files: Files, n_steps: int) -> Run:
    """Langevin dynamics from the start structure, on the CPU platform."""
    context = make_context(files.start, files.model, "CPU")
    context.setVelocitiesToTemperature(NVT.temperature * unit.kelvin, NVT.seed)
    integrator = context.getIntegrator()
    integrator.step(NVT.warm_up)
    samples, started = [], time.perf_counter()
    for _ in trange(0, n_steps, NVT.sample_every, desc="      OpenMM", disable=None, leave=False):
        integrator.step(NVT.sample_every)
        samples.append(_sample(context))
    seconds = time.perf_counter() - started
    times, temperatures, energies = np.array(samples).T
    return Run(times, temperatures, energies, ns_per_day(n_steps, seconds))


def _sample(context: openmm.Context) -> tuple[float, float, float]:
    """Time in ps, temperature in K, potential energy in eV."""
    state = context.getState(getEnergy=True)
    n_dof = 3 * context.getSystem().getNumParticles()
    kinetic = state.getKineticEnergy()
    temperature = 2.0 * kinetic / (n_dof * unit.MOLAR_GAS_CONSTANT_R)
    return (
        state.getTime()._value,
        temperature.value_in_unit(unit.kelvin),
        state.getPotentialEnergy()._value / EV_IN_KJ_PER_MOL,
    )
