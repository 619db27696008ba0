"""Do the runs leave the data: shorter contacts, longer bonds, other surroundings?"""

from collections.abc import Iterator, Sequence

import numpy as np
from ase.data import chemical_symbols
from matplotlib.figure import Figure

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.structure.contacts import CLASS_NAMES, ContactTable, find_contacts
from physrep.analysis.structure.environments import BLOCKS, Surroundings, surroundings
from physrep.engines.guard_action import guard_limits, guarded_pairs
from physrep.io import Structure
from physrep.io.structures.total_charge import stated_by, total_charge
from physrep.probes.bond_scan import bond_ranges
from physrep.studies.certify.certificate_figures import surroundings_figure
from physrep.studies.certify.check import Check, at_least, at_most, skipped
from physrep.studies.certify.part import Part
from physrep.studies.certify.survival import Run
from physrep.studies.certify.task import Task

DATA_STRUCTURES = 60  # of the data, evenly drawn
GUARD_FRAMES = 2000  # at most, of the data, in which the guard is looked for
NAMED = 3  # of those in which it acts
SOUND_DEVIATION, POOR_DEVIATION = 0.1, 0.3  # eV/A, of the committee's forces


def extrapolation_part(task: Task, runs: Sequence[Run]) -> Part:
    """Frames of the survival runs compared with the data; deviation of a committee there."""
    visited = visited_frames(task, runs)
    checks: list[Check] = []
    figures: list[tuple[Figure, str]] = []
    data, table = task.data, task.contacts()
    if not visited:
        checks.append(skipped("extrapolation: runs", "no sound frame in any run"))
    elif not data:
        advice = "no data to compare with: give --reference"
        checks += [skipped(f"extrapolation: {what}", advice) for what in ("contacts", "bonds")]
    else:
        checks += [contact_check(visited, table), bond_check(visited, data)]
        found, figures = _surroundings(task, visited)
        checks += found
    checks += [guard_check(task, "runs", visited), guard_check(task, "data", data)]
    checks.append(committee_check(task, visited))
    text = (
        f"{len(visited)} frames of the runs above, compared with the data behind the potential: "
        "contacts, bonds, and the surroundings of every atom (smeared counts of neighbours by "
        "element and distance) with the nearest ones in the data."
    )
    return Part("extrapolation", "Distance from the data", text, checks, figures)


def visited_frames(task: Task, runs: Sequence[Run]) -> list[Structure]:
    """Frames evenly drawn from all survival runs, none after a failure."""
    atoms = task.atoms
    positions = [
        sample.positions
        for run in runs
        for sample in run.samples
        if run.stability.sound or sample.time < run.stability.time
    ]
    charge = total_charge(stated_by(atoms))
    info = {} if charge is None else {"charge": charge}
    return [
        Structure(positions[k], atoms.numbers, atoms.cell.array, atoms.pbc, info=info)
        for k in _evenly(len(positions), task.level.samples)
    ]


def contact_check(visited: list[Structure], table: ContactTable) -> Check:
    """The contact nearest to, or furthest below, the shortest one of its kind in the data."""
    lowest, where = np.inf, "no contact met"
    for one in visited:
        bonds = find_bonds(one.positions, one.species, one.cell, one.pbc).pairs
        found = find_contacts(one.positions, one.cell, one.pbc, bonds, table.radius)
        if not len(found.pairs):
            continue
        ends = one.species[found.pairs]
        known = table.of(ends[:, 0], ends[:, 1], found.classes)
        k = int(np.argmin(found.distances / known))
        if found.distances[k] / known[k] < lowest:
            lowest = float(found.distances[k] / known[k])
            pair = "...".join(chemical_symbols[z] for z in ends[k])
            kind = CLASS_NAMES[found.classes[k]]
            where = f"{pair} {found.distances[k]:.2f} A, {kind}; {known[k]:.2f} A in the data"
    return at_least("extrapolation: contacts", lowest, "of the shortest", 0.95, 0.8, where)


def bond_check(visited: list[Structure], data: list[Structure]) -> Check:
    """How far a bond left the range of lengths in the data, A."""
    known, worst, where = bond_ranges(data), 0.0, "all within the data"
    for kind, (low, high) in bond_ranges(visited).items():
        if kind not in known:
            return Check(
                "extrapolation: bonds", np.inf, "A", 0.05, "warn", f"no {kind} bond in the data"
            )
        beyond = max(known[kind][0] - low, high - known[kind][1])
        if beyond > worst:
            worst = beyond
            where = f"{kind} {low:.2f} to {high:.2f} A; data {known[kind][0]:.2f} to "
            where += f"{known[kind][1]:.2f} A"
    return at_most("extrapolation: bonds", worst, "A", 0.05, 0.2, where)


def _surroundings(
    task: Task, visited: list[Structure]
) -> tuple[list[Check], list[tuple[Figure, str]]]:
    elements = np.unique(task.atoms.numbers)
    name = "extrapolation: surroundings"
    drawn = [task.data[k] for k in _evenly(len(task.data), DATA_STRUCTURES)]
    if len(drawn) < BLOCKS:
        why = f"{len(drawn)} structures of data; give at least {BLOCKS}"
        return [skipped(name, why)], []
    try:
        known = surroundings(drawn, elements.tolist())
    except ValueError as error:
        return [skipped(name, str(error))], []
    distances = np.concatenate([known.distances(one) for one in visited])
    species = np.concatenate([one.species for one in visited])
    caption = (
        "Distance of the surroundings of every atom to the nearest in the data; 1 % of the data "
        "are further than 1 from the rest of the data."
    )
    figures = [(surroundings_figure(known, species, distances), caption)]
    return list(surroundings_checks(known, species, distances)), figures


def surroundings_checks(
    known: Surroundings, species: np.ndarray, distances: np.ndarray
) -> Iterator[Check]:
    """Share of far surroundings and the furthest one; they warn, since they are no failure."""
    share = float((distances > 1.0).mean())
    by_element = ", ".join(
        f"{chemical_symbols[z]} {100.0 * (distances[species == z] > 1.0).mean():.0f} %"
        for z in known.elements
    )
    note = f"beyond 99 % of the data; {by_element}"
    yield at_most("extrapolation: surroundings", share, "of atoms", 0.05, np.inf, note)
    worst = int(np.argmax(distances))
    note = f"{chemical_symbols[species[worst]]}; 1 is as far as 1 % of the data are"
    furthest = float(distances[worst])
    yield at_most("extrapolation: furthest surroundings", furthest, "", 2.0, np.inf, note)


def guard_check(task: Task, what: str, frames: list[Structure]) -> Check:
    """Frames in which the short-range guard acts: there, the network does not count in full."""
    name = f"extrapolation: guard, {what}"
    if guard_limits(task.calculator) is None:
        return skipped(name, "this potential has no short-range guard")
    if not frames:
        return skipped(name, f"no frame of {what}")
    looked_at = _evenly(len(frames), GUARD_FRAMES)
    acting = {k: guarded_pairs(task.calculator, frames[k].to_ase()) for k in looked_at}
    named = [f"frame {k}: {pairs[0].line()}" for k, pairs in acting.items() if pairs]
    note = f"acts in {len(named)} of {len(looked_at)} frames"
    if named:
        note += f"; {'; '.join(named[:NAMED])}{'; ...' * (len(named) > NAMED)}"
    return at_most(name, len(named) / len(looked_at), "of frames", 0.0, np.inf, note)


def committee_check(task: Task, visited: list[Structure]) -> Check:
    """Root mean square deviation of the members' forces from their mean, over the frames.

    Members are the first model and those of --committee, or what a calculator itself reports in
    ``results["forces_comm"]``, (n_members, n_atoms, 3) in eV/A.
    """
    name = "extrapolation: committee"
    squares = []
    for one in visited:
        forces = _members_forces(task, one)
        if forces is None:
            why = "one model, and its calculator reports no deviation: give others by --committee"
            return skipped(name, why)
        squares.append(((forces - forces.mean(axis=0)) ** 2).sum(axis=0) / (len(forces) - 1))
    if not squares:
        return skipped(name, "no sound frame in any run")
    worst = float(np.sqrt(np.max([square.max() for square in squares])))
    value, note = float(np.sqrt(np.mean(squares))), f"largest of a force component {worst:.2f} eV/A"
    return at_most(name, value, "eV/A", SOUND_DEVIATION, POOR_DEVIATION, note)


def _members_forces(task: Task, one: Structure) -> np.ndarray | None:
    atoms = one.to_ase()
    if task.committee:
        members = (task.calculator, *task.committee)
        return np.array([member.get_forces(atoms) for member in members])
    task.calculator.get_forces(atoms)
    reported = task.calculator.results.get("forces_comm")
    return None if reported is None or len(reported) < 2 else np.asarray(reported)


def _evenly(n: int, wanted: int) -> list[int]:
    """At most so many indices below ``n``, spread over all."""
    return (
        np.unique(np.linspace(0, n - 1, min(n, wanted)).round().astype(int)).tolist() if n else []
    )
