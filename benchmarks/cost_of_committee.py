"""Time of energy and forces of a committee against that of one member, measured in turns.

    python benchmarks/cost_of_committee.py

Members are copies of ean-jat-short with changed parameters, fused, in float32; one thread, 225
atoms of md_examples/ean.pdb that move between evaluations. OpenMM asks for the mean alone; ASE's
calculator and the reporter for every member. Medians of the turns. Writes
results/cost_of_committee.md and .json.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms

from physrep.checkpoint import Checkpoint, load_checkpoint, new_committee
from physrep.engines.export import export_potential
from physrep.engines.load import LoadedPotential, load_potential
from physrep.ops.skin_list import SkinList
from physrep.prediction import energy_and_forces, predict_members

HERE = Path(__file__).parent
RESULTS = HERE / "results"
MODEL = HERE.parent / "plugin" / "physrep" / "pretrained" / "ean-jat-short.ckpt"
STRUCTURE = HERE.parent / "md_examples" / "ean.pdb"
Work = Callable[[LoadedPotential, torch.Tensor, SkinList, torch.Tensor], object]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--turns", type=int, default=30)
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    atoms = ase.io.read(STRUCTURE)
    assert isinstance(atoms, Atoms)
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), atoms, parsed.members, parsed.turns)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cost_of_committee.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "cost_of_committee.md").write_text(table(found))
    print(table(found))


def measured(folder: Path, atoms: Atoms, n_members: int, turns: int) -> dict[str, float]:
    """Milliseconds of each way."""
    members = [changed_member(k) for k in range(n_members)]
    export_potential(members[0], folder / "one.pt", ops="fused")
    export_potential(new_committee(members), folder / "all.pt", ops="fused")
    one, everyone = load_potential(folder / "one.pt"), load_potential(folder / "all.pt")
    ways: dict[str, tuple[LoadedPotential, Work]] = {
        "one member": (one, mean_alone),
        f"mean of {n_members}": (everyone, mean_alone),
        f"{n_members} members one by one": (everyone, each_member),
    }
    types = torch.tensor([one.symbols.index(s) for s in atoms.get_chemical_symbols()])
    lists = {name: SkinList(one.cutoff) for name in ways}
    cell = torch.from_numpy(atoms.cell.array.copy())
    times: dict[str, list[float]] = {name: [] for name in ways}
    rng = np.random.default_rng(0)
    for _ in range(turns):
        places = torch.from_numpy(atoms.positions + rng.normal(scale=1e-3, size=(len(atoms), 3)))
        for name, (potential, work) in ways.items():
            for timed in (False, True):  # the first call of a turn does not count
                start = time.perf_counter()
                work(potential, types, lists[name], torch.stack([*cell, *places]))
                if timed:
                    times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def changed_member(seed: int) -> Checkpoint:
    """The shipped potential with each parameter changed by some percent."""
    made = load_checkpoint(MODEL)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.potential.parameters():
            parameter.mul_(1.0 + 0.03 * torch.randn(parameter.shape, generator=generator))
    return made


def mean_alone(
    potential: LoadedPotential, types: torch.Tensor, pairs: SkinList, frame: torch.Tensor
) -> object:
    """Energy and forces; frame: the cell's rows, then positions."""
    found = pairs(frame[3:], frame[:3], torch.ones(3, dtype=torch.bool))
    return energy_and_forces(potential.energies, types, found.edge_index, found.vectors)


def each_member(
    potential: LoadedPotential, types: torch.Tensor, pairs: SkinList, frame: torch.Tensor
) -> object:
    """Energy, forces and virial of every member."""
    found = pairs(frame[3:], frame[:3], torch.ones(3, dtype=torch.bool))
    return predict_members(potential.energies, types, found.edge_index, found.vectors)


def table(found: dict[str, float]) -> str:
    """Markdown, ms per evaluation."""
    first = next(iter(found.values()))
    lines = ["| 225 atoms, one thread | ms | ratio |", "|---|---|---|"]
    lines += [f"| {name} | {ms:.1f} | {ms / first:.2f} |" for name, ms in found.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
