"""What an engine adds to the bare model: neighbour list, Force, conversions.

    python benchmarks/overhead.py [--sizes 225 1800 14400] [--threads 1 2] [--forms fused portable]

The bare model is energy and gradient by edge vectors of the exported file, from edges that are
given. Every contender goes through the same NVE run at 300 K, in steps of 0.5 fs; they take turns,
a few steps each. ``portable`` measures as if the compiled operators were not installed. Times are
processor time (of all threads) and the fastest wall time of a turn, both for one step. Prints a
table and writes results/overhead.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

HERE = Path(__file__).resolve().parent
BOX = HERE.parent / "md_examples" / "ean.pdb"
MODEL = HERE.parent / "plugin" / "physrep" / "pretrained" / "ean-jat-short.ckpt"
COPIES = {225: 1, 1800: 2, 14400: 4}
STEPS = {225: 120, 1800: 40, 14400: 10}
TURN = {225: 20, 1800: 10, 14400: 10}  # steps
Run = tuple[np.ndarray, np.ndarray]  # positions, velocities of every step
Advance = Callable[[int, int], None]  # from step k, so many steps


def main() -> None:
    """Measure each combination in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", choices=COPIES, default=list(COPIES))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--forms", nargs="+", default=["fused", "portable"])
    parser.add_argument("--rounds", type=int, default=1, help="times through the frames")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.sizes[0], args.threads[0], args.forms[0], args.rounds)))
        return
    rows = []
    for form in args.forms:
        for n_atoms in args.sizes:
            for threads in args.threads:
                words = ["--one", "--sizes", n_atoms, "--threads", threads, "--forms", form]
                rows += in_a_process([*words, "--rounds", args.rounds], threads)
    target = HERE / "results" / "overhead.json"
    target.write_text(json.dumps(rows, indent=1) + "\n")


def in_a_process(words: Sequence[object], threads: int) -> list[dict]:
    """Its rows, printed."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, __file__, *(str(word) for word in words)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    rows = json.loads(done.stdout.splitlines()[-1])
    for row in rows:
        print(
            "{form:9s} {n_atoms:6d} atoms {threads} threads  {name:12s} {cpu_ms:9.2f} ms CPU "
            "{wall_ms:9.2f} ms wall  {ratio:.2f} x bare".format(**row),
            flush=True,
        )
    return rows


def measure(n_atoms: int, threads: int, form: str, rounds: int) -> list[dict]:
    """Times of all contenders."""
    import tempfile

    import ase.io
    import torch

    from physrep import ops
    from physrep.checkpoint import load_checkpoint
    from physrep.engines.export import export_potential

    torch.set_num_threads(threads)
    if form == "portable":
        ops.available = lambda: False
    *_, box = ase.io.iread(BOX)
    atoms = box * ((COPIES[n_atoms],) * 3)
    path = Path(tempfile.mkdtemp(prefix="physrep-overhead-")) / "model.pt"
    export_potential(load_checkpoint(MODEL), path, atoms, ops=form)
    run = trajectory(path, atoms, threads, STEPS[n_atoms])
    contenders: dict[str, Advance] = {
        "bare": bare(path, atoms, run[0]),
        "TorchForce": in_openmm(path, atoms, run, "TorchForce", threads),
        "PythonForce": in_openmm(path, atoms, run, "python_force", threads),
        "ASE": in_ase(path, atoms, run[0]),
    }
    cpu, wall = turns(contenders, STEPS[n_atoms], TURN[n_atoms], rounds)
    common = {"form": form, "n_atoms": n_atoms, "threads": threads}
    return [
        {**common, "name": name, "cpu_ms": cpu[name], "wall_ms": wall[name]}
        | {"ratio": cpu[name] / cpu["bare"], "wall_ratio": wall[name] / wall["bare"]}
        for name in contenders
    ]


def turns(
    contenders: dict[str, Advance], n_steps: int, turn: int, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """ms of processor time (mean) and of wall time (fastest turn) for one step."""
    for advance in contenders.values():
        advance(0, 4)  # TorchScript compiles
    cpu = dict.fromkeys(contenders, 0.0)
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for first in range(0, n_steps, turn):
            for name, advance in contenders.items():
                started, busy = time.perf_counter(), time.process_time()
                advance(first, turn)
                cpu[name] += time.process_time() - busy
                wall[name].append((time.perf_counter() - started) / turn)
    for_one = 1e3 / (rounds * n_steps)
    return (
        {name: seconds * for_one for name, seconds in cpu.items()},
        {name: 1e3 * min(seconds) for name, seconds in wall.items()},
    )


def bare(path: Path, atoms: Atoms, positions: np.ndarray) -> Advance:
    """Energy and gradient by edge vectors; the edges are made beforehand."""
    import torch

    from physrep.engines.bound_topology import types_of
    from physrep.engines.metadata import read_exported
    from physrep.ops.neighbor_list import FusedNeighborList

    module, metadata = read_exported(path)
    types = torch.from_numpy(types_of(atoms.get_chemical_symbols(), metadata.species, path))
    build = FusedNeighborList(metadata.cutoff)
    cell, pbc = torch.tensor(atoms.cell.array), torch.ones(3, dtype=torch.bool)

    every = max(1, len(positions) // 8)
    kept = [build(torch.tensor(one), cell, pbc) for one in positions[::every]]

    def advance(first: int, n: int) -> None:
        for k in range(first, first + n):
            pairs = kept[k // every]
            leaf = pairs.vectors.detach().requires_grad_(True)
            energy = module.atomic_energies(types, pairs.edge_index, leaf).sum()
            torch.autograd.grad(energy, leaf)

    return advance


def in_openmm(path: Path, atoms: Atoms, run: Run, force: str, threads: int) -> Advance:
    """NVE on the CPU platform, from the kept positions and velocities of step k."""
    integrator, context = new_context(path, atoms, force, threads)

    def advance(first: int, n: int) -> None:
        context.setPositions(0.1 * run[0][first])
        context.setVelocities(0.1 * run[1][first])
        integrator.step(n)

    return advance


def new_context(path: Path, atoms: Atoms, force: str, threads: int) -> tuple[Any, Any]:
    """Integrator and Context with this Force of ours."""
    import openmm

    import physrep.engines.openmm as forces

    system = openmm.System()
    for mass in atoms.get_masses():
        system.addParticle(mass)
    system.setDefaultPeriodicBoxVectors(*(0.1 * atoms.cell.array))
    system.addForce(getattr(forces, force)(path))
    integrator = openmm.VerletIntegrator(5e-4)
    platform = openmm.Platform.getPlatformByName("CPU")
    return integrator, openmm.Context(system, integrator, platform, {"Threads": str(threads)})


def in_ase(path: Path, atoms: Atoms, positions: np.ndarray) -> Advance:
    """The calculator on the kept positions."""
    from physrep.engines.ase import PhysRepCalculator

    atoms = atoms.copy()
    atoms.calc = PhysRepCalculator(path)

    def advance(first: int, n: int) -> None:
        for k in range(first, first + n):
            atoms.positions = positions[k]
            atoms.get_forces()

    return advance


def trajectory(path: Path, atoms: Atoms, threads: int, n_steps: int) -> Run:
    """Positions in A and velocities in A/ps at every step, (n_steps, n_atoms, 3) each."""
    integrator, context = new_context(path, atoms, "TorchForce", threads)
    context.setPositions(0.1 * atoms.positions)
    context.setVelocitiesToTemperature(300.0, 1)
    integrator.step(20)
    kept = []
    for _ in range(n_steps):
        state = context.getState(positions=True, velocities=True)
        kept.append((state.getPositions(asNumpy=True), state.getVelocities(asNumpy=True)))
        integrator.step(1)
    positions, velocities = zip(*kept, strict=True)
    return 10.0 * np.array([x._value for x in positions]), 10.0 * np.array(
        [v._value for v in velocities]
    )


if __name__ == "__main__":
    main()
