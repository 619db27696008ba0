"""How long NVT stays sound, over temperatures and seeds."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.stability.soundness import Failure, Stability, StabilityWatch
from physrep.analysis.structure.contacts import ContactTable
from physrep.probes.dynamics import Sample, nvt, prepared
from physrep.studies.certify.check import Check, at_least
from physrep.studies.certify.task import Task

TIMESTEP, EVERY = 0.5, 8  # fs, steps: frames of 4 fs hold every vibration


class Run(NamedTuple):
    """One NVT run.

    temperature: K; asked: ps requested; stability: how it ended; samples: frames kept.
    """

    temperature: float
    seed: int
    asked: float
    stability: Stability
    samples: list[Sample]


def survival_runs(task: Task) -> list[Run]:
    """All runs of a certificate: every temperature and seed of the level."""
    contacts, level, runs = task.contacts(), task.level, []
    for temperature in level.temperatures:
        for seed in range(level.seeds):
            task.progress(f"survival: {temperature:g} K, seed {seed}")
            arguments = (contacts, temperature, level.survival, task.seed + seed)
            runs.append(survival_run(task.calculator, task.atoms, *arguments))
    return runs


def survival_run(
    calculator: Calculator,
    atoms: Atoms,
    contacts: ContactTable,
    temperature: float,
    duration: float,
    seed: int,
    observe: Callable[[Sample], None] = lambda sample: None,
) -> Run:
    """NVT until ``duration`` (ps) or the first failure.

    A calculator that raises also ends the run; its message becomes that of the failure.
    """
    rng = np.random.default_rng([seed, round(temperature)])
    bonds = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc)
    watch = StabilityWatch(
        atoms.numbers, atoms.cell.array, atoms.pbc, bonds, contacts, temperature, 3 * len(atoms)
    )
    moving = prepared(calculator, atoms, temperature, rng)
    samples: list[Sample] = []
    # Whole intervals of samples: the last sample is then not earlier than what was asked for.
    steps = EVERY * math.ceil(round(1000.0 * duration / TIMESTEP) / EVERY)
    try:
        for sample in nvt(moving, temperature, TIMESTEP, steps, EVERY, rng):
            samples.append(sample)
            observe(sample)
            if watch.observe(sample.time, sample.positions, sample.temperature, sample.potential):
                break
    except Exception as error:  # foreign calculators raise what they like
        said = f"the calculator raised {type(error).__name__}: {' '.join(str(error).split())[:160]}"
        nan = float("nan")
        watch.first_failure = Failure(watch.time, "calculator", (), nan, nan, said)
    return Run(temperature, seed, duration, watch.result(), samples)


def survival_checks(runs: Sequence[Run]) -> Iterator[Check]:
    """At each temperature, the share of the requested time that the shortest run survived.

    Every run must survive.
    """
    for temperature in sorted({run.temperature for run in runs}):
        at_temperature = [run for run in runs if run.temperature == temperature]
        first = min(at_temperature, key=lambda run: run.stability.time / run.asked)
        n = len(at_temperature)
        failures = [run for run in at_temperature if not run.stability.sound]
        note = f"{n - len(failures)} of {n} runs of {first.asked:g} ps sound"
        if failures:
            worst = min(failures, key=lambda run: run.stability.time)
            failure = worst.stability.first_failure
            assert failure is not None  # the run is not sound
            note += f"; {worst.stability.time:.2f} ps: {failure.message}"
        share = min(first.stability.time / first.asked, 1.0 if not failures else 0.999)
        yield at_least(f"survival: {temperature:g} K", share, "of the run", 1.0, 1.0, note)
