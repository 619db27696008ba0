"""A short fit of ean-jat's settings to the shipped data: steps per second."""

import csv
import math
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from steps.options import ROOT, Emit, Options
from steps.systems import forms

START = 15.0  # seconds: reading the data and the report at the end
FEW = 10  # structures of a quick fit, so that it has epochs to time


def run(options: Options, emit: Emit) -> None:
    """A row for the fit.

    Raises:
        RuntimeError: it failed, or ended before its second epoch.
    """
    form = forms(options.device)[-1]
    folder = options.work / "fit"
    seconds = max(5.0, options.left() - START)
    settings = [
        f"output={folder}",
        f"run.cpu_minutes={seconds / 60.0}",
        f"run.device={options.device}",
        f"run.ops={form}",
        "run.epochs=100000",
        "run.validate_every=20",
        "run.threads=1",
        *([f"data.max_train={FEW}", "data.split.validation=0.02"] if options.quick else []),
    ]
    config = ROOT / "training" / "configs" / "jat_ean.yaml"
    command = [sys.executable, ROOT / "training" / "fit.py", config, *settings]
    try:
        code = subprocess.run(
            [str(word) for word in command], cwd=ROOT, timeout=options.left(), check=False
        ).returncode
        note = f"fit.py ended with {code}" if code else ""
    except subprocess.TimeoutExpired:
        note = "ended by the kit"
    emit({"device": options.device, "form": form, **rate(folder / "log.csv"), "note": note})
    if note.startswith("fit.py"):
        raise RuntimeError(note)


def rate(log: Path) -> dict:
    """Steps per second, the median of the epochs but the first; what the fit has reached."""
    if not log.is_file():
        raise RuntimeError("the fit has written no log")
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    done = [(int(row["step"]), float(row["time_s"])) for row in rows]
    if len(done) < 3:
        raise RuntimeError(f"the fit ended after {len(done)} epochs; 3 are needed for a number")
    step = statistics.median((t - s) / (n - m) for (m, s), (n, t) in pairwise(done))
    errors = [float(row["validation_force_mae_ev_per_a"]) for row in rows]
    reached = [error for error in errors if not math.isnan(error)]  # epochs that validated
    return {
        "steps/s": 1.0 / step,
        "ms/step": 1000.0 * step,
        "steps": done[-1][0],
        "force MAE, eV/A": reached[-1] if reached else None,
    }
