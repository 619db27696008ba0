"""Ions far apart and above a cluster: does the potential know that they are charged?

Inside a dense liquid screening hides what a short-ranged potential lacks; in vapour, droplets,
surfaces, pores and dilution it does not. Rigid ions are taken from the structure.
"""

from collections.abc import Iterator
from functools import partial
from itertools import combinations_with_replacement

import numpy as np
from ase.calculators.calculator import Calculator
from matplotlib.figure import Figure

from physrep.probes.rigid_ions import above, energies_above, ion_pair, scan_ions
from physrep.studies.certify.certificate_figures import far_field_figure
from physrep.studies.certify.check import Check, at_least, at_most, skipped
from physrep.studies.certify.cut_molecules import Molecule, molecules_of, neutral_cluster
from physrep.studies.certify.part import Part
from physrep.studies.certify.scanned_ions import ScannedIons
from physrep.studies.certify.task import Task

# A, between centres of mass; nearer ones only as far as the ions do not overlap.
DISTANCES = np.array([3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 10.0, 14.0, 20.0])
FAR, LAW_FROM = 8.0, 10.0  # A
NEAR_DEVIATION, FAR_DEVIATION = (0.2, 0.5), (0.1, 0.3)  # eV; passing, warning
LAW = (0.2, 0.5)  # relative; GFN2-xTB, which transfers charge between ions, is off by 10 % at 20 A
PULL = (0.5, 0.1)  # of the force between the formal charges
BLIND = 1e-3  # eV; what is smaller is no interaction of ions
MOST_IONS = 3  # kinds, the most frequent: 6 pairs
CLUSTER_ATOMS, HEIGHT = 80, 3.0  # A
ABOVE_DEVIATION = (0.2, 0.5)  # eV
ADVICE = "fit with `electrostatics`"


def far_field_part(task: Task) -> Part:
    """Every pair of ions of the system carried apart; each ion above a cluster cut from it."""
    ions, checks = _ions(task)
    scans = [_scanned(task, *pair) for pair in pairs_of(ions, bool(task.atoms.pbc.any()))]
    for one in scans:
        checks += pair_checks(one)
    if not ions:
        checks.append(skipped("far field: ions", "the system holds no ions of known charge"))
    elif isinstance(task.scan_reference, str):
        checks.append(skipped("far field: reference", task.scan_reference))
    else:
        checks += above_checks(task, task.scan_reference, ions)
    text = (
        "Rigid ions as they are in the system, alone in vacuum, in six orientations: energy of the "
        "pair minus those of its ions, compared with the reference and with the Coulomb energy of "
        "the formal charges. The mean over the orientations is that of point charges, wherever in "
        "the ions the charges sit."
    )
    return Part("far field", "Far field of ions", text, checks, _figures(scans))


def _ions(task: Task) -> tuple[list[Molecule], list[Check]]:
    """The most frequent kinds, and what is left out."""
    found = sorted(molecules_of(task.atoms), key=lambda one: -one.frequency)
    checks = [
        skipped(f"far field: {one.label}", "its charge is not known")
        for one in found
        if one.charge is None
    ]
    ions = [one for one in found if one.charge]
    for one in ions[MOST_IONS:]:
        why = (
            f"{one.frequency} in the system: the {MOST_IONS} most frequent kinds of ions are tested"
        )
        checks.append(skipped(f"far field: {one.label}", why))
    return ions[:MOST_IONS], checks


def pairs_of(ions: list[Molecule], periodic: bool) -> list[tuple[Molecule, Molecule]]:
    """Unlike ones first; an ion of which there is one has no like one, but for its images."""
    pairs = [
        (one, other)
        for one, other in combinations_with_replacement(ions, 2)
        if one is not other or one.frequency > 1 or periodic
    ]
    return sorted(pairs, key=lambda pair: (pair[0].charge or 0) * (pair[1].charge or 0) > 0)


def _scanned(task: Task, one: Molecule, other: Molecule) -> ScannedIons:
    name = f"{one.label} / {other.label}"
    task.progress(f"far field: {name}")
    pair = ion_pair(one.atoms, other.atoms, DISTANCES, np.random.default_rng(task.seed))
    reference = task.scan_reference
    return ScannedIons(
        name,
        (one.charge or 0) * (other.charge or 0),
        scan_ions(task.calculator, pair),
        None if isinstance(reference, str) else scan_ions(reference, pair),
    )


def pair_checks(pair: ScannedIons) -> Iterator[Check]:
    """The judgements on one pair."""
    name, distances = f"far field: {pair.name}", pair.potential.distances
    if not np.isfinite(pair.potential.energies).any():
        yield skipped(name, "the calculator computes none of these structures")
        return
    if pair.reference is not None:
        ranges = (
            (f"contact to {FAR:g} A", distances < FAR, NEAR_DEVIATION),
            (f"{FAR:g} to {distances[-1]:g} A", distances >= FAR, FAR_DEVIATION),
        )
        for span, where, limits in ranges:
            title = f"{name}, off the reference, {span}"
            yield _deviation_check(
                title, pair, np.where(where, pair.reference.energies, np.nan), limits
            )
    yield from law_checks(name, pair)


def _deviation_check(
    name: str, pair: ScannedIons, expected: np.ndarray, limits: tuple[float, float]
) -> Check:
    """The largest deviation of the energy from the expected ones (eV), in any orientation."""
    known = np.isfinite(expected)
    if not known.any():
        return skipped(name, "the reference computes none of these structures")
    found = pair.potential.energies
    apart = np.abs(found - expected)
    worst = _worst(apart, known)
    note = f"{_at(pair, worst[1])} {found[worst]:z.2f} eV, reference {expected[worst]:z.2f} eV"
    return at_most(name, float(apart[worst]), "eV", *limits, note + _blindness(pair))


def law_checks(name: str, pair: ScannedIons) -> Iterator[Check]:
    """What physics asks of ions far apart: their Coulomb energy, and that unlike ones attract and
    like ones repel each other.
    """
    scan, span = pair.potential, f"{LAW_FROM:g} to {DISTANCES[-1]:g} A"
    far = (scan.distances >= LAW_FROM) & np.isfinite(scan.mean_energy)
    if not far.any():
        yield skipped(
            f"{name}, {span}", "no distance at which all orientations are apart and have an energy"
        )
        return
    ratio = np.where(far, scan.mean_energy / pair.law, 1.0)
    worst = int(np.argmax(np.abs(ratio - 1.0)))
    note = f"{_at(pair, worst)} {scan.mean_energy[worst]:z.2f} eV, formal charges "
    note += f"{pair.law[worst]:.2f} eV" + _blindness(pair)
    title = f"{name}, off the law of Coulomb, {span}"
    yield at_most(title, float(abs(ratio[worst] - 1.0)), "relative", *LAW, note)
    force = np.where(far, scan.mean_force * scan.distances / pair.law, np.inf)
    weakest = int(np.argmin(force))
    what, wrong = ("push", "attract") if pair.product > 0 else ("pull", "repel")
    note = f"weakest at {scan.distances[weakest]:g} A"
    note += f"; they {wrong} each other" if force[weakest] < 0.0 else ""
    title = f"{name}, {what}, {span}"
    value = float(force[weakest]) + 0.0  # no "-0" in the report
    yield at_least(title, value, "of the formal charges'", *PULL, note)


def _at(pair: ScannedIons, place: int) -> str:
    kind = "like" if pair.product > 0 else "unlike"
    return f"{kind} ions at {pair.potential.distances[place]:g} A:"


def _blindness(pair: ScannedIons) -> str:
    """What to do, where the potential sees nothing of ions that are far apart."""
    start = pair.potential.blind_from(BLIND)
    return f"; sees nothing from {start:g} A on: {ADVICE}" if np.isfinite(start) else ""


def above_checks(task: Task, reference: Calculator, ions: list[Molecule]) -> Iterator[Check]:
    """Each ion near the surface of a neutral cluster of the system, compared with the reference."""
    cluster = neutral_cluster(task.atoms, CLUSTER_ATOMS)
    for ion in ions:
        name = f"far field: {ion.label} {HEIGHT:g} A above a cluster"
        if cluster is None:
            yield skipped(name, f"no neutral piece of at most {CLUSTER_ATOMS} atoms")
            continue
        task.progress(name)
        places = above(cluster, ion.atoms, HEIGHT, np.random.default_rng(task.seed))
        energies = partial(energies_above, cluster=cluster, ion=ion.atoms, places=places)
        yield _above_check(name, energies(task.calculator), energies(reference), len(cluster))


def _above_check(name: str, found: np.ndarray, expected: np.ndarray, n_atoms: int) -> Check:
    known = np.isfinite(expected)
    if not known.any() or not np.isfinite(found).any():
        whose = "reference" if not known.any() else "calculator"
        return skipped(name, f"the {whose} computes none of these structures")
    apart = np.abs(found - expected)
    worst = _worst(apart, known)
    note = f"{n_atoms} atoms, {known.sum()} places; worst {found[worst]:z.2f} eV, reference "
    note += f"{expected[worst]:z.2f} eV"
    return at_most(name, float(apart[worst]), "eV", *ABOVE_DEVIATION, note)


def _worst(apart: np.ndarray, known: np.ndarray) -> tuple[int, ...]:
    """Index of the largest number among those that are known; one that is NaN exceeds all."""
    weights = np.where(known, np.nan_to_num(apart, nan=np.inf), -1.0)
    return tuple(int(k) for k in np.unravel_index(np.argmax(weights), apart.shape))


def _figures(scans: list[ScannedIons]) -> list[tuple[Figure, str]]:
    caption = (
        "Energy of two ions relative to both alone, by the distance of their centres of mass: mean "
        "(line) and range (band) of six orientations; dashed: the formal charges in vacuum."
    )
    return [(far_field_figure(scans[k : k + 3]), caption) for k in range(0, len(scans), 3)]
