"""Bonds of the ions pulled apart: is there a wall inside, a pull outside, and nothing else?

The potential was fitted to no broken bond. It must not break one by itself, nor hold one half
broken where dynamics reaches it; the reference tells whether the energies are right.
"""

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from physrep.analysis.chemistry.bonds import bond_kinds, find_bonds
from physrep.probes.assembly import smaller_side
from physrep.probes.bond_scan import (
    BondScan,
    Stretch,
    bond_ranges,
    largest_fall,
    relaxed_structures,
    rigid_structures,
    scan_of,
)
from physrep.probes.relaxation import relax
from physrep.studies.certify.certificate_figures import bond_figure
from physrep.studies.certify.check import Check, at_least, at_most, skipped
from physrep.studies.certify.cut_molecules import Molecule, ion_pair_of, molecules_of
from physrep.studies.certify.part import Part
from physrep.studies.certify.pulled_bond import PulledBond
from physrep.studies.certify.task import Task

NEAR, FAR = 0.75, 2.0  # of the bond length
RIGID_POINTS, PERIODIC_POINTS = 51, 26
# Without data: bonds of liquids at 300 to 400 K keep within this of their length.
KNOWN_STRETCH = 1.15
AROUND_MINIMUM = 0.1  # A; nearer to the minimum the sign of the force says nothing
SOUND_FALL = 0.03  # eV
# kT ln(10^8), 10^14 attempts a second of 1000 bonds for a ns, is 1.3 eV at 800 K: no run crosses a
# higher barrier.
REACHED = 1.5  # eV
DEVIATION, END_DEVIATION = 0.2, 0.5  # eV


def dissociation_part(task: Task) -> Part:
    """Every kind of bond of every kind of molecule of the system, alone; on request in the box."""
    ranges, pulled, checks = bond_ranges(task.data), [], []
    for molecule in _molecules(task):
        start, note = at_rest(task.calculator, molecule)
        if note:
            # A pair may transfer its proton; a single ion should keep its bonds.
            verdict = "warn" if molecule.n_ions == 1 else "skipped"
            name = f"dissociation: {molecule.label} at rest"
            checks.append(Check(name, None, "", None, verdict, note))
        for kind, stretch in bonds_to_pull(start, task.options.bonds):
            task.progress(f"dissociation: {kind} of {molecule.label}")
            pulled.append(pull(task, molecule, start, kind, stretch, ranges))
    for one in pulled:
        checks += bond_checks(one)
    if not pulled:
        checks.append(skipped("dissociation: bonds", "no bond splits a molecule into two pieces"))
    elif isinstance(task.scan_reference, str):
        checks.append(skipped("dissociation: reference", task.scan_reference))
    else:
        checks += [check for one in pulled for check in without_reference(one)]
    text = (
        "Bonds of single ions are pulled apart: rigidly, moving the smaller side, and relaxed at "
        "each length. Energies are relative to the minimum of each curve. The grey band is the "
        f"range of the data (without data: up to {KNOWN_STRETCH:g} times the bond length)."
    )
    figures = [(bond_figure(one), f"{one.name}, pulled apart.") for one in pulled]
    return Part("dissociation", "Dissociation", text, checks, figures)


def _molecules(task: Task) -> list[Molecule]:
    found = molecules_of(task.atoms)
    pair = ion_pair_of(task.atoms) if task.level.ion_pair else None
    return found if pair is None else [*found, pair]


def at_rest(calculator: Calculator, molecule: Molecule) -> tuple[Atoms, str]:
    """The molecule relaxed by the potential, and "".

    Where relaxing fails or changes its bonds: as it is in the system, and why.
    """
    found = relax(calculator, molecule.atoms, fmax=0.02, steps=500)
    before, after = (_pairs(atoms) for atoms in (molecule.atoms, found.atoms))
    if found.failure:
        return molecule.atoms, f"pulled from its geometry in the system: {found.failure}"
    if not np.array_equal(before, after):
        return molecule.atoms, "pulled from its geometry in the system: relaxing changes its bonds"
    return found.atoms, ""


def _pairs(atoms: Atoms) -> np.ndarray:
    return find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs


def bonds_to_pull(atoms: Atoms, wanted: tuple[str, ...] = ()) -> Iterator[tuple[str, Stretch]]:
    """The first bond of every kind that is in no ring, the smaller side carried.

    Args:
        wanted: kinds, in either order of the elements; all where empty.
    """
    pairs, done = _pairs(atoms), set()
    chosen = {"-".join(sorted(kind.split("-"))) for kind in wanted}
    for (i, j), kind in zip(pairs.tolist(), bond_kinds(atoms.numbers, pairs), strict=True):
        side = smaller_side(pairs, len(atoms), i, j)
        if kind in done or side is None or (chosen and kind not in chosen):
            continue
        done.add(kind)
        yield kind, Stretch(side.anchor, side.head, side.atoms)


def pull(
    task: Task,
    molecule: Molecule,
    start: Atoms,
    kind: str,
    stretch: Stretch,
    ranges: dict[str, tuple[float, float]],
) -> PulledBond:
    """All scans of one bond; ``start``: the molecule at rest."""
    length = float(start.get_distance(stretch.fixed, stretch.moved))
    known = ranges.get(kind, (length / KNOWN_STRETCH, length * KNOWN_STRETCH))
    models = {"potential": task.calculator}
    if not isinstance(task.scan_reference, str) and molecule.charge is not None:
        models["reference"] = task.scan_reference
    rigid = rigid_structures(start, stretch, length * np.linspace(NEAR, FAR, RIGID_POINTS))
    outward = length * np.linspace(1.0, FAR, task.level.scan_points)
    scans: dict[str, dict[str, BondScan]] = {"potential": {}, "reference": {}}
    for name, model in models.items():
        scans[name]["rigid"] = sampled(model, rigid, stretch)
        relaxed = relaxed_structures(model, start, stretch, outward)
        if len(relaxed) > 1:
            scans[name]["relaxed"] = sampled(model, relaxed, stretch)
        if task.options.periodic_scans and molecule.n_ions == 1:
            scans[name]["in the box"] = _in_the_box(model, task, molecule, stretch, length)
    label = f"{shown(kind)} of {molecule.label}"
    return PulledBond(label, length, known, scans["potential"], scans["reference"])


def _in_the_box(
    model: Calculator, task: Task, molecule: Molecule, stretch: Stretch, length: float
) -> BondScan:
    """The rigid scan in the system, from the positions of its atoms there."""
    fixed, moved = (int(molecule.indices[k]) for k in (stretch.fixed, stretch.moved))
    inside = Stretch(fixed, moved, molecule.indices[stretch.carried])
    distances = length * np.linspace(NEAR, FAR, PERIODIC_POINTS)
    return sampled(model, rigid_structures(task.atoms, inside, distances), inside)


def sampled(calculator: Calculator, structures: list[Atoms], stretch: Stretch) -> BondScan:
    """As :func:`scan_of`; NaN where the calculator raises, as an SCF far from equilibrium may."""
    points = []
    for atoms in structures:
        try:
            one = scan_of(calculator, [atoms], stretch)
            points.append((one.distances[0], one.energies[0], one.forces[0]))
        except Exception:  # foreign calculators raise what they like
            length = atoms.get_distance(stretch.fixed, stretch.moved, mic=True)
            points.append((length, np.nan, np.nan))
    return BondScan(*np.array(points).T)


def shown(kind: str) -> str:
    """As chemists write it: hydrogen last."""
    first, second = kind.split("-")
    return f"{second}-H" if first == "H" else kind


def bond_checks(bond: PulledBond) -> Iterator[Check]:
    """The judgements on one bond."""
    for way, scan in bond.scans.items():
        name = f"dissociation: {bond.name}, {way}"
        if not np.isfinite(scan.energies).any():
            yield Check(f"{name}: energy", float("nan"), "eV", None, "fail", "never finite")
            continue
        minimum = scan.minimum(bond.length)
        if way != "relaxed":
            yield wall_check(f"{name}: push inside", scan, minimum)
            yield pull_check(f"{name}: pull in the data range", scan, minimum, bond.known[1])
        if way != "in the box":  # where other molecules catch what comes off
            yield fall_check(f"{name}: fall of the energy", scan, minimum, bond)
        if way in bond.reference:
            yield from deviation_checks(name, scan, bond.reference[way], bond)


def wall_check(name: str, scan: BondScan, minimum: int) -> Check:
    """The weakest push apart, nearer than the minimum."""
    inside = scan.distances <= scan.distances[minimum] - AROUND_MINIMUM
    if not inside.any():
        return skipped(name, "no point inside of the minimum")
    weakest = float(scan.forces[inside].min())
    where = scan.distances[inside][int(np.argmin(scan.forces[inside]))]
    return at_least(name, weakest, "eV/A", 1.0, 0.0, f"weakest at {where:.2f} A")


def pull_check(name: str, scan: BondScan, minimum: int, end: float) -> Check:
    """The weakest pull back, from beyond the minimum to the end of the data; a push there fails."""
    outside = scan.distances >= scan.distances[minimum] + AROUND_MINIMUM
    known = outside & (scan.distances <= end)
    pushed = outside & (scan.forces > 0.0)
    note = f"data ends at {end:.2f} A"
    if pushed.any():
        note += f", pushed apart from {scan.distances[pushed][0]:.2f} A on"
    if not known.any():
        return skipped(name, f"{note}: no point between minimum and end")
    return at_least(name, float((-scan.forces[known]).min()), "eV/A", 0.0, 0.0, note)


def fall_check(name: str, scan: BondScan, minimum: int, bond: PulledBond) -> Check:
    """By how much the energy falls on the way out, beyond what it does by the reference."""
    fall = largest_fall(scan, minimum)
    size, note = fall.size, "rises throughout"
    rigid = bond.reference.get("rigid")
    if rigid is not None and np.isfinite(rigid.energies).any():
        size = max(0.0, size - largest_fall(rigid, rigid.minimum(bond.length)).size)
    if size > 0.0:
        note = f"from {fall.top:.2f} A on, {fall.barrier:.1f} eV above the minimum"
        if fall.depth > SOUND_FALL:
            note += f"; a minimum of {fall.depth:.2f} eV at {fall.minimum:.2f} A"
    reached = fall.top <= bond.known[1] or fall.barrier <= REACHED
    return at_most(name, size, "eV", SOUND_FALL, SOUND_FALL if reached else np.inf, note)


def without_reference(bond: PulledBond) -> Iterator[Check]:
    """What could not be compared, although there is a reference, and why."""
    if not bond.reference:
        why = "the charge of this molecule is not known, and the reference needs it"
        yield skipped(f"dissociation: {bond.name}, off the reference", why)
        return
    for way in bond.scans:
        scan = bond.reference.get(way)
        if scan is None or not np.isfinite(scan.energies).any():
            name = f"dissociation: {bond.name}, {way}: off the reference"
            yield skipped(name, "the reference computes none of these structures")


def deviation_checks(
    name: str, scan: BondScan, reference: BondScan, bond: PulledBond
) -> Iterator[Check]:
    """Energies compared with the reference, in the range of the data and at the end.

    These never fail: the data behind the potential may be of another level of theory.
    """
    n = min(len(scan.distances), len(reference.distances))
    predicted, expected = (_above_start(one, bond.length)[:n] for one in (scan, reference))
    distances, apart = scan.distances[:n], np.abs(predicted - expected)
    known = (distances >= bond.known[0]) & (distances <= bond.known[1]) & np.isfinite(apart)
    if known.any():
        worst = int(np.argmax(np.where(known, apart, -1.0)))
        note = f"worst at {distances[worst]:.2f} A, {expected[worst]:.2f} eV above the minimum"
        title = f"{name}: off the reference, in the data range"
        yield at_most(title, float(apart[worst]), "eV", DEVIATION, np.inf, note)
    finite = np.flatnonzero(np.isfinite(apart))
    if len(finite):
        last = finite[-1]
        note = f"dissociation energy {predicted[last]:.2f} eV, reference {expected[last]:.2f} eV, "
        note += f"both at {distances[last]:.2f} A"
        title = f"{name}: off the reference, at the end"
        yield at_most(title, float(apart[last]), "eV", END_DEVIATION, np.inf, note)


def _above_start(scan: BondScan, length: float) -> np.ndarray:
    """(n,) eV above the minimum."""
    return scan.energies - scan.energies[scan.minimum(length)]
