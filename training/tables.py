"""Fit the thesis' variants with equal time and write its tables: python training/tables.py

Fits are kept in OUTPUT/<table>/<row>; those that are done are not repeated, an interrupted one goes
on where it stopped. After every fit its table so far is written to OUTPUT/<table>.md and .png. Nine
variants of 15 minutes take more than two hours.
"""

import argparse
import sys
from pathlib import Path

import yaml

from physrep_training.console import run_reporting_mistakes
from physrep_training.tables.tables import Plan, make_tables

PLAN = Path(__file__).parent / "configs" / "thesis" / "tables.yaml"


def main() -> int:
    """Parse and run; exit codes as those of fit.py."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="for every fit")
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--minutes", type=float, help="of each fit, processor time")
    parser.add_argument("--only", action="append", default=[], metavar="TABLE", help="this table")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/thesis-tables"))
    arguments = parser.parse_intermixed_args()

    def work() -> str:
        values = yaml.safe_load(arguments.plan.read_text())
        plan = Plan.parse(values)
        if arguments.minutes is not None:
            tables = [t.model_copy(update={"minutes": None}) for t in plan.tables]
            plan = plan.model_copy(update={"minutes": arguments.minutes, "tables": tables})
        paths = make_tables(plan, arguments.output, arguments.only, arguments.overrides)
        return f"tables: done, {', '.join(map(str, paths))}"

    return run_reporting_mistakes("tables", work)


if __name__ == "__main__":
    sys.exit(main())
