"""What the demo asks of every engine, and the settings they share."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

TEMPERATURE = 300.0  # K
FRICTION = 1.0  # 1/ps
TIME_STEP = 0.5  # fs
SETTLE_FRICTION = 50.0  # 1/ps
SETTLE_STEPS = 200
SAMPLE_EVERY = 5  # steps
WARM_UP = 20  # steps: TorchScript compiles in its first calls
PORTABLE_STEPS = 50  # enough to measure a speed
SEED = 2024


class SinglePoint(NamedTuple):
    """energy: eV; forces: (n_atoms, 3) in eV/A."""

    energy: float
    forces: np.ndarray


class Run(NamedTuple):
    """Of an NVT run: times (n,) in ps, temperatures (n,) in K, potential energies (n,) in eV,
    ns_per_day without the warm-up.
    """

    times: np.ndarray
    temperatures: np.ndarray
    energies: np.ndarray
    ns_per_day: float


def ns_per_day(n_steps: int, seconds: float) -> float:
    """Simulated nanoseconds in a day of wall clock."""
    return n_steps * TIME_STEP * 1e-6 * 86400.0 / seconds


class Files(NamedTuple):
    """What the engines read: the structure, and its potential in both precisions.

    structure: the frame that is compared; start: the frame that dynamics starts from; portable: the
    potential without compiled operators, to compare its speed.
    """

    structure: Path
    start: Path
    model: Path
    model_float64: Path
    portable: Path
