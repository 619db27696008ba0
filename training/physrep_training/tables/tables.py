"""Tables of fits that had the same time: variants of a model, models, objectives, seeds."""

import re
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from physrep.checkpoint import load_checkpoint
from physrep.config import ConfigError
from physrep.figures.plots import bar_figure
from physrep.figures.save import save_figure
from physrep.output import make_folder, write_file
from physrep_training.fit.epoch_log import read_log
from physrep_training.fit.fit_config import FitConfig, load_config
from physrep_training.fit.repeats import committee_errors
from physrep_training.tables.plan import TIME, Column, Plan, Row, Table
from physrep_training.tables.suites import Numbers, measure, measure_tests, measure_time

Results = dict[str, list[Numbers]]  # by the label of the row; one for each seed


def config_of(table: Table, row: Row, settings: Sequence[str]) -> FitConfig:
    """Settings of a row; the ones given count last."""
    common = [] if row.config else table.common
    return load_config(row.config or table.config, [*common, *table.every, *row.set, *settings])


def fit_row(table: Table, row: Row, folder: Path, settings: list[str]) -> Numbers:
    """Numbers, size and length of one fit, from its folder where it is done."""
    config = config_of(table, row, [*settings, f"output={folder}"])
    numbers = measure(table.suite, config) | measure_tests(config, table.tests)
    if table.timed:
        numbers[TIME.key] = measure_time(config, next(iter(table.tests.values())))
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
        ConfigError: an unknown name, a missing file, before any fit; a folder holds a fit with
            other settings.
    """
    unknown = sorted(set(only) - {table.name for table in plan.tables})
    if unknown:
        names = ", ".join(table.name for table in plan.tables)
        raise ConfigError(f"no table is called {unknown[0]!r}; there are {names}")
    make_folder(output)
    chosen = [table for table in plan.tables if not only or table.name in only]
    for table in chosen:
        check_table(table, overrides)
    for table in chosen:
        make_table(table, table.cpu_minutes or plan.cpu_minutes, output, overrides)
    return [output / f"{table.name}.md" for table in chosen]


def check_table(table: Table, overrides: Sequence[str]) -> None:
    """Refuse now what would fail after the first fits of hours.

    Raises:
        ConfigError: a row has wrong settings or a file is missing.
    """
    for row in table.rows:
        if row.fitted:
            config_of(table, row, overrides)
    for name, test in table.tests.items():
        if test.file is not None and not test.file.is_file():
            raise ConfigError(
                f"table {table.name!r}, tests, {name}: {test.file}: no such file; put it there, or "
                "make the other tables alone (--only)"
            )


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
    drawn = table.drawn
    values = {label: mean_and_spread(fits, drawn.key)[0] for label, fits in results.items()}
    for row in table.rows:
        if not row.fitted and drawn.key in table.published(row):
            values[f"{row.label}, quoted"] = table.published(row)[drawn.key]
    save_figure(bar_figure(values, drawn.title), output / f"{table.name}.png")


def table_text(table: Table, results: Results) -> str:
    """Markdown of one table; rows that are not fitted yet are skipped.

    Published numbers of a row that is fitted too have columns of their own.
    """
    ours = [table.published(row) for row in table.rows if row.fitted]
    shown = [c for c in table.columns if any(c.key in published for published in ours)]
    titles = [c.title for c in table.columns] + [f"published {c.title}" for c in shown]
    titles += ["of the committee"] if table.has_committees else []
    heads = ["", *titles, "parameters", "epochs", "remark"]
    lines = [f"## {table.title}\n", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in table.rows:
        if row.fitted and row.label not in results:
            continue
        measured = _cells(table.columns, table.published(row))
        known, committee, rest = [""] * len(shown), "", ["", "", f"quoted: {row.source}"]
        if row.fitted:
            fits = results[row.label]
            measured, rest = _numbers(table, fits), _about(fits)
            known, committee = _cells(shown, table.published(row)), _committee_cell(fits)
        last = [committee] if table.has_committees else []
        lines.append("| " + " | ".join([row.label, *measured, *known, *last, *rest]) + " |")
    return "\n".join(lines) + "\n"


def _cells(columns: Sequence[Column], numbers: Mapping[str, float]) -> list[str]:
    return [format(numbers[c.key], c.format) if c.key in numbers else "" for c in columns]


def _numbers(table: Table, fits: list[Numbers]) -> list[str]:
    """Cells of the table's columns: means, and spreads of several seeds."""
    cells = []
    for column in table.columns:
        mean, spread = mean_and_spread(fits, column.key)
        text = format(mean, column.format)
        cells.append(f"{text} ± {spread:{column.format}}" if len(fits) > 1 else text)
    return cells


def _about(fits: list[Numbers]) -> list[str]:
    """Parameters, epochs, remark."""
    epochs = statistics.mean(one["epochs"] for one in fits)
    collapsed = sum(one["collapsed"] for one in fits)
    remark = "" if not collapsed else f"collapsed: {collapsed} of {len(fits)}"
    return [f"{fits[0]['parameters']:,}", f"{epochs:.0f}", remark]


def _committee_cell(fits: list[Numbers]) -> str:
    value = fits[-1].get("committee")
    return "" if value is None else f"{value:.4f}"


def mean_and_spread(fits: Sequence[dict[str, Any]], key: str) -> tuple[float, float]:
    """Mean and standard deviation over the seeds; NaN where a fit has no such number."""
    values = [float("nan") if one[key] is None else float(one[key]) for one in fits]
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
