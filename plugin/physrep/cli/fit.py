"""Fit a potential to labelled data.

Examples:
  physrep fit config.yaml
  physrep fit config.yaml run.epochs=20 model.cutoff=4.5 output=runs/trial
  physrep fit config.yaml --resume
"""

import argparse

from physrep.cli.verb import add_config, check_config
from physrep.output import check_output_folder

FILES = ("config.yaml", "split.json", "log.csv", "best.ckpt", "last.ckpt", "errors.json")


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    add_config(verb)
    verb.add_argument("--resume", action="store_true", help="continue an interrupted fit")


def run(parsed: argparse.Namespace) -> int:
    """Fit; exit code 1 where the loss diverges."""
    check_config(parsed.config, parsed.overrides)
    from physrep_training.console import run_fit_command
    from physrep_training.fit.fit_config import load_config
    from physrep_training.fit.fitting import fit

    def work() -> str:
        config = load_config(parsed.config, parsed.overrides)
        if not parsed.resume:
            inputs = (parsed.config, *config.data.files, config.start_from)
            check_output_folder(config.folder, inputs, FILES, "output =")
        return f"fit: done, {fit(config, parsed.resume)}"

    return run_fit_command("fit", work)
