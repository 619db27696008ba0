"""Do the ions relax back to their structure when perturbed, or with their groups pulled off?"""

import numpy as np
from ase import Atoms

from physrep.figures.reliability_plots import assembly_figure
from physrep.probes.assembly import Assembly, assemble, choose_groups, functional_groups
from physrep.probes.recovery import Recovery, recover
from physrep.probes.relaxation import Relaxation, relax
from physrep.studies.certify.check import Check, at_least, at_most, skipped
from physrep.studies.certify.cut_molecules import (
    Molecule,
    ion_pair_of,
    largest_change_of_bonds,
    molecules_of,
)
from physrep.studies.certify.part import Part
from physrep.studies.certify.task import Task

REST_FMAX, REST_STEPS = 0.01, 1000  # eV/A
SOUND_DELTA_E, POOR_DELTA_E = 0.005, 0.05  # eV; two relaxations to one minimum differ by < 1 meV


def recovery_part(task: Task) -> Part:
    """Each kind of molecule of the system alone: relaxed, perturbed or pulled apart, relaxed."""
    checks, assembled = [], {}
    for molecule in molecules_of(task.atoms):
        if len(molecule.atoms) == 1:
            why = "one atom has no structure to recover"
            checks.append(skipped(f"recovery: {molecule.label} alone", why))
            continue
        task.progress(f"recovery: {molecule.label}")
        at_rest = relax(task.calculator, molecule.atoms, REST_FMAX, REST_STEPS)
        if at_rest.failure or not at_rest.converged:
            checks.append(_not_at_rest(molecule, at_rest))
            continue
        checks += recovery_checks(molecule, at_rest, _perturbed(task, at_rest.atoms))
        tried = _assembled(task, at_rest)
        if tried:
            assembled[molecule.label] = tried
            checks.append(assembly_check(molecule.label, tried))
    if task.level.ion_pair:
        checks += _ion_pair(task)
    figures = []
    if assembled:
        caption = "Groups pulled off by 0.7 Å: energy while they relax back."
        figures.append((assembly_figure(assembled), caption))
    text = (
        "Ions and molecules of the system alone: relaxed; perturbed by 0.1 A and relaxed again "
        "(recovery); groups moved 0.7 A away along their bonds and relaxed again (assembly)."
    )
    return Part("recovery", "Recovery and assembly of ions", text, checks, figures)


def recovery_checks(
    molecule: Molecule, at_rest: Relaxation, found: list[Recovery], failing: bool = True
) -> list[Check]:
    """Share that relaxed back; Delta E; how the bonds change when the molecule is alone.

    Args:
        failing: whether a low share fails, or warns.
    """
    label = molecule.label
    share = float(np.mean([one.recovered for one in found]))
    delta_p = float(np.median([one.delta_p for one in found]))
    delta_e = float(np.median([one.delta_e for one in found]))
    note = f"median Delta P {delta_p:.3f} A, {len(found)} perturbations of 0.1 A"
    checks = [
        at_least(f"recovery: {label} alone", share, "recovered", 0.99, 0.6 * failing, note),
        at_most(
            f"recovery: {label} Delta E",
            1000.0 * delta_e,
            "meV",
            1000.0 * SOUND_DELTA_E,
            1000.0 * POOR_DELTA_E if failing else np.inf,
            "median energy to the structure at rest",
        ),
    ]
    if failing:
        changed = largest_change_of_bonds(molecule.atoms, at_rest.atoms)
        note = "largest change of a bond on relaxing from the system, alone"
        checks.append(at_most(f"recovery: {label} bonds", changed, "A", 0.25, 0.5, note))
    return checks


def assembly_check(label: str, tried: list[Assembly]) -> Check:
    """Share that relaxed back with its bonds.

    The start is beyond any data, so a share of zero is a warning and no failure.
    """
    share = float(np.mean([one.recovered for one in tried]))
    note = f"{len(tried)} pulls of 0.7 A; Delta P {max(one.delta_p for one in tried):.3f} A at most"
    failure = next((one.failure for one in tried if one.failure), "")
    return at_least(f"assembly: {label}", share, "assembled", 0.99, 0.0, failure or note)


def _not_at_rest(molecule: Molecule, at_rest: Relaxation) -> Check:
    why = at_rest.failure or f"no minimum found in {REST_STEPS} steps"
    return skipped(f"recovery: {molecule.label} alone", why)


def _perturbed(task: Task, stable: Atoms) -> list[Recovery]:
    return [
        recover(task.calculator, stable, np.random.default_rng([task.seed, k]))
        for k in range(task.level.perturbed)
    ]


def _assembled(task: Task, at_rest: Relaxation) -> list[Assembly]:
    """Two separate groups at once where there are such; at higher levels also each one alone."""
    groups = functional_groups(at_rest.atoms)
    if not groups:
        return []
    together = choose_groups(groups, np.random.default_rng([task.seed, 1]))
    pulls = [together] + [
        [group] for group in groups if len(together) > 1 or group is not together[0]
    ]
    energy = float(at_rest.energies[-1])
    return [
        assemble(task.calculator, at_rest.atoms, pulled, energy)
        for pulled in pulls[: task.level.perturbed]
    ]


def _ion_pair(task: Task) -> list[Check]:
    """The pair has soft modes and may transfer a proton: another minimum is a warning."""
    pair = ion_pair_of(task.atoms)
    if pair is None:
        return []
    task.progress(f"recovery: {pair.label}")
    at_rest = relax(task.calculator, pair.atoms, REST_FMAX, REST_STEPS)
    if at_rest.failure or not at_rest.converged:
        return [_not_at_rest(pair, at_rest)]
    return recovery_checks(pair, at_rest, _perturbed(task, at_rest.atoms), failing=False)
