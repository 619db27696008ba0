"""Do the ions find back to their structure: shaken, and with their groups pulled off?"""

import numpy as np
from ase import Atoms

from physrep.figures.reliability_plots import assembly_figure
from physrep.probes.assembly import Assembly, assemble, choose_groups, functional_groups
from physrep.probes.recovery import Recovery, recover
from physrep.probes.relaxation import Relaxation, relax
from physrep.studies.certify.check import Check, at_least, at_most, skipped
from physrep.studies.certify.context import Context, Part
from physrep.studies.certify.cut_molecules import (
    Molecule,
    ion_pair_of,
    largest_change_of_bonds,
    molecules_of,
)

REST_FMAX, REST_STEPS = 0.01, 1000  # eV/A
SOUND_DELTA_E, POOR_DELTA_E = 0.005, 0.05  # eV; two relaxations to one minimum differ by < 1 meV


def recovery_part(context: Context) -> Part:
    """Each kind of molecule of the system alone: relaxed, perturbed or pulled apart, relaxed."""
    checks, assembled = [], {}
    for molecule in molecules_of(context.atoms):
        context.progress(f"recovery: {molecule.label}")
        at_rest = relax(context.calculator, molecule.atoms, REST_FMAX, REST_STEPS)
        if at_rest.failure or not at_rest.converged:
            checks.append(_not_at_rest(molecule, at_rest))
            continue
        checks += recovery_checks(molecule, at_rest, _perturbed(context, at_rest.atoms))
        tried = _assembled(context, at_rest)
        if tried:
            assembled[molecule.label] = tried
            checks.append(assembly_check(molecule.label, tried))
    if context.level.ion_pair:
        checks += _ion_pair(context)
    figures = []
    if assembled:
        caption = "Groups pulled off by 0.7 Å: energy on the way back."
        figures.append((assembly_figure(assembled), caption))
    text = (
        "Ions and molecules of the system alone: relaxed; perturbed by 0.1 A and relaxed again "
        "(recovery); groups moved 0.7 A away along their bonds and relaxed again (assembly)."
    )
    return Part("recovery", "Recovery and assembly of ions", text, checks, figures)


def recovery_checks(
    molecule: Molecule, at_rest: Relaxation, found: list[Recovery], failing: bool = True
) -> list[Check]:
    """Share that found back; Delta E; what the bonds did on leaving the system.

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
    """Share that came back with its bonds. The start lies beyond any data, so none is a warning,
    no failure."""
    share = float(np.mean([one.recovered for one in tried]))
    note = f"{len(tried)} pulls of 0.7 A; Delta P {max(one.delta_p for one in tried):.3f} A at most"
    failure = next((one.failure for one in tried if one.failure), "")
    return at_least(f"assembly: {label}", share, "assembled", 0.99, 0.0, failure or note)


def _not_at_rest(molecule: Molecule, at_rest: Relaxation) -> Check:
    why = at_rest.failure or f"no minimum found in {REST_STEPS} steps"
    return skipped(f"recovery: {molecule.label} alone", why)


def _perturbed(context: Context, stable: Atoms) -> list[Recovery]:
    return [
        recover(context.calculator, stable, np.random.default_rng([context.seed, k]))
        for k in range(context.level.perturbed)
    ]


def _assembled(context: Context, at_rest: Relaxation) -> list[Assembly]:
    """Two groups at once where there are two apart, and at higher levels each one alone."""
    groups = functional_groups(at_rest.atoms)
    if not groups:
        return []
    together = choose_groups(groups, np.random.default_rng([context.seed, 1]))
    pulls = [together] + [
        [group] for group in groups if len(together) > 1 or group is not together[0]
    ]
    energy = float(at_rest.energies[-1])
    return [
        assemble(context.calculator, at_rest.atoms, pulled, energy)
        for pulled in pulls[: context.level.perturbed]
    ]


def _ion_pair(context: Context) -> list[Check]:
    """The pair has soft modes and may pass on a proton: another minimum is a warning."""
    pair = ion_pair_of(context.atoms)
    if pair is None:
        return []
    context.progress(f"recovery: {pair.label}")
    at_rest = relax(context.calculator, pair.atoms, REST_FMAX, REST_STEPS)
    if at_rest.failure or not at_rest.converged:
        return [_not_at_rest(pair, at_rest)]
    return recovery_checks(pair, at_rest, _perturbed(context, at_rest.atoms), failing=False)
