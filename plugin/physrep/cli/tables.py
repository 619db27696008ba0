"""Fit the variants that a plan lists with equal processor time and write tables of
their errors. Fits are kept in OUTPUT/TABLE/ROW: those that are done are not repeated,
an interrupted one continues. After every fit its table so far is written to
OUTPUT/TABLE.md and .png. Nine variants of 15 minutes take more than two hours.

Examples:
  physrep tables --plan tables.yaml --minutes 10 -o runs/tables
  physrep tables run.threads=1 --plan tables.yaml --only models
"""

import argparse
from pathlib import Path

from physrep.cli.verb import check_inputs, check_number
from physrep.output import check_output_folder


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("overrides", nargs="*", metavar="key=value", help="for every fit")
    verb.add_argument(
        "--plan",
        type=Path,
        default=Path("training/configs/thesis/tables.yaml"),
        metavar="FILE",
        help="YAML file of the tables and their rows (default %(default)s)",
    )
    verb.add_argument(
        "--minutes",
        type=float,
        metavar="MIN",
        help="processor time of each fit, in minutes; default: the plan's",
    )
    verb.add_argument(
        "--only", action="append", default=[], metavar="TABLE", help="this table; repeatable"
    )
    verb.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("runs/thesis-tables"),
        metavar="DIR",
        help="default %(default)s",
    )


def run(parsed: argparse.Namespace) -> int:
    """Fit what is missing and write the tables."""
    check_inputs(parsed.plan)
    check_number("--minutes", parsed.minutes, "minutes")
    check_output_folder(parsed.output, (parsed.plan,))
    from physrep_training.console import run_fit_command
    from physrep_training.tables.plan import load_plan
    from physrep_training.tables.tables import make_tables

    def work() -> str:
        plan = load_plan(parsed.plan, parsed.minutes)
        paths = make_tables(plan, parsed.output, parsed.only, parsed.overrides)
        return f"tables: done, {', '.join(map(str, paths))}"

    return run_fit_command("tables", work)
