"""The same fit over several seeds. Every seed draws its own starting parameters and,
with data.split.method random, its own split. Fits are kept in OUTPUT/seed_0 and so on;
those that are done are not repeated. OUTPUT/errors.json gets the errors of each seed,
their mean and standard deviation and, where the split is the same, the errors of the
committee; OUTPUT/committee.ckpt is that committee.

Examples:
  physrep repeat config.yaml --seeds 5
  physrep repeat config.yaml run.epochs=20 --seeds 3
"""

import argparse

from physrep.cli.verb import add_config, add_number, check_config


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    add_config(verb)
    add_number(verb, "--seeds", "fits with run.seed 0 to N - 1 (default 5)", default=5)


def run(parsed: argparse.Namespace) -> int:
    """Fit every seed; print mean and standard deviation of each error."""
    check_config(parsed.config, parsed.overrides)
    from physrep_training.console import run_fit_command
    from physrep_training.fit.repeats import repeat_fit, summary_lines

    def work() -> str:
        errors = repeat_fit(parsed.config, parsed.overrides, parsed.seeds)
        return "\n".join([*summary_lines(errors), "repeat: done"])

    return run_fit_command("repeat", work)
