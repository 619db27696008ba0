"""The end of a fit: errors on unseen structures, parity plot, training curve."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from physrep.analysis.plots import parity_figure, training_figure
from physrep.deploy.ase import PhysRepCalculator
from physrep.evaluate import evaluate, predict_forces
from physrep.io import Structure
from physrep_training.callbacks import read_log


def write_report(checkpoint: Path, structures: Sequence[Structure], folder: Path) -> dict[str, Any]:
    """errors.json, parity.png and training.png in ``folder``; returns the errors."""
    calculator = PhysRepCalculator(checkpoint)
    errors = evaluate(calculator, structures)
    (folder / "errors.json").write_text(errors.to_json() + "\n")
    training_figure(read_log(folder / "log.csv")).savefig(folder / "training.png", dpi=150)
    labelled = [s for s in structures if s.forces is not None]
    if labelled:
        figure = parity_figure(
            np.concatenate([s.forces for s in labelled]),
            predict_forces(calculator, labelled),
            np.concatenate([s.species for s in labelled]),
            asdict(errors),
        )
        figure.savefig(folder / "parity.png", dpi=150)
    return asdict(errors)
