"""The same fit over several seeds: the spread of its errors, and the committee of its results."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ase.calculators.mixing import AverageCalculator

from physrep.checkpoint import load_checkpoint, new_committee, save_checkpoint
from physrep.config import ConfigError
from physrep.engines.ase import PhysRepCalculator
from physrep.output import write_file
from physrep.progress import say
from physrep.studies.evaluate.label_errors import evaluate
from physrep_training.data.splits import load_part
from physrep_training.fit.fit_config import FitConfig, load_config
from physrep_training.fit.fitting import finish_fit

Numbers = dict[str, Any]


def repeat_fit(config_file: str, overrides: Sequence[str], n_seeds: int) -> Numbers:
    """Fit with run.seed 0 to n_seeds - 1, each in its folder, and compare.

    Seeds that are done are not fitted again, an interrupted one continues where it stopped.

    Returns:
        ``seeds`` (the errors of each), ``summary`` (mean and standard deviation of each number)
        and, where all seeds were tested on the same structures, ``committee`` (errors of the mean
        of their energies and forces). Written to errors.json in the folder, too; beside it
        committee.ckpt, of two or more seeds.
    """
    folder = load_config(config_file, list(overrides)).folder
    configs = [
        load_config(config_file, [*overrides, f"output={folder}/seed_{k}", f"run.seed={k}"])
        for k in range(n_seeds)
    ]
    return fit_all(configs, folder)


def fit_all(configs: Sequence[FitConfig], folder: Path) -> Numbers:
    """Finish these fits and compare them; files and returned numbers as of :func:`repeat_fit`.

    configs: of the members, each with a folder of its own; folder: for what is of all of them.
    """
    errors = [finish_fit(config) for config in configs]
    seeds = [config.folder for config in configs]
    comparison: Numbers = {"seeds": errors, "summary": summarise(errors)}
    splits = {(here / "split.json").read_text() for here in seeds}
    if len(splits) == 1 and len(seeds) > 1 and errors[0]["force_mae"] is not None:
        comparison["committee"] = committee_errors(seeds, **configs[0].data.keys)
    if len(seeds) > 1:
        write_committee(seeds, folder / "committee.ckpt")
    write_file(folder / "errors.json", json.dumps(comparison, indent=1) + "\n")
    return comparison


def write_committee(folders: Sequence[Path], path: Path) -> None:
    """Of the best checkpoints in these folders; says why where they make none."""
    members = [load_checkpoint(folder / "best.ckpt") for folder in folders]
    try:
        committee = new_committee(members, [folder.name for folder in folders])
    except ConfigError as error:  # the fits are sound by themselves
        say("repeat", f"no {path.name}: {error}")
        return
    save_checkpoint(committee, path)


def summarise(errors: Sequence[Numbers]) -> Numbers:
    """Mean and standard deviation of every number that all of them have."""
    columns: dict[str, list[Any]] = {key: [e.get(key) for e in errors] for key in errors[0]}
    columns = {key: v for key, v in columns.items() if all(isinstance(x, float) for x in v)}
    return {
        key: {"mean": statistics.mean(v), "std": statistics.stdev(v) if len(v) > 1 else 0.0}
        for key, v in columns.items()
    }


def summary_lines(errors: Numbers) -> list[str]:
    """What `repeat_fit` returns, one line for each error: mean and standard deviation."""
    lines = [
        f"{name:26s} {values['mean']:.4g} +- {values['std']:.2g}"
        for name, values in errors["summary"].items()
    ]
    if "committee" in errors:
        lines.append(f"force_mae of the committee {errors['committee']['force_mae']:.4g}")
    return lines


def committee_errors(folders: Sequence[Path], **keys: str | None) -> Numbers:
    """Errors of the mean of the fits in these folders on the first one's test part.

    keys: names of the labels in the data.
    """
    members = [PhysRepCalculator(folder / "best.ckpt", check_contacts=False) for folder in folders]
    structures = load_part(folders[0] / "split.json", "test", **keys)
    return asdict(evaluate(AverageCalculator(members), structures))
