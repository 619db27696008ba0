"""Tables of fits that had the same time: variants of a model, models, objectives, seeds."""

import re
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from physrep.checkpoint import load_checkpoint
from physrep.config import ConfigError, StrictModel
from physrep.figures.plots import bar_figure
from physrep.figures.save import save_figure
from physrep.output import make_folder, write_file
from physrep_training.bounds import Count, Positive
from physrep_training.fit.epoch_log import read_log
from physrep_training.fit.fit_config import load_config, read_yaml
from physrep_training.fit.repeats import committee_errors
from physrep_training.tables.suites import (
    DRAWN,
    SUITES,
    Column,
    Numbers,
    columns_of_tests,
    measure,
    measure_tests,
)

Results = dict[str, list[Numbers]]  # by the label of the row; one for each seed


class Row(StrictModel):
    """One fit, or several with different seeds."""

    label: str
    """Name of the row."""
    set: list[str] = []
    """Settings of this row, key=value."""
    config: Path | None = None
    """YAML file in place of the table's config and its common settings."""
    published: float | dict[str, float] = {}
    """Published numbers by the name of the column; a single number is that of the first column."""
    fitted: bool = True
    """false for rows that have published numbers only."""


class Table(StrictModel):
    """Fits that are compared with each other."""

    renamed = {"minutes": "cpu_minutes"}

    name: str
    """Name of the table and of its folder."""
    title: str
    """Heading of the table."""
    config: Path
    """YAML file of the fits."""
    suite: Literal["errors", "reliability", "paths"] = "errors"
    """What is measured on the test part."""
    cpu_minutes: Positive | None = None
    """[min] Processor time of each fit; default: the plan's."""
    seeds: Count = 1
    """Fits of each row, with run.seed 0, 1, ..."""
    common: list[str] = []
    """Settings, key=value, of the rows that have no config of their own."""
    every: list[str] = []
    """Settings, key=value, of all rows."""
    tests: dict[str, Path] = {}
    """Files of labelled structures that every fit is judged on as well, by the name that they have
    in the table."""
    rows: list[Row]
    """Rows in the order of the table."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The numbers of its suite and of its further tests."""
        return SUITES[self.suite] + columns_of_tests(self.tests)

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

    renamed = {"minutes": "cpu_minutes"}

    cpu_minutes: Positive
    """[min] Processor time of each fit."""
    tables: list[Table]
    """Tables, fitted in this order."""


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
    tables = [table.model_copy(update={"cpu_minutes": None}) for table in plan.tables]
    return plan.model_copy(update={"cpu_minutes": minutes, "tables": tables})


def fit_row(table: Table, row: Row, folder: Path, settings: list[str]) -> Numbers:
    """Numbers, size and length of one fit, from its folder where it is done."""
    common = [] if row.config else table.common
    chosen = [*common, *table.every, *row.set, *settings, f"output={folder}"]
    config = load_config(row.config or table.config, chosen)
    numbers = measure(table.suite, config) | measure_tests(config, table.tests)
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
        ConfigError: an unknown name; a folder holds a fit with other settings.
    """
    unknown = sorted(set(only) - {table.name for table in plan.tables})
    if unknown:
        names = ", ".join(table.name for table in plan.tables)
        raise ConfigError(f"no table is called {unknown[0]!r}; there are {names}")
    make_folder(output)
    chosen = [table for table in plan.tables if not only or table.name in only]
    for table in chosen:
        make_table(table, table.cpu_minutes or plan.cpu_minutes, output, overrides)
    return [output / f"{table.name}.md" for table in chosen]


def make_table(table: Table, minutes: float, output: Path, overrides: Sequence[str]) -> None:
    """Fit seed by seed, so that every row has a first number early."""
    results: Results = {}
    for seed in range(table.seeds):
        for row in table.rows:
            if not row.fitted:
                continue
            print(f"tables: {table.name}: {row.label}, seed {seed}", flush=True)
            folder = output / table.name / re.sub(r"[^A-Za-z0-9]+", "_", row.label)
            settings = [f"run.cpu_minutes={minutes}"]
            if not any(item.startswith("run.epochs=") for item in (*table.every, *row.set)):
                settings.append("run.epochs=100000")
            if table.seeds > 1:
                folder = folder / f"seed_{seed}"
                settings.append(f"run.seed={seed}")
            numbers = fit_row(table, row, folder, [*settings, *overrides])
            if table.has_committees and seed + 1 == table.seeds:
                numbers["committee"] = committee_mae(folder.parent, table.seeds)
            results.setdefault(row.label, []).append(numbers)
            write_table(table, results, minutes, output)


def committee_mae(folder: Path, n_seeds: int) -> float:
    """Force MAE (eV/A) of the mean of the seeds, NaN where they were tested on different parts."""
    folders = [folder / f"seed_{k}" for k in range(n_seeds)]
    if len({(here / "split.json").read_text() for here in folders}) > 1:
        return float("nan")
    keys = load_config(folders[0] / "config.yaml").data.keys
    return committee_errors(folders, **keys)["force_mae"]


def write_table(table: Table, results: Results, minutes: float, output: Path) -> None:
    """Write the numbers so far, as Markdown and as a figure."""
    intro = f"Each fit had {minutes:g} minutes of processor time; command: {shlex.join(sys.argv)}\n"
    text = "\n".join([table_text(table, results), intro])
    write_file(output / f"{table.name}.md", text)
    (drawn,) = [column for column in table.columns if column.key == DRAWN[table.suite]]
    values = {label: mean_and_spread(fits, drawn.key)[0] for label, fits in results.items()}
    save_figure(bar_figure(values, f"{drawn.title}, test part"), output / f"{table.name}.png")


def table_text(table: Table, results: Results) -> str:
    """Markdown of one table; rows that are not fitted yet are skipped."""
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


def _numbers(table: Table, fits: list[Numbers]) -> list[str]:
    """Cells of one row: the suite's columns, parameters, epochs, remark."""
    if not fits:
        return [*([""] * len(table.columns)), "", "", "published numbers only"]
    cells = []
    for column in table.columns:
        mean, spread = mean_and_spread(fits, column.key)
        text = format(mean, column.format)
        cells.append(f"{text} ± {spread:{column.format}}" if len(fits) > 1 else text)
    epochs = statistics.mean(one["epochs"] for one in fits)
    collapsed = sum(one["collapsed"] for one in fits)
    remark = "" if not collapsed else f"collapsed: {collapsed} of {len(fits)}"
    return [*cells, f"{fits[0]['parameters']:,}", f"{epochs:.0f}", remark]


def _committee_cell(fits: list[Numbers]) -> str:
    value = fits[-1].get("committee") if fits else None
    return "" if value is None else f"{value:.4f}"


def mean_and_spread(fits: Sequence[dict[str, Any]], key: str) -> tuple[float, float]:
    """Mean and standard deviation over the seeds; NaN where a fit has no such number."""
    values = [float("nan") if one[key] is None else float(one[key]) for one in fits]
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
