"""The operators of electrostatics, portable and fused, without what is around them.

    python benchmarks/charges.py              # one thread, time of the processor
    python benchmarks/charges.py --threads 2  # by the clock: nothing else may run

Ethylammonium nitrate, 225 atoms and cells of 2 x 2 x 2 and 4 x 4 x 4 of them, random charges, with
the vectors and the mesh that physrep takes for them. Forward and backward pass, float64, the least
of the times of several seconds; the forms take turns.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import ase.io
import torch

import physrep.ops
from environments import processor
from physrep.engines.heap import keep_heap
from physrep.ops.operator import Operator
from physrep.pair.electrostatics import Electrostatics
from physrep.pair.particle_mesh import mesh_sizes
from physrep.pair.reciprocal_lattice import half_sphere

HERE = Path(__file__).resolve().parent
STRUCTURE = HERE.parent / "md_examples" / "ean.pdb"
SMEARING, ACCURACY = 1.5, 1e-4  # A, eV/A: the defaults
LARGEST_TABLE = 2 * 10**8  # atoms times vectors that the portable form is asked for
SECONDS = 5.0  # for each row


class Task:
    """Structure factors or a mesh of one system."""

    def __init__(self, copies: int, on_mesh: bool) -> None:
        """copies: of the structure along each axis."""
        *_, atoms = ase.io.iread(STRUCTURE)
        atoms = atoms.repeat(copies)
        electrostatics = Electrostatics(SMEARING, ACCURACY)
        cell = torch.from_numpy(atoms.cell.array)
        self.n_atoms = len(atoms)
        self.inputs = [
            torch.from_numpy(atoms.get_scaled_positions()).requires_grad_(True),
            torch.randn(self.n_atoms, dtype=torch.float64, requires_grad=True),
        ]
        self.operator: Operator = electrostatics.mesh_spread
        self.rest: torch.Tensor | list[int] = []
        if on_mesh:
            sizes = mesh_sizes(cell, electrostatics.spacing, electrostatics.mesh_spread.order)
            self.name, self.size = "mesh", " x ".join(map(str, sizes)) + " points"
            self.rest, self.portable = sizes, True
        else:
            vectors = half_sphere(cell, torch.linalg.inv(cell).t(), electrostatics.k_max)
            self.operator = electrostatics.structure_factors
            self.name, self.size = "structure factors", f"{len(vectors)} vectors"
            self.rest, self.portable = vectors, self.n_atoms * len(vectors) <= LARGEST_TABLE

    def pass_of(self, form: str) -> Callable[[], object]:
        """A forward and a backward pass."""
        operator = self.operator.as_form(form)
        cotangent = torch.randn_like(operator(*self.inputs, self.rest))

        def both() -> object:
            found = operator(*self.inputs, self.rest)
            return torch.autograd.grad(found, self.inputs, cotangent)

        return both


def milliseconds(task: Task, n_threads: int) -> dict[str, float]:
    """Time of the fastest pass of each form, without a portable one that needs too much memory."""
    clock = time.process_time if n_threads == 1 else time.perf_counter
    forms = [form for form in physrep.ops.FORMS if form == "fused" or task.portable]
    passes = {form: task.pass_of(form) for form in forms}
    fastest = dict.fromkeys(forms, float("inf"))
    for work in passes.values():
        work()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for form, work in passes.items():
            start = clock()
            work()
            fastest[form] = min(1e3 * (clock() - start), fastest[form])
    return fastest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    physrep.ops.require("this benchmark")
    keep_heap(torch.empty(0))
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    print(f"{processor()}, torch {torch.__version__}, {threads} threads, float64; ms\n")
    print("| operator | atoms | | portable | fused |", "|---|---|---|---|---|", sep="\n")
    for on_mesh in (False, True):
        for copies in (1, 2, 4):
            task = Task(copies, on_mesh)
            found = milliseconds(task, threads)
            portable = f"{found['portable']:.2f}" if task.portable else "-"
            row = task.name, task.n_atoms, task.size, portable, f"{found['fused']:.3f}"
            print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    main()
