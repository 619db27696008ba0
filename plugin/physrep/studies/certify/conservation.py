"""Does NVE keep the total energy, and does the error shrink as the integrator says it must?"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from physrep.analysis.stability.drift import Drift, energy_drift
from physrep.probes.dynamics import nve, nvt, prepared
from physrep.studies.certify.check import Check, at_most, skipped

TIMESTEPS = (0.25, 0.5, 1.0)  # fs
ROUND_OFF = 1e-9  # meV/atom
SOUND_DRIFT, POOR_DRIFT = 0.05, 0.5  # meV/atom/ps: 0.5 heats by 4 K in a ns, 0.05 by 0.4 K


class Conservation(NamedTuple):
    """One NVE run: timestep fs; times (n,) ps; energies (n,) eV, total; drift: fit and error."""

    timestep: float
    times: np.ndarray
    energies: np.ndarray
    drift: Drift


def conservation_runs(
    calculator: Calculator,
    atoms: Atoms,
    temperature: float,
    duration: float,
    equilibration: float,
    seed: int = 0,
) -> Iterator[Conservation]:
    """NVE from one equilibrated state, once for each timestep.

    Args:
        temperature: K, of the equilibration; duration, equilibration: ps.
    """
    rng = np.random.default_rng(seed)
    moving = prepared(calculator, atoms, temperature, rng)
    steps = max(1, round(1000.0 * equilibration / 0.5))
    for _ in nvt(moving, temperature, 0.5, steps, steps, rng):
        pass
    for timestep in TIMESTEPS:
        start = moving.copy()  # with its velocities
        start.calc = calculator
        every = max(1, round(2.0 / timestep))  # one sample in 2 fs
        samples = list(nve(start, timestep, round(1000.0 * duration / timestep), every))
        times = np.array([s.time for s in samples])
        energies = np.array([s.potential + s.kinetic for s in samples])
        yield Conservation(timestep, times, energies, energy_drift(times, energies, len(atoms)))


def conservation_checks(runs: list[Conservation]) -> Iterator[Check]:
    """Drift of each run, and the exponent with which the fluctuation grows with the timestep.

    Skipped where no force acts, as on an atom alone: the energy is then the kinetic one and stays.
    """
    if max(run.drift.fluctuation for run in runs) < ROUND_OFF:
        yield skipped("conservation: drift", "no force acts on any atom: nothing to conserve")
        return
    for run in runs:
        value, error = abs(run.drift.drift), run.drift.error
        note = f"{run.drift.drift:.2g} +- {error:.1g} over {run.times[-1]:.2g} ps"
        # A drift that is not resolved from zero passes up to twice its error.
        limits = (max(SOUND_DRIFT, 2.0 * error), max(POOR_DRIFT, 2.0 * error))
        name = f"conservation: drift at {run.timestep:g} fs"
        yield at_most(name, value, "meV/atom/ps", *limits, note)
    steps = np.log([run.timestep for run in runs])
    fluctuations = np.array([run.drift.fluctuation for run in runs])
    exponent = float("nan")
    if (fluctuations > 0.0).all():
        exponent = float(np.polyfit(steps, np.log(fluctuations), 1)[0])
    note = f"RMS fluctuation ~ timestep^{exponent:.2f}; 2 for velocity Verlet"
    yield at_most("conservation: exponent off 2", abs(exponent - 2.0), "", 0.4, 0.8, note)
