"""Tables of fits that had the same time: variants of a model, models, objectives, seeds."""

import re
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from physrep.checkpoint import load_checkpoint
from physrep.config import ConfigError, StrictModel
from physrep.figures.plots import bar_figure
from physrep_training.fit.callbacks import read_log
from physrep_training.fit.fit_config import load_config, read_yaml
from physrep_training.fit.repeats import committee_errors
from physrep_training.tables.suites import DRAWN, SUITES, Column, Numbers, measure

Results = dict[str, list[Numbers]]  # by the label of the row; one for each seed


class Row(StrictModel):
    """One fit: settings on top of the table's; ``config`` replaces config and common settings.

    published: numbers of the paper, by the name of the column (a single one: of the first column).
    fitted: false for rows of the paper alone.
    """

    label: str
    set: list[str] = []
    config: Path | None = None
    published: float | dict[str, float] = {}
    fitted: bool = True


class Table(StrictModel):
    """Fits that are compared with each other.

    minutes: processor time of each fit, the plan's by default;
    seeds: fits of each row, run.seed 0, 1, ...; common: settings of rows without a config of their
    own; every: settings of all rows.
    """

    name: str
    title: str
    config: Path
    suite: Literal["errors", "reliability", "paths"] = "errors"
    minutes: Annotated[float, Field(gt=0)] | None = None
    seeds: Annotated[int, Field(gt=0)] = 1
    common: list[str] = []
    every: list[str] = []
    rows: list[Row]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The numbers of its suite."""
        return SUITES[self.suite]

    @property
    def has_committees(self) -> bool:
        """Whether the mean of the seeds' forces is judged too."""
        return self.suite == "errors" and self.seeds > 1

    def published(self, row: Row) -> dict[str, float]:
        """The paper's numbers of a row by column."""
        if isinstance(row.published, float):
            return {self.columns[0].key: row.published}
        return row.published


class Plan(StrictModel):
    """All tables and the time of each fit."""

    minutes: float
    tables: list[Table]


def load_plan(path: Path, minutes: float | None = None) -> Plan:
    """Read a plan (YAML).

    Args:
        minutes: processor time of every fit, in place of the plan's.
    Raises:
        ConfigError: no such file, or it is not a plan.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; give the plan of the tables with --plan")
    plan = Plan.parse(read_yaml(path))
    if minutes is None:
        return plan
    tables = [table.model_copy(update={"minutes": None}) for table in plan.tables]
    return plan.model_copy(update={"minutes": minutes, "tables": tables})


def fit_row(table: Table, row: Row, folder: Path, settings: list[str]) -> Numbers:
    """Numbers, size and length of one fit, from its folder where it is done."""
    common = [] if row.config else table.common
    chosen = [*common, *table.every, *row.set, *settings, f"output={folder}"]
    config = load_config(row.config or table.config, chosen)
    numbers = measure(table.suite, config)
    best = load_checkpoint(folder / "best.ckpt")
    return {
        **numbers,
        "parameters": sum(p.numel() for p in best.potential.parameters()),
        "epochs": len(read_log(folder / "log.csv")),
        "collapsed": best.training.get("collapsed", False),
    }


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
    output.mkdir(parents=True, exist_ok=True)
    chosen = [table for table in plan.tables if not only or table.name in only]
    for table in chosen:
        make_table(table, table.minutes or plan.minutes, output, overrides)
    return [output / f"{table.name}.md" for table in chosen]


def make_table(table: Table, minutes: float, output: Path, overrides: Sequence[str]) -> None:
    """Seed by seed, so that all rows have a first number early."""
    results: Results = {}
    for seed in range(table.seeds):
        for row in table.rows:
            if not row.fitted:
                continue
            print(f"tables: {table.name}: {row.label}, seed {seed}", flush=True)
            folder = output / table.name / re.sub(r"[^A-Za-z0-9]+", "_", row.label)
            settings = [f"run.minutes={minutes}"]
            if not any(item.startswith("run.epochs=") for item in (*table.every, *row.set)):
                settings.append("run.epochs=100000")
            if table.seeds > 1:
                folder = folder / f"seed_{seed}"
                settings.append(f"run.seed={seed}")
            found = fit_row(table, row, folder, [*settings, *overrides])
            if table.has_committees and seed + 1 == table.seeds:
                found["committee"] = committee_mae(folder.parent, table.seeds)
            results.setdefault(row.label, []).append(found)
            write_table(table, results, minutes, output)


def committee_mae(folder: Path, n_seeds: int) -> float:
    """Force MAE (eV/A) of the mean of the seeds, NaN where they were tested on different parts."""
    folders = [folder / f"seed_{k}" for k in range(n_seeds)]
    if len({(here / "split.json").read_text() for here in folders}) > 1:
        return float("nan")
    keys = load_config(folders[0] / "config.yaml").data.keys
    return committee_errors(folders, **keys)["force_mae"]


def write_table(table: Table, results: Results, minutes: float, output: Path) -> None:
    """What is known so far, as Markdown and figure."""
    intro = f"Each fit had {minutes:g} minutes of processor time; command: {shlex.join(sys.argv)}\n"
    text = "\n".join([table_text(table, results), intro])
    (output / f"{table.name}.md").write_text(text)
    (drawn,) = [column for column in table.columns if column.key == DRAWN[table.suite]]
    values = {label: mean_and_spread(found, drawn.key)[0] for label, found in results.items()}
    bar_figure(values, f"{drawn.title}, test part").savefig(output / f"{table.name}.png")


def table_text(table: Table, results: Results) -> str:
    """Markdown of one table; rows that are not fitted yet are left out."""
    shown = [c for c in table.columns if any(c.key in table.published(row) for row in table.rows)]
    titles = [c.title for c in table.columns] + [f"published {c.title}" for c in shown]
    titles += ["of the committee"] if table.has_committees else []
    heads = ["", *titles, "parameters", "epochs", "remark"]
    lines = [f"## {table.title}\n", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in table.rows:
        if row.fitted and row.label not in results:
            continue
        cells = [row.label, *_numbers(table, results.get(row.label, []))]
        published = table.published(row)
        known = [format(published[c.key], c.format) if c.key in published else "" for c in shown]
        if table.has_committees:
            known.append(_committee_cell(results.get(row.label, [])))
        lines.append("| " + " | ".join([*cells[:-3], *known, *cells[-3:]]) + " |")
    return "\n".join(lines) + "\n"


def _numbers(table: Table, found: list[Numbers]) -> list[str]:
    """Cells of one row: the suite's columns, parameters, epochs, remark."""
    if not found:
        return [*([""] * len(table.columns)), "", "", "published numbers alone"]
    cells = []
    for column in table.columns:
        mean, spread = mean_and_spread(found, column.key)
        text = format(mean, column.format)
        cells.append(f"{text} ± {spread:{column.format}}" if len(found) > 1 else text)
    epochs = statistics.mean(one["epochs"] for one in found)
    collapsed = sum(one["collapsed"] for one in found)
    remark = "" if not collapsed else f"collapsed: {collapsed} of {len(found)}"
    return [*cells, f"{found[0]['parameters']:,}", f"{epochs:.0f}", remark]


def _committee_cell(found: list[Numbers]) -> str:
    value = found[-1].get("committee") if found else None
    return "" if value is None else f"{value:.4f}"


def mean_and_spread(found: Sequence[dict[str, Any]], key: str) -> tuple[float, float]:
    """Mean and standard deviation over the seeds; NaN where a fit has no such number."""
    values = [float("nan") if one[key] is None else float(one[key]) for one in found]
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
