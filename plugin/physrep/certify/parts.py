"""The parts of a certificate, in the order of the report: each measures, judges and draws."""

from collections.abc import Callable

import numpy as np
from ase import Atoms

from physrep.analysis.bonds import bond_lengths, find_bonds
from physrep.analysis.picture import whole_molecules
from physrep.analysis.plots import energy_figure, temperature_figure
from physrep.analysis.recovery import recover
from physrep.analysis.relaxation import relax
from physrep.analysis.topology import molecules
from physrep.certify.check import at_least, at_most, skipped
from physrep.certify.conservation import conservation_checks, conservation_runs
from physrep.certify.context import Context, Part
from physrep.certify.exactness import exactness
from physrep.certify.figures import survival_figure
from physrep.certify.smoothness import smoothness
from physrep.certify.survival import survival_checks, survival_run


def exactness_part(context: Context) -> Part:
    """Forces and virial against finite differences; invariance."""
    checks = list(exactness(context.calculator, context.atoms, context.seed))
    text = "Forces and stress are the slopes of the energy, which knows no frame of reference."
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
    level, runs = context.level, []
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


def recovery_part(context: Context) -> Part:
    """Each kind of molecule of the system, relaxed alone, perturbed, relaxed again."""
    checks = []
    for name, molecule in molecules_of(context.atoms).items():
        at_rest = relax(context.calculator, molecule, fmax=0.01, steps=1000)
        title = f"recovery: {name} alone"
        if at_rest.failure or not at_rest.converged:
            checks.append(skipped(title, at_rest.failure or "no minimum found in 1000 steps"))
            continue
        found = [
            recover(context.calculator, at_rest.atoms, np.random.default_rng([context.seed, k]))
            for k in range(context.level.perturbed)
        ]
        share = float(np.mean([one.recovered for one in found]))
        delta_p = float(np.median([one.delta_p for one in found]))
        note = f"median Delta P {delta_p:.3f} A, {len(found)} perturbations of 0.1 A"
        checks.append(at_least(title, share, "recovered", 0.99, 0.6, note))
        displaced = relaxed_distance(molecule, at_rest.atoms)
        note = "largest change of a bond on relaxing from the system, alone"
        checks.append(at_most(f"recovery: {name} bonds", displaced, "A", 0.25, 0.5, note))
    text = "Ions and molecules of the system alone: relaxed, perturbed by 0.1 A, relaxed again."
    return Part("recovery", "Recovery of ions", text, checks, [])


def molecules_of(atoms: Atoms) -> dict[str, Atoms]:
    """One molecule of each formula, whole, not periodic; by Hill formula."""
    bonds = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc)
    positions = whole_molecules(atoms.positions, bonds.pairs, atoms.cell.array, atoms.pbc)
    labels = molecules(bonds.pairs, len(atoms))
    found: dict[str, Atoms] = {}
    for label in np.unique(labels):
        own = labels == label
        molecule = Atoms(atoms.numbers[own], positions[own])
        found.setdefault(molecule.get_chemical_formula("hill"), molecule)
    return found


def relaxed_distance(before: Atoms, after: Atoms) -> float:
    """Largest change of a bond length, A."""
    pairs = find_bonds(before.positions, before.numbers, before.cell.array, before.pbc).pairs
    if not len(pairs):
        return 0.0
    cell, pbc = before.cell.array, before.pbc
    lengths = [bond_lengths(atoms.positions, pairs, cell, pbc) for atoms in (before, after)]
    return float(np.abs(lengths[1] - lengths[0]).max())


PARTS: tuple[Callable[[Context], Part], ...] = (
    exactness_part,
    smoothness_part,
    conservation_part,
    survival_part,
    recovery_part,
)
