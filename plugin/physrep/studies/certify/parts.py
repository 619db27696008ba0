"""The parts of a certificate, in the order of the report: each measures, judges and draws."""

from collections.abc import Callable

import numpy as np

from physrep.figures.plots import energy_figure, temperature_figure
from physrep.studies.certify.bond_scans import dissociation_part
from physrep.studies.certify.certificate_figures import survival_figure
from physrep.studies.certify.conservation import conservation_checks, conservation_runs
from physrep.studies.certify.context import Context, Part
from physrep.studies.certify.engine_equality import engine_checks
from physrep.studies.certify.exactness import exactness
from physrep.studies.certify.extrapolation import extrapolation_part
from physrep.studies.certify.ion_recovery import recovery_part
from physrep.studies.certify.liquid_motion import dynamics_part
from physrep.studies.certify.liquid_structure import structure_part
from physrep.studies.certify.smoothness import smoothness
from physrep.studies.certify.survival import survival_checks, survival_run


def exactness_part(context: Context) -> Part:
    """Forces and virial against finite differences; invariance; the same in every engine."""
    checks = list(exactness(context.calculator, context.atoms, context.seed))
    checks += engine_checks(context.model, context.calculator, context.atoms)
    text = (
        "Forces and stress are the slopes of the energy, which knows no frame of reference, and "
        "every engine has the same ones."
    )
    return Part("exactness", "Exactness", text, checks, [])


def smoothness_part(context: Context) -> Part:
    """Pairs carried through cutoffs and into each other."""
    checks = list(smoothness(context.calculator, context.atoms, context.seed))
    text = (
        "Pairs of every two elements, alone and in the system: no energy jumps that the forces do "
        "not explain, and a push apart down to 0.3 A."
    )
    return Part("smoothness", "Smoothness and close contacts", text, checks, [])


def conservation_part(context: Context) -> Part:
    """NVE at three timesteps."""
    level = context.level
    temperature = level.temperatures[0]
    arguments = (temperature, level.conservation, level.equilibration, context.seed)
    runs = list(conservation_runs(context.calculator, context.atoms, *arguments))
    traces = {f"{run.timestep:g} fs": (run.times, run.energies) for run in runs}
    figure = energy_figure(traces, len(context.atoms), "Total energy, NVE")
    caption = f"Total energy in NVE after {level.equilibration:g} ps at {temperature:g} K."
    text = f"NVE over {level.conservation:g} ps from one state, velocity Verlet."
    checks = list(conservation_checks(runs))
    return Part("conservation", "Energy conservation", text, checks, [(figure, caption)])


def survival_part(context: Context) -> Part:
    """NVT at several temperatures and seeds, every frame looked at."""
    level, runs = context.level, context.runs
    contacts = context.contacts()
    for temperature in level.temperatures:
        for seed in range(level.seeds):
            context.progress(f"survival: {temperature:g} K, seed {seed}")
            arguments = (contacts, temperature, level.survival, context.seed + seed)
            runs.append(survival_run(context.calculator, context.atoms, *arguments))
    figures = [(survival_figure(runs), "Share of the runs that were still sound.")]
    for temperature in level.temperatures:
        traces = {
            f"seed {run.seed}": (
                np.array([s.time for s in run.samples]),
                np.array([s.temperature for s in run.samples]),
            )
            for run in runs
            if run.temperature == temperature and run.samples
        }
        if traces:
            figure = temperature_figure(traces, temperature, 3 * len(context.atoms))
            figures.append((figure, f"Temperature in NVT at {temperature:g} K."))
    text = (
        "Langevin dynamics, 0.5 fs, friction 1/ps. A run ends with a bond stretched by 30 %, a "
        "contact below 80 % of the shortest one known, a temperature beyond 5 sigma, or a number "
        "that is not finite."
    )
    checks = list(survival_checks(runs))
    return Part("survival", "Survival in NVT", text, checks, figures)


PARTS: tuple[Callable[[Context], Part], ...] = (
    exactness_part,
    smoothness_part,
    conservation_part,
    survival_part,
    structure_part,
    dynamics_part,
    dissociation_part,
    recovery_part,
    extrapolation_part,
)
