"""Fit the thesis' variants with equal time and write its tables: python training/tables.py

Fits are kept in OUTPUT/<table>/<row>; those that are done are not repeated, an interrupted one goes
on where it stopped. After every fit the tables so far are written to OUTPUT/tables.md, with one
figure each. Nine variants of 15 minutes take more than two hours.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from fit import run_reporting_mistakes
from physrep.analysis.plots import bar_figure
from physrep.checkpoint import load_checkpoint
from physrep.config import StrictModel
from physrep_training.callbacks import read_log
from physrep_training.config import load_config
from physrep_training.fitting import fit

HEADER = ("variant", "force MAE (eV/A)", "force RMSE", "published MAE", "parameters", "epochs", "")
HERE = Path(__file__).parent / "configs" / "thesis" / "tables.yaml"


class Row(StrictModel):
    """One fit: settings on top of the table's; ``config`` replaces config and common settings."""

    label: str
    set: list[str] = []
    config: Path | None = None
    published: float | None = None


class Table(StrictModel):
    """Fits that are compared with each other."""

    name: str
    title: str
    config: Path
    common: list[str] = []
    rows: list[Row]


class Plan(StrictModel):
    """All tables and the time of each fit."""

    minutes: float
    tables: list[Table]


def fit_row(
    table: Table, row: Row, folder: Path, budget: list[str], overrides: list[str]
) -> dict[str, Any]:
    """Errors, size and length of one fit, from its folder where it is done."""
    common = [] if row.config else table.common
    chosen = [*budget, *common, *row.set, *overrides, f"output={folder}"]
    config = load_config(row.config or table.config, chosen)
    if not (folder / "errors.json").is_file():
        fit(config, resume=(folder / "last.ckpt").is_file())
    best = load_checkpoint(folder / "best.ckpt")
    return {
        **json.loads((folder / "errors.json").read_text()),
        "parameters": sum(p.numel() for p in best.potential.parameters()),
        "epochs": len(read_log(folder / "log.csv")),
        "collapsed": best.training["collapsed"],
    }


def table_text(table: Table, results: dict[str, dict[str, Any]]) -> str:
    """Markdown of one table; rows that are not fitted yet are left out."""
    lines = [f"## {table.title}\n", "| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    for row in table.rows:
        found = results.get(row.label)
        if found is None:
            continue
        published = "" if row.published is None else f"{row.published:.3f}"
        cells = (
            row.label,
            f"{found['force_mae']:.4f}",
            f"{found['force_rmse']:.4f}",
            published,
            f"{found['parameters']:,}",
            str(found["epochs"]),
            "collapsed" if found["collapsed"] else "",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def make_tables(arguments: argparse.Namespace) -> str:
    """Fit everything that is missing and write after each fit; returns the last line to print."""
    plan = Plan.parse(yaml.safe_load(arguments.plan.read_text()))
    minutes = arguments.minutes or plan.minutes
    budget = [f"run.minutes={minutes}", "run.epochs=100000"]
    results: dict[str, dict[str, dict[str, Any]]] = {table.name: {} for table in plan.tables}
    chosen = [t for t in plan.tables if not arguments.only or t.name in arguments.only]
    arguments.output.mkdir(parents=True, exist_ok=True)
    for table in chosen:
        for row in table.rows:
            print(f"tables: {table.name}: {row.label}", flush=True)
            folder = arguments.output / table.name / re.sub(r"[^A-Za-z0-9]+", "_", row.label)
            results[table.name][row.label] = fit_row(
                table, row, folder, budget, arguments.overrides
            )
            texts = [table_text(t, results[t.name]) for t in chosen if results[t.name]]
            intro = f"Each fit had {minutes:g} minutes; command: {' '.join(sys.argv)}\n"
            (arguments.output / "tables.md").write_text("\n".join([intro, *texts]))
        maes = {label: found["force_mae"] for label, found in results[table.name].items()}
        figure = bar_figure(maes, "Force MAE on the test part (eV/Å)")
        figure.savefig(arguments.output / f"{table.name}.png")
    return f"tables: done, {arguments.output / 'tables.md'}"


def main() -> int:
    """Parse and run; exit codes as those of fit.py."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="for every fit")
    parser.add_argument("--plan", type=Path, default=HERE)
    parser.add_argument("--minutes", type=float, help="of each fit")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="names of the tables wanted")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/thesis-tables"))
    arguments = parser.parse_intermixed_args()
    return run_reporting_mistakes("tables", lambda: make_tables(arguments))


if __name__ == "__main__":
    sys.exit(main())
