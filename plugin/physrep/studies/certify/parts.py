"""The parts of a certificate: each measures, judges and draws.

A part takes the task, and what an earlier one has measured, as arguments: the NVT runs are made
once, for survival, structure, dynamics and extrapolation.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from physrep.figures.plots import energy_figure, temperature_figure
from physrep.studies.certify.bond_scans import dissociation_part
from physrep.studies.certify.certificate_figures import survival_figure
from physrep.studies.certify.conservation import conservation_checks, conservation_runs
from physrep.studies.certify.engine_equality import engine_checks
from physrep.studies.certify.exactness import exactness
from physrep.studies.certify.extrapolation import extrapolation_part
from physrep.studies.certify.far_field import far_field_part
from physrep.studies.certify.ion_recovery import recovery_part
from physrep.studies.certify.liquid import liquids
from physrep.studies.certify.liquid_motion import dynamics_part
from physrep.studies.certify.liquid_structure import structure_part
from physrep.studies.certify.part import Part
from physrep.studies.certify.smoothness import smoothness
from physrep.studies.certify.survival import Run, survival_checks, survival_runs
from physrep.studies.certify.task import Task

N_PARTS = 10
SURVIVAL_TEXT = (
    "Langevin dynamics, 0.5 fs, friction 1/ps. A run ends when a bond is stretched by 30 %, a "
    "contact is shorter than 80 % of the shortest one known, the temperature is off by more than "
    "5 sigma, or a number is not finite."
)


def all_parts(task: Task) -> Iterator[Part]:
    """The N_PARTS parts in the order of the report, each when it is done."""
    task.progress("exactness")
    yield exactness_part(task)
    task.progress("smoothness")
    yield smoothness_part(task)
    task.progress("conservation")
    yield conservation_part(task)
    runs = survival_runs(task)
    yield survival_part(task, runs)
    measured = liquids(task, runs)
    yield structure_part(task, measured)
    yield dynamics_part(measured)
    yield dissociation_part(task)
    yield far_field_part(task)
    yield recovery_part(task)
    task.progress("extrapolation")
    yield extrapolation_part(task, runs)


def exactness_part(task: Task) -> Part:
    """Forces and virial against finite differences; invariance; the same in every engine."""
    checks = list(exactness(task.calculator, task.atoms, task.seed))
    checks += engine_checks(task.model, task.calculator, task.atoms)
    text = (
        "Forces and stress are the derivatives of the energy, the energy does not depend on the "
        "frame of reference, and all engines compute the same."
    )
    return Part("exactness", "Exactness", text, checks, [])


def smoothness_part(task: Task) -> Part:
    """Pairs carried through cutoffs and into each other."""
    checks = list(smoothness(task.calculator, task.atoms, task.seed))
    text = (
        "Two atoms of every pair of elements, alone and in the system: the energy must not jump "
        "where the forces do not explain it, and the atoms must repel each other down to 0.3 A."
    )
    return Part("smoothness", "Smoothness and close contacts", text, checks, [])


def conservation_part(task: Task) -> Part:
    """NVE at three timesteps."""
    level, temperature = task.level, task.level.temperatures[0]
    arguments = (temperature, level.conservation, level.equilibration, task.seed)
    runs = list(conservation_runs(task.calculator, task.atoms, *arguments))
    traces = {f"{run.timestep:g} fs": (run.times, run.energies) for run in runs}
    figure = energy_figure(traces, len(task.atoms), "Total energy, NVE")
    caption = f"Total energy in NVE after {level.equilibration:g} ps at {temperature:g} K."
    text = f"NVE over {level.conservation:g} ps from one state, velocity Verlet."
    checks = list(conservation_checks(runs))
    return Part("conservation", "Energy conservation", text, checks, [(figure, caption)])


def survival_part(task: Task, runs: Sequence[Run]) -> Part:
    """NVT at several temperatures and seeds, every frame checked."""
    figures = [(survival_figure(runs), "Share of the runs that were still sound.")]
    n_dof = 3 * len(task.atoms)
    for temperature in task.level.temperatures:
        figures += _temperatures(temperature, runs, n_dof)
    checks = list(survival_checks(runs))
    return Part("survival", "Survival in NVT", SURVIVAL_TEXT, checks, figures)


def _temperatures(temperature: float, runs: Sequence[Run], n_dof: int) -> list[tuple[Figure, str]]:
    traces = {
        f"seed {run.seed}": (
            np.array([sample.time for sample in run.samples]),
            np.array([sample.temperature for sample in run.samples]),
        )
        for run in runs
        if run.temperature == temperature and run.samples
    }
    if not traces:
        return []
    figure = temperature_figure(traces, temperature, n_dof)
    return [(figure, f"Temperature in NVT at {temperature:g} K.")]
