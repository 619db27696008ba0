"""Active learning from one config: fit a committee, run MD with it at several temperatures and
densities, label frames on which its members disagree, add them to the data, continue the
fits; until MD stays below the threshold at every condition. The first data are given, or made
from SMILES. The state is on disk: give the command again to go on after any interruption.
Each round leaves OUTPUT/round_N/report.html. Exit code 1 where the loop ends without MD
that stays below the threshold.

Examples:
  physrep active training/configs/active/methanol.yaml
  physrep active ean.yaml md.ps=20 rounds=12 output=runs/ean-active
"""

import argparse
import os

from physrep.cli.verb import check_inputs
from physrep.output import check_output_folder

FILES = ("state.json", "settings.yaml")


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument(
        "config", metavar="CONFIG", help="YAML file; docs/tutorials/active.md explains it"
    )
    verb.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="settings in place of those of the file, e.g. md.ps=20",
    )


def run(parsed: argparse.Namespace) -> int:
    """Go on with the loop to its end."""
    check_inputs(parsed.config)
    # Before an OpenMP library is loaded: tblite's second thread would only wait, and spin.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from physrep_training.active.active_config import load_active
    from physrep_training.active.active_loop import SAID, learn
    from physrep_training.console import run_fit_command

    config = load_active(parsed.config, parsed.overrides)
    inputs = (parsed.config, *config.first_files, *config.extra_files)
    check_output_folder(config.folder, inputs, FILES, "output =")
    outcomes = []

    def work() -> str:
        state = learn(config)
        outcomes.append(state.outcome)
        where = config.folder / f"round_{state.round}"
        return f"active: {SAID[state.outcome]}; {where}/report.html, {where}/fit/committee.ckpt"

    code = run_fit_command("active", work)
    return code or int(outcomes != ["stable"])
