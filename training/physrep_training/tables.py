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
        "collapsed": best.training.get("collapsed", False),
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


def make_tables(
    plan: Plan, output: Path, only: Sequence[str], overrides: Sequence[str]
) -> list[Path]:
    """Fit everything that is missing; write NAME.md and NAME.png of a table after each fit.

    Two calls with different tables may run side by side in the same folder.

    Args:
        only: names of the tables wanted, all where empty; overrides: settings for every fit.
    Returns:
        the Markdown files.
    Raises:
        ConfigError: a name that is no table's; a folder holds a fit with other settings.
    """
    unknown = sorted(set(only) - {table.name for table in plan.tables})
    if unknown:
        names = ", ".join(table.name for table in plan.tables)
        raise ConfigError(f"no table is called {unknown[0]!r}; there are {names}")
    budget = [f"run.minutes={plan.minutes}", "run.epochs=100000"]
    output.mkdir(parents=True, exist_ok=True)
    chosen = [table for table in plan.tables if not only or table.name in only]
    for table in chosen:
        results: Results = {}
        for row in table.rows:
            print(f"tables: {table.name}: {row.label}", flush=True)
            folder = output / table.name / re.sub(r"[^A-Za-z0-9]+", "_", row.label)
            results[row.label] = fit_row(table, row, folder, budget, overrides)
            write_table(table, results, plan.minutes, output)
    return [output / f"{table.name}.md" for table in chosen]


def write_table(table: Table, results: Results, minutes: float, output: Path) -> None:
    """What is known so far, as Markdown and figure."""
    intro = f"Each fit had {minutes:g} minutes of processor time; command: {shlex.join(sys.argv)}\n"
    text = "\n".join([table_text(table, results), intro])
    (output / f"{table.name}.md").write_text(text)
    maes = {label: found["force_mae"] for label, found in results.items()}
    figure = bar_figure(maes, "Force MAE on the test part (eV/Å)")
    figure.savefig(output / f"{table.name}.png")
