"""Stage report: a round in numbers (report.json), as a page and as a picture."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from physrep.config import ConfigError
from physrep.figures.active_plots import round_figure
from physrep.figures.page import Block, Paragraph, Picture, Section, Table, html_page
from physrep.figures.save import save_figure
from physrep.io import read_structures
from physrep.output import write_file
from physrep.studies.evaluate.calibration import Calibration, Compared, calibrate
from physrep_training.active.active_layout import Work
from physrep_training.active.explore import calculators, in_words, runs_of
from physrep_training.active.explored_run import ExploredRun
from physrep_training.labels.read_frames import read_frames

Numbers = dict[str, Any]


def report(work: Work) -> None:
    """Write report.json, report.png and report.html of the round."""
    runs = runs_of(work)
    calibration, compared = _new_frames(work)
    numbers = _numbers(work, runs, calibration, compared)
    traces: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for run in runs:
        seen = [(look.time, look.largest) for look in run.looks if np.isfinite(look.largest)]
        times, values = np.array(seen).reshape(-1, 2).T
        traces.setdefault(run.condition.label, []).append((times, values))
    choose = work.config.choose
    figure = round_figure(traces, choose.lower, choose.upper, compared)
    save_figure(figure, work.folder / "report.png")
    earlier = [read_report(work, k) for k in range(1, work.round_number)]
    caption = "Largest force deviation of the committee along the runs of this round."
    sections = [
        Section("Rounds", [_rounds_table([*earlier, numbers])]),
        Section("MD", [Picture(figure, caption), _runs_table(numbers)]),
        Section("Errors", _error_blocks(numbers)),
    ]
    title = f"{work.config.name}: round {work.round_number}"
    page = html_page(title, sections, sys.argv, numbers["summary"])
    write_file(work.folder / "report.html", page)
    write_file(work.folder / "report.json", json.dumps(numbers, indent=1) + "\n")


def read_report(work: Work, round_number: int) -> Numbers:
    """The numbers of an earlier round, or of this one."""
    numbers: Numbers = json.loads((work.layout.round(round_number) / "report.json").read_text())
    return numbers


def _new_frames(work: Work) -> tuple[Calibration | None, Compared | None]:
    """What the committee says of the frames that this round adds, which it was not fitted to."""
    added = work.layout.added(work.round_number)
    if not added.exists():
        return None, None
    try:
        found, compared = calibrate(calculators(work).judge, read_structures(added), added.name)
    except ConfigError:  # labels without forces, members that agree exactly: nothing to compare
        return None, None
    return found, compared


def _numbers(
    work: Work,
    runs: Sequence[ExploredRun],
    calibration: Calibration | None,
    compared: Compared | None,
) -> Numbers:
    fitted = json.loads((work.committee.parent / "errors.json").read_text())
    choice = json.loads(work.choice.read_text())
    added = work.layout.added(work.round_number)
    n_added = len(read_frames(added)) if added.exists() else 0
    lower = work.config.choose.lower
    stable = all(run.whole and run.largest < lower for run in runs)
    numbers: Numbers = {
        "round": work.round_number,
        "stable": stable,
        "errors": fitted.get("committee") or {k: v["mean"] for k, v in fitted["summary"].items()},
        "runs": [_run_numbers(run, lower) for run in runs],
        "choice": choice,
        "added": n_added,
        "without_labels": choice["chosen"] - n_added,
        "data": [str(path) for path in work.data_files],
        "new_frames": None,
    }
    if calibration is not None and compared is not None:
        rms = float(np.sqrt(np.mean(compared.errors**2) / 3.0))
        numbers["new_frames"] = {"force_rmse": rms, **calibration.as_dict()}
    numbers["summary"] = _summary(numbers)
    return numbers


def _run_numbers(run: ExploredRun, lower: float) -> Numbers:
    doubtful = [look.time for look in run.looks if not look.largest < lower]
    return {
        "condition": run.condition.model_dump(),
        "label": run.condition.label,
        "ps": run.survived,
        "whole": run.whole,
        "largest_deviation": run.largest if np.isfinite(run.largest) else None,
        "first_above_lower_ps": doubtful[0] if doubtful else None,
        "time_to_failure_ps": None if run.whole else run.survived,
        "ended": in_words(run),
    }


def _summary(numbers: Numbers) -> str:
    runs = numbers["runs"]
    whole = sum(run["whole"] for run in runs)
    state = "all below the threshold" if numbers["stable"] else "not all below the threshold"
    return f"{whole} of {len(runs)} runs whole, {state}; {numbers['added']} frames added."


def _rounds_table(reports: Sequence[Numbers]) -> Table:
    header = ["Round", "Force MAE (eV/Å)", "Force RMSE, new frames (eV/Å)", "Whole runs",
              "Shortest (ps)", "Largest deviation (eV/Å)", "Added"]  # fmt: skip
    rows = []
    for one in reports:
        new = one["new_frames"]
        rows.append([
            one["round"],
            _shown(one["errors"].get("force_mae")),
            _shown(new and new["force_rmse"]),
            f"{sum(run['whole'] for run in one['runs'])} of {len(one['runs'])}",
            f"{min(run['ps'] for run in one['runs']):.3g}",
            _shown(max((run["largest_deviation"] or 0.0) for run in one["runs"])),
            one["added"],
        ])  # fmt: skip
    caption = (
        "Force MAE: of the fit on its test part. New frames: what the round adds, before the next "
        "fit. Shortest: of the runs; those that are not whole have failed at their end."
    )
    return Table(header, rows, caption)


def _runs_table(numbers: Numbers) -> Table:
    rows = [
        [
            run["label"],
            "" if run["first_above_lower_ps"] is None else f"{run['first_above_lower_ps']:.3g}",
            "none" if run["time_to_failure_ps"] is None else f"{run['time_to_failure_ps']:.3g}",
            _shown(run["largest_deviation"]),
            run["ended"],
        ]
        for run in numbers["runs"]
    ]
    header = ["Run", "Above lower at (ps)", "Failure at (ps)", "Largest (eV/Å)", "How it ended"]
    return Table(header, rows, "Runs of this round.", notes=True)


def _error_blocks(numbers: Numbers) -> list[Block]:
    errors = {k: v for k, v in numbers["errors"].items() if isinstance(v, int | float)}
    table = Table(["Error", "Value"], [[k, _shown(v)] for k, v in errors.items()],
                  "Of the committee, or the mean of its members, on the test part.")  # fmt: skip
    new = numbers["new_frames"]
    if new is None:
        return [table, Paragraph("No frame was added in this round.")]
    text = (
        f"{new['n_structures']} frames added: the force error is {new['force_factor']:.3g} times "
        f"the deviation, with a rank correlation of {new['force_rank_correlation']:.2f} over "
        f"{new['n_atoms']} atoms. {numbers['without_labels']} of the chosen frames have no labels."
    )
    return [table, Paragraph(text)]


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
