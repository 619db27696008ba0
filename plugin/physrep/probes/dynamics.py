"""Molecular dynamics with any ASE calculator, sample by sample."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin
from ase.md.verlet import VelocityVerlet

FRICTION = 1.0  # 1/ps


class Sample(NamedTuple):
    """time: ps; positions: (n_atoms, 3) A; velocities: (n_atoms, 3) A/ps; potential, kinetic: eV;
    temperature: K, of all 3 n_atoms degrees of freedom.
    """

    time: float
    positions: np.ndarray
    velocities: np.ndarray
    potential: float
    kinetic: float
    temperature: float


def prepared(
    calculator: Calculator, atoms: Atoms, temperature: float, rng: np.random.Generator
) -> Atoms:
    """A copy with the calculator and velocities drawn at the temperature (K)."""
    moving = atoms.copy()
    moving.calc = calculator
    spread = np.sqrt(moving.get_masses()[:, None] * units.kB * temperature)
    moving.set_momenta(spread * rng.normal(size=(len(moving), 3)))
    return moving


def nve(moving: Atoms, timestep: float, steps: int, every: int) -> Iterator[Sample]:
    """Velocity Verlet; ``moving`` is changed. timestep: fs; a sample every ``every`` steps."""
    return _samples(VelocityVerlet(moving, timestep * units.fs), moving, timestep, steps, every)


def nvt(
    moving: Atoms,
    temperature: float,
    timestep: float,
    steps: int,
    every: int,
    rng: np.random.Generator,
) -> Iterator[Sample]:
    """Langevin dynamics with a friction of 1/ps; arguments as those of :func:`nve`."""
    integrator = Langevin(
        moving,
        timestep * units.fs,
        temperature_K=temperature,
        friction=FRICTION / (1000.0 * units.fs),
        fixcm=False,
        rng=rng,
    )
    return _samples(integrator, moving, timestep, steps, every)


def _samples(
    integrator: VelocityVerlet | Langevin, moving: Atoms, timestep: float, steps: int, every: int
) -> Iterator[Sample]:
    for k in range(1, steps // every + 1):
        integrator.run(every)
        kinetic = moving.get_kinetic_energy()
        yield Sample(
            1e-3 * timestep * every * k,
            moving.get_positions(),
            moving.get_velocities() * 1000.0 * units.fs,
            moving.get_potential_energy(),
            kinetic,
            2.0 * kinetic / (3 * len(moving) * units.kB),
        )
