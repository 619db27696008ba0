"""Where the runs went: nearer contacts, longer bonds, other surroundings than in the data?"""

from collections.abc import Iterator

import numpy as np
from ase.data import chemical_symbols

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.structure.contacts import CLASS_NAMES, ContactTable, find_contacts
from physrep.analysis.structure.environments import BLOCKS, Surroundings, surroundings
from physrep.io import Structure
from physrep.probes.bond_scan import bond_ranges
from physrep.studies.certify.certificate_figures import surroundings_figure
from physrep.studies.certify.check import Check, at_least, at_most, skipped
from physrep.studies.certify.context import Context, Part

DATA_STRUCTURES = 60  # of the data, evenly drawn
SOUND_DEVIATION, POOR_DEVIATION = 0.1, 0.3  # eV/A, of the committee's forces


def extrapolation_part(context: Context) -> Part:
    """Frames of the survival runs, held against the data; what a committee says of them."""
    visited, checks, figures = visited_frames(context), [], []
    data, table = context.data, context.contacts()
    if not visited:
        checks.append(skipped("extrapolation: runs", "no frame of a run to look at"))
    elif not data:
        advice = "no data to compare with: give --reference"
        checks += [skipped(f"extrapolation: {what}", advice) for what in ("contacts", "bonds")]
    else:
        checks += [contact_check(visited, table), bond_check(visited, data)]
        checks += _surroundings(context, visited, figures)
    checks.append(committee_check(context, visited))
    text = (
        f"{len(visited)} frames of the runs above, held against the data behind the potential: "
        "contacts, bonds, and every atom's surroundings (smeared counts of neighbours by element "
        "and distance) against the nearest ones in the data."
    )
    return Part("extrapolation", "Distance from the data", text, checks, figures)


def visited_frames(context: Context) -> list[Structure]:
    """Frames evenly drawn from all survival runs, none after a failure."""
    atoms = context.atoms
    positions = [
        sample.positions
        for run in context.runs
        for sample in run.samples
        if run.stability.sound or sample.time < run.stability.time
    ]
    return [
        Structure(positions[k], atoms.numbers, atoms.cell.array, atoms.pbc)
        for k in _evenly(len(positions), context.level.samples)
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
    """How far a bond went out of the lengths in the data, A."""
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


def _surroundings(context: Context, visited: list[Structure], figures: list) -> list[Check]:
    """Checks; the figure is appended."""
    elements = np.unique(context.atoms.numbers)
    name = "extrapolation: surroundings"
    drawn = [context.data[k] for k in _evenly(len(context.data), DATA_STRUCTURES)]
    if len(drawn) < BLOCKS:
        return [skipped(name, f"{len(drawn)} structures of data; give at least {BLOCKS}")]
    try:
        known = surroundings(drawn, elements.tolist())
    except ValueError as error:
        return [skipped(name, str(error))]
    distances = np.concatenate([known.distances(one) for one in visited])
    species = np.concatenate([one.species for one in visited])
    caption = (
        "Distance of every atom's surroundings to the nearest in the data; 1: as far as 1 % of the "
        "data are from the rest of the data."
    )
    figures.append((surroundings_figure(known, species, distances), caption))
    return list(surroundings_checks(known, species, distances))


def surroundings_checks(
    known: Surroundings, species: np.ndarray, distances: np.ndarray
) -> Iterator[Check]:
    """Share of far surroundings and the furthest one; new surroundings warn, being no failure."""
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


def committee_check(context: Context, visited: list[Structure]) -> Check:
    """Root mean square deviation of the members' forces from their mean, over the frames.

    Members are the models of --committee beside the first, or what a calculator itself tells in
    ``results["forces_comm"]``, (n_members, n_atoms, 3) in eV/A.
    """
    name = "extrapolation: committee"
    squares = []
    for one in visited:
        forces = _members_forces(context, one)
        if forces is None:
            why = "one model, and its calculator tells no deviation: give others by --committee"
            return skipped(name, why)
        squares.append(((forces - forces.mean(axis=0)) ** 2).sum(axis=0) / (len(forces) - 1))
    if not squares:
        return skipped(name, "no frame of a run to look at")
    worst = float(np.sqrt(np.max([square.max() for square in squares])))
    value, note = float(np.sqrt(np.mean(squares))), f"largest of a force component {worst:.2f} eV/A"
    return at_most(name, value, "eV/A", SOUND_DEVIATION, POOR_DEVIATION, note)


def _members_forces(context: Context, one: Structure) -> np.ndarray | None:
    atoms = one.to_ase()
    if context.committee:
        members = (context.calculator, *context.committee)
        return np.array([member.get_forces(atoms) for member in members])
    context.calculator.get_forces(atoms)
    told = context.calculator.results.get("forces_comm")
    return None if told is None or len(told) < 2 else np.asarray(told)


def _evenly(n: int, wanted: int) -> list[int]:
    """At most so many indices below ``n``, spread over all."""
    return (
        np.unique(np.linspace(0, n - 1, min(n, wanted)).round().astype(int)).tolist() if n else []
    )
