"""Our models: MODEL/ENGINE/OPS, e.g. jat-published/torchforce/fused.

MODEL: jat-published and neuralil-published (parameters of the theses), ean-jat and ean-jat-short
(shipped, with and without charges), schnet (the network of torch_geometric, random weights).
ENGINE: ase, torchforce (OpenMM, CPU platform), lammps (one step of NVE with skin 1 A). OPS:
portable or fused, or eager, the checkpoint itself in ASE.
"""

import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from contenders.common import Step, calculated_by, one_lammps_step, use_threads

if TYPE_CHECKING:  # imported where it is needed: its memory counts
    from physrep.checkpoint import Checkpoint

ROOT = Path(__file__).resolve().parents[2]
THREADS = len(os.sched_getaffinity(0))


def prepare(atoms: Atoms, variant: str) -> Step:
    use_threads()
    model, engine, ops = variant.split("/")
    path = Path(tempfile.mkdtemp(prefix="physrep-bench-")) / "model.pt"
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:  # not counted as ours
        elsewhere.submit(write, model, atoms, path, engine, ops).result()
    if model == "schnet":
        register_baselines()
    return {"ase": in_ase, "torchforce": in_openmm, "lammps": in_lammps}[engine](path, atoms)


def write(model: str, atoms: Atoms, path: Path, engine: str, ops: str) -> None:
    """The exported file; a checkpoint, which runs layer by layer in Python, where ops is eager."""
    checkpoint = load(model, atoms)
    from physrep.checkpoint import save_checkpoint
    from physrep.engines.export import export_potential

    if ops == "eager":
        save_checkpoint(checkpoint, path)
    else:
        export_potential(checkpoint, path, None if engine == "lammps" else atoms, ops=ops)


def load(model: str, atoms: Atoms) -> "Checkpoint":
    """A checkpoint in float32."""
    from physrep.checkpoint import load_checkpoint, new_checkpoint
    from physrep.importers import IMPORTERS

    if model.endswith("-published"):
        name, published = model.removesuffix("-published"), ROOT / "data" / "published"
        files = published / f"{name}_ean_params.npz", published / f"{name}_ean_hparams.json"
        checkpoint = IMPORTERS[name](*files)
    elif model.startswith("ean-jat"):
        shipped = ROOT / "plugin" / "physrep" / "pretrained"
        checkpoint = load_checkpoint(shipped / f"{model}.ckpt")
    else:
        register_baselines()
        species = sorted(set(atoms.numbers.tolist()))
        checkpoint = new_checkpoint(model, {"cutoff": 5.0}, species, "none")
    return checkpoint


def register_baselines() -> None:
    """Make their checkpoints readable."""
    sys.path.insert(0, str(ROOT / "training"))
    from physrep_training import baselines

    baselines.register()


def in_ase(path: Path, atoms: Atoms) -> Step:
    from physrep.engines.ase import PhysRepCalculator

    return calculated_by(PhysRepCalculator(path), atoms)


def in_openmm(path: Path, atoms: Atoms) -> Step:
    import openmm
    from openmm import unit

    from physrep.engines.openmm import TorchForce
    from physrep.units import EV_IN_KJ_PER_MOL

    per_nm = unit.kilojoule_per_mole / unit.nanometer

    system = openmm.System()
    for mass in atoms.get_masses():
        system.addParticle(mass)
    system.setDefaultPeriodicBoxVectors(*(0.1 * atoms.cell.array))
    system.addForce(TorchForce(path))
    platform = openmm.Platform.getPlatformByName("CPU")
    integrator = openmm.VerletIntegrator(0.0005)
    context = openmm.Context(system, integrator, platform, {"Threads": str(THREADS)})

    def step(positions: np.ndarray) -> tuple[float, np.ndarray]:
        context.setPositions(0.1 * positions)
        state = context.getState(getEnergy=True, getForces=True)
        forces = state.getForces(asNumpy=True).value_in_unit(per_nm) / (10.0 * EV_IN_KJ_PER_MOL)
        energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        return energy / EV_IN_KJ_PER_MOL, forces

    return step


def in_lammps(path: Path, atoms: Atoms) -> Step:
    from physrep.engines.lammps import load_mpi, write_data

    load_mpi()
    elements = sorted(set(atoms.get_chemical_symbols()))
    write_data(atoms, path.with_suffix(".data"), elements)
    pair = f"pair_style physrep device cpu\npair_coeff * * {path} {' '.join(elements)}"
    step = one_lammps_step(path.with_suffix(".data"), atoms, pair)
    import torch

    torch.set_num_threads(THREADS)  # LAMMPS sets it to 1
    return step
