"""What a call of ``physrep sample`` asks for, and the runs that it consists of."""

from typing import NamedTuple

import numpy as np

TIME_STEP = 0.5  # fs
TOO_CLOSE = 0.6  # A; no bond of any elements is shorter


class Run(NamedTuple):
    """One run of MD.

    temperature: K; density: g/cm3 at its start, None: that of its frame; pressure: bar, None:
    constant volume; seed: of its frame, velocities and random forces.
    """

    temperature: float
    density: float | None
    pressure: float | None
    seed: int

    @property
    def name(self) -> str:
        """That of its trajectory: data sets are split by it."""
        words = [f"md{self.temperature:g}"]
        words += [f"{self.density:g}g"] if self.density is not None else []
        words += [f"{self.pressure:g}bar"] if self.pressure is not None else []
        return "-".join([*words, str(self.seed)])

    def generator(self) -> np.random.Generator:
        """Other numbers for every run, the same ones at every call."""
        return np.random.default_rng([self.seed, *self.name.encode()])


class MDSettings(NamedTuple):
    """What all runs have in common, and in what they differ.

    temperatures: K; densities: g/cm3, empty: those of the frames; pressure: bar, None: constant
    volume; ps: length of a run; every_fs: between frames, None: when their energies are
    independent; seed, n_seeds: the first seed and how many.
    """

    temperatures: tuple[float, ...] = (300.0,)
    densities: tuple[float, ...] = ()
    pressure: float | None = None
    ps: float = 1.0
    every_fs: float | None = None
    seed: int = 0
    n_seeds: int = 1

    @property
    def n_steps(self) -> int:
        """Of one run."""
        return round(1000.0 * self.ps / TIME_STEP)

    @property
    def interval(self) -> int | None:
        """Steps between frames, where it is given."""
        return None if self.every_fs is None else max(1, round(self.every_fs / TIME_STEP))

    def runs(self) -> list[Run]:
        """Every temperature at every density with every seed."""
        return [
            Run(temperature, density, self.pressure, seed)
            for temperature in self.temperatures
            for density in self.densities or (None,)
            for seed in range(self.seed, self.seed + self.n_seeds)
        ]
