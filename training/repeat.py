"""The same fit over several seeds: python training/repeat.py CONFIG [key=value ...] --seeds 5

Every seed draws its own start and, with split.method random, its own split. Folders are
OUTPUT/seed_0 and so on; seeds that are done are not fitted again, an interrupted one goes on where
it stopped. Writes OUTPUT/errors.json: each seed's errors, their mean and standard deviation.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from fit import run_reporting_mistakes
from physrep_training.config import load_config
from physrep_training.fitting import fit


def errors_of(config_file: str, overrides: list[str], folder: Path, seed: int) -> dict:
    """Errors of one seed's fit, from its folder where it is done."""
    here = folder / f"seed_{seed}"
    if not (here / "errors.json").is_file():
        chosen = load_config(config_file, [*overrides, f"output={here}", f"run.seed={seed}"])
        fit(chosen, resume=(here / "last.ckpt").is_file())
    return json.loads((here / "errors.json").read_text())


def summarise(errors: list[dict]) -> dict:
    """Mean and standard deviation over the seeds of every number they all have."""
    columns = {key: [e.get(key) for e in errors] for key in errors[0]}
    columns = {k: v for k, v in columns.items() if all(isinstance(x, float) for x in v)}
    return {
        key: {"mean": statistics.mean(v), "std": statistics.stdev(v) if len(v) > 1 else 0.0}
        for key, v in columns.items()
    }


def repeat(arguments: argparse.Namespace) -> str:
    """Fit what is missing, write errors.json; returns the line to print at the end."""
    config = load_config(arguments.config, arguments.overrides)
    seeds = range(arguments.seeds)
    found = [errors_of(arguments.config, arguments.overrides, config.folder, k) for k in seeds]
    summary = {"seeds": found, "summary": summarise(found)}
    (config.folder / "errors.json").write_text(json.dumps(summary, indent=1) + "\n")
    for name, values in summary["summary"].items():
        print(f"{name:26s} {values['mean']:.4g} +- {values['std']:.2g}")
    return f"repeat: done, {config.folder / 'errors.json'}"


def main() -> int:
    """Parse and run; exit codes as those of fit.py."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_intermixed_args()
    return run_reporting_mistakes("repeat", lambda: repeat(arguments))


if __name__ == "__main__":
    sys.exit(main())
