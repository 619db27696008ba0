"""Tables of fits that had the same time: variants of a model, models, seeds."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from physrep.analysis.plots import bar_figure
from physrep.checkpoint import load_checkpoint
from physrep.config import ConfigError, StrictModel
from physrep_training.callbacks import read_log
from physrep_training.config import load_config
from physrep_training.fitting import finish_fit

HEADER = ("variant", "force MAE (eV/A)", "force RMSE", "published MAE", "parameters", "epochs", "")


Results = dict[str, dict[str, Any]]  # by the label of the row


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
    table: Table, row: Row, folder: Path, budget: list[str], overrides: Sequence[str]
) -> dict[str, Any]:
    """Errors, size and length of one fit, from its folder where it is done."""
    common = [] if row.config else table.common
    chosen = [*budget, *common, *row.set, *overrides, f"output={folder}"]
    config = load_config(row.config or table.config, chosen)
    errors = finish_fit(config)
    best = load_checkpoint(folder / "best.ckpt")
    return {
        **errors,
        "parameters": sum(p.numel() for p in best.potential.parameters()),
        "epochs": len(read_log(folder / "log.csv")),
        "collapsed": best.training["collapsed"],
    }


def table_text(table: Table, results: Results) -> str:
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


def make_tables(plan: Plan, output: Path, only: Sequence[str], overrides: Sequence[str]) -> Path:
    """Fit everything that is missing and write tables.md and the figures after each fit.

    Args:
        only: names of the tables wanted, all where empty; overrides: settings for every fit.
    Raises:
        ConfigError: a name that is no table's.
    """
    unknown = sorted(set(only) - {table.name for table in plan.tables})
    if unknown:
        names = ", ".join(table.name for table in plan.tables)
        raise ConfigError(f"no table is called {unknown[0]!r}; there are {names}")
    budget = [f"run.minutes={plan.minutes}", "run.epochs=100000"]
    chosen = [table for table in plan.tables if not only or table.name in only]
    results: dict[str, Results] = {table.name: {} for table in chosen}
    output.mkdir(parents=True, exist_ok=True)
    for table in chosen:
        for row in table.rows:
            print(f"tables: {table.name}: {row.label}", flush=True)
            folder = output / table.name / re.sub(r"[^A-Za-z0-9]+", "_", row.label)
            results[table.name][row.label] = fit_row(table, row, folder, budget, overrides)
            write_tables(plan, chosen, results, output)
    return output / "tables.md"


def write_tables(
    plan: Plan, tables: Sequence[Table], results: dict[str, Results], output: Path
) -> None:
    """What is known so far, as Markdown and one figure for each table."""
    known = [table for table in tables if results[table.name]]
    texts = [table_text(table, results[table.name]) for table in known]
    intro = f"Each fit had {plan.minutes:g} minutes; command: {shlex.join(sys.argv)}\n"
    (output / "tables.md").write_text("\n".join([intro, *texts]))
    for table in known:
        maes = {label: found["force_mae"] for label, found in results[table.name].items()}
        figure = bar_figure(maes, "Force MAE on the test part (eV/Å)")
        figure.savefig(output / f"{table.name}.png")
