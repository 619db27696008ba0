"""ASE: the exported file, or the checkpoint itself, as a Calculator."""

import time
from pathlib import Path

import ase.io
import numpy as np
from ase import units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from engines import NVT, Files, Run, SinglePoint, ns_per_day
from tqdm import trange

from physrep.engines.ase import PhysRepCalculator


def single_point(structure: Path, model: Path) -> SinglePoint:
    """Energy and forces in float64 of an exported file or a checkpoint."""
    *_, atoms = ase.io.iread(structure)
    atoms.calc = PhysRepCalculator(model, dtype="float64")
    return SinglePoint(atoms.get_potential_energy(), atoms.get_forces())


def nvt(files: Files, n_steps: int) -> Run:
    """Langevin dynamics from the start structure."""
    *_, atoms = ase.io.iread(files.start)
    atoms.calc = PhysRepCalculator(files.model)
    rng = np.random.default_rng(NVT.seed)
    MaxwellBoltzmannDistribution(atoms, temperature_K=NVT.temperature, rng=rng)
    dynamics = Langevin(
        atoms,
        timestep=NVT.time_step * units.fs,
        temperature_K=NVT.temperature,
        friction=0.001 * NVT.friction / units.fs,
        fixcm=False,  # as in the other engines: all 3 N degrees of freedom
        rng=rng,
    )
    dynamics.run(NVT.warm_up)
    samples, started = [], time.perf_counter()
    for k in trange(0, n_steps, NVT.sample_every, desc="      ASE", disable=None, leave=False):
        dynamics.run(NVT.sample_every)
        t = (NVT.warm_up + k + NVT.sample_every) * NVT.time_step * 1e-3
        samples.append((t, atoms.get_temperature(), atoms.get_potential_energy()))
    seconds = time.perf_counter() - started
    times, temperatures, energies = np.array(samples).T
    return Run(times, temperatures, energies, ns_per_day(n_steps, seconds))
