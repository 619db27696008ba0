"""The end of a fit: errors on unseen structures, parity plot, training curve."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from physrep.checkpoint import Checkpoint
from physrep.io import Structure

from physrep_training.callbacks import read_log

matplotlib.use("Agg")
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#7F7F7F"  # Okabe and Ito: safe for colour-blind readers


def write_report(
    checkpoint: Checkpoint, structures: Sequence[Structure], folder: Path
) -> dict[str, Any]:
    """errors.json, parity.png and training.png in ``folder``; returns the errors."""
    from physrep.deploy.ase import PhysRepCalculator
    from physrep.evaluate import errors_of, predictions
    calculator = PhysRepCalculator(checkpoint)
    predicted = predictions(calculator, structures)
    errors = errors_of(predicted, structures).as_dict()
    (folder / "errors.json").write_text(json.dumps(errors, indent=1) + "\n")
    parity_figure(structures, predicted, errors).savefig(folder / "parity.png", dpi=150)
    training_figure(read_log(folder / "log.csv")).savefig(folder / "training.png", dpi=150)
    return errors
