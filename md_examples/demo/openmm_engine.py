"""OpenMM: the exported file as a TorchForce."""

import time
from pathlib import Path

import torch  # noqa: F401  before openmm: openmmtorch's kernels need its libraries  # isort: skip
import numpy as np
import openmm
from engines import (
    FRICTION,
    SAMPLE_EVERY,
    SEED,
    SETTLE_FRICTION,
    SETTLE_STEPS,
    TEMPERATURE,
    TIME_STEP,
    WARM_UP,
    Files,
    Run,
    SinglePoint,
    ns_per_day,
)
from openmm import app, unit
from tqdm import trange

from physrep.engines.openmm import TorchForce
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM


def make_context(
    structure: Path, model: Path, platform: str, friction: float = FRICTION
) -> openmm.Context:
    """A Context of the structure, whose only force is the potential."""
    pdb = app.PDBFile(str(structure))
    system = openmm.System()
    for atom in pdb.topology.atoms():
        system.addParticle(atom.element.mass)
    system.setDefaultPeriodicBoxVectors(*pdb.topology.getPeriodicBoxVectors())
    system.addForce(TorchForce(model, pdb.topology))
    integrator = openmm.LangevinMiddleIntegrator(
        TEMPERATURE * unit.kelvin, friction / unit.picosecond, TIME_STEP * unit.femtosecond
    )
    integrator.setRandomNumberSeed(SEED)
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
    context = make_context(files.structure, files.model, "CPU", SETTLE_FRICTION)
    context.setVelocitiesToTemperature(TEMPERATURE * unit.kelvin, SEED)
    context.getIntegrator().step(SETTLE_STEPS)
    positions = context.getState(getPositions=True).getPositions()
    with files.start.open("w") as file:
        app.PDBFile.writeFile(app.PDBFile(str(files.structure)).topology, positions, file)


def nvt(files: Files, n_steps: int) -> Run:
    """Langevin dynamics from the start structure, on the CPU platform."""
    context = make_context(files.start, files.model, "CPU")
    context.setVelocitiesToTemperature(TEMPERATURE * unit.kelvin, SEED)
    integrator = context.getIntegrator()
    integrator.step(WARM_UP)
    samples, started = [], time.perf_counter()
    for _ in trange(0, n_steps, SAMPLE_EVERY, desc="      OpenMM", disable=None, leave=False):
        integrator.step(SAMPLE_EVERY)
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
