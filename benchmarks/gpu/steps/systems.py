"""The liquid that all steps compute, and the potentials in the forms that are compared."""

import sys
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import ase.io
from ase import Atoms

from steps.options import ROOT, Emit, Options

REPEATS = {
    225: (1, 1, 1),
    1800: (2, 2, 2),
    14400: (4, 4, 4),
    48600: (6, 6, 6),
    202500: (10, 10, 9),
}
MODELS = ("ean-jat", "ean-jat-short", "jat-published")
TIMESTEP = 0.5  # fs
LEFT = 5.0  # seconds of a step, without which no row is begun
sys.path.insert(0, str(ROOT / "benchmarks"))


def liquid(n_atoms: int) -> Atoms:
    """Ethylammonium nitrate: copies of the box of 225 atoms."""
    *_, atoms = ase.io.iread(ROOT / "md_examples" / "ean.pdb")
    return atoms.repeat(REPEATS[n_atoms])


def checkpoint(model: str) -> Any:
    """A physrep Checkpoint of one of MODELS, in float32."""
    from contenders.physrep_engines import load

    return load(model, liquid(225))


def exported(model: str, ops: str, folder: Path, topology: Atoms | None = None) -> Path:
    """The exported file of a model; it is written once for every topology."""
    from physrep.engines.export import export_potential

    n_atoms = len(topology) if topology else 0
    path = folder / f"{model}-{ops}-{n_atoms}.pt"
    if not path.is_file():
        export_potential(checkpoint(model), path, topology, ops=ops)
    return path


def forms(device: str) -> list[str]:
    """The operators that run on this device: portable, and fused where they are compiled for it."""
    from physrep import ops

    return ["portable", "fused"] if ops.load() and (device == "cpu" or on_gpu()) else ["portable"]


def on_gpu() -> bool:
    """Whether the loaded operators have kernels for GPUs."""
    import torch

    return torch._C._dispatch_has_kernel_for_dispatch_key("physrep::messages", "CUDA")


class Case(NamedTuple):
    """What one row is about."""

    atoms: int
    model: str
    form: str


def cases(sizes: Iterable[int], names: list[str]) -> list[Case]:
    """Every model in every form, the small systems first."""
    return [Case(*values) for values in product(sizes, MODELS, names)]


def measure_all(
    measure: Callable[[Case], dict[str, Any]],
    wanted: list[Case],
    number: str,
    options: Options,
    emit: Emit,
) -> None:
    """A row for each case: its numbers, or the note that there was no time.

    Raises:
        RuntimeError: no row has the ``number``; the message is the note of the first.
    """
    rows = []
    for case in wanted:
        enough = options.left() > LEFT
        rows.append({**case._asdict(), **(measure(case) if enough else {"note": "no time left"})})
        emit(rows[-1])
    if not any(number in row for row in rows):
        raise RuntimeError(rows[0].get("note", "no number"))


def ns_per_day(milliseconds: float) -> float:
    """Of steps that take so long."""
    return 86400.0 / (milliseconds / 1000.0) * TIMESTEP * 1e-6
