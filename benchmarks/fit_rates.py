"""Molecules per second in fits of PhysRep to QM9, at an earlier commit and now.

    python benchmarks/fit_rates.py qm9.npz --before FOLDER [--molecules 600] [--only WORDS ...]

FOLDER is a copy of the project at the earlier commit (b8fa107: batches of 16 joined by
torch_geometric, denoise in every step) with its own environment, as `make setup` makes it there.

Every contender is a complete `fit.py` in one thread, on the same molecules, drawn evenly from the
file. The time is the processor time of its epochs, from their batches to the averages of the
parameters, so that other load on the machine counts little. They take turns; each number is the
median over the rounds. Writes results/fit_rates.md and .json; --only measures some contenders and
keeps the others' times.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from physrep.io import read_structures, write_npz
from training import OLD_FIT, ROOT, run_fit

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "fit_rates"
OLD_CONFIG, CONFIG = "reliability/physrep_qm9.yaml", "physrep_qm9.yaml"
EPOCHS = 3
ENERGIES = [f"loss.{name}.weight=0" for name in ("mask", "zero_force", "bound", "denoise")]
OBJECTIVES = {"energies alone": ENERGIES, "whole objective": []}
SIZES = (16, 64, 128)  # batches, of the fits now


def contenders() -> dict[str, tuple[bool, list[str]]]:
    """Name -> whether it is that of the earlier commit, and its settings."""
    found: dict[str, tuple[bool, list[str]]] = {}
    for objective, settings in OBJECTIVES.items():
        found[f"before, {objective}, batches of 16"] = (True, settings)
        for size in SIZES:
            found[f"now, {objective}, batches of {size}"] = (
                False,
                [*settings, f"run.batch_size={size}"],
            )
    return found


def molecules_per_second(root: Path, is_old: bool, settings: list[str], data: Path) -> float:
    """Of the epochs of one fit to this file, validation of a twentieth in the last included."""
    config = root / "training" / "configs" / (OLD_CONFIG if is_old else CONFIG)
    with tempfile.TemporaryDirectory() as folder:
        words = [
            f"data.files=[{data}]",
            "data.energy_key=null",
            "data.split={method: random, validation: 0.05, test: 0.0}",
            f"run.epochs={EPOCHS}",
            f"run.validate_every={EPOCHS}",
            "run.cpu_minutes=1000",  # its clock is what is read below
            "run.device=cpu",
            "schedule={kind: constant, warm_up: 0.0}",
            f"output={folder}/fit",
        ]
        start = ["-c", OLD_FIT, root] if is_old else []
        python = root / ".venv" / "bin" / "python" if is_old else sys.executable
        run_fit([python, *start, root / "training" / "fit.py", config, *words, *settings])
        state = torch.load(f"{folder}/fit/last.ckpt", weights_only=False)
        split = json.loads(Path(f"{folder}/fit/split.json").read_text())
    return EPOCHS * len(split["train"]) / state["callbacks"]["TimeLimit"]["spent"]


def markdown(rates: dict[str, list[float]]) -> str:
    """One line for each contender; the ratio is to the earlier fit of the same objective."""
    lines = ["| | molecules per second | x before |", "|---|---|---|"]
    for name in contenders():
        if name not in rates:
            continue
        objective = name.split(", ")[1]
        base = rates.get(f"before, {objective}, batches of 16")
        rate = statistics.median(rates[name])
        ratio = f"{rate / statistics.median(base):.1f}" if base else ""
        lines.append(f"| {name} | {rate:.0f} | {ratio} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="store written by `physrep data qm9`")
    parser.add_argument("--molecules", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--before", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", nargs="+", default=[""], help="names that contain these words")
    args = parser.parse_args()
    stored = RESULTS.with_suffix(".json")
    kept: dict[str, Any] = json.loads(stored.read_text()) if stored.is_file() else {}
    chosen = {k: v for k, v in contenders().items() if all(word in k for word in args.only)}
    rates: dict[str, list[float]] = {k: v for k, v in kept.items() if k not in chosen}
    with tempfile.TemporaryDirectory() as folder:
        structures = read_structures(args.data)
        subset = Path(folder) / "molecules.npz"
        write_npz(subset, structures[:: max(1, len(structures) // args.molecules)])
        for name in list(chosen) * args.rounds:
            is_old, settings = chosen[name]
            print(f"molecules: {name}", file=sys.stderr)
            root = args.before.resolve() if is_old else ROOT
            rate = molecules_per_second(root, is_old, settings, subset)
            rates.setdefault(name, []).append(rate)
            stored.write_text(json.dumps(rates, indent=1) + "\n")
            RESULTS.with_suffix(".md").write_text(markdown(rates))
    print(markdown(rates))


if __name__ == "__main__":
    main()
