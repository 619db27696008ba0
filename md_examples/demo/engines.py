"""What the demo asks of every engine, and the settings they share."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

PORTABLE_STEPS = 50  # enough to measure a speed


class Dynamics(NamedTuple):
    """Langevin dynamics, the same in every engine."""

    temperature: float = 300.0
    """K."""
    friction: float = 1.0
    """1/ps."""
    time_step: float = 0.5
    """fs."""
    settle_friction: float = 50.0
    """1/ps, of the short run before."""
    settle_steps: int = 200
    sample_every: int = 5
    """Steps."""
    warm_up: int = 20
    """Steps that are not timed: TorchScript compiles in its first calls."""
    seed: int = 2024


NVT = Dynamics()


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
    return n_steps * NVT.time_step * 1e-6 * 86400.0 / seconds


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
