"""Chapters on charges, dipoles, infrared absorption and dielectric response."""

from collections.abc import Mapping, Sequence

import numpy as np

from physrep.analysis.motion.infrared import HARMONIC
from physrep.analysis.statistics.scalars import Scalars
from physrep.figures.charge_plots import charge_figure, infrared_figure
from physrep.figures.page import Table
from physrep.figures.structure_plots import with_error
from physrep.studies.analyze.chapter import Chapter, charge_text, header_of, row_of, sentence
from physrep.studies.analyze.collector import Results
from physrep.studies.analyze.stream import Answer
from physrep.units import DEBYE_IN_E_ANGSTROM

MOST_PANELS = 12
CONSTANT = 1e-6  # e: spread of charges that do not change
SPLIT = (
    "The dipole of a cell is that of its molecules, each relative to its centre of mass, and that "
    "of their mean charges at these centres."
)
WITHOUT_ELECTRONS = (
    "From fluctuations in a cell with conducting boundary (Ewald sum). eps_inf is the response of "
    "electrons alone, 1 for charges that do not change."
)


def charge_chapters(runs: Mapping[str, Results]) -> list[Chapter]:
    """Of all trajectories; without charges of atoms the first chapter says why."""
    first = _charges(runs)
    if not any(one.charges.source for one in runs.values()):
        return [first]
    return [first, _infrared(runs), _dielectric(runs)]


def _of(runs: Mapping[str, Results], name: str) -> dict[str, Answer]:
    return {k: getattr(one.charges, name) for k, one in runs.items()}


def _charges(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("charges", "Charges and dipoles")
    for name, one in runs.items():
        if one.charges.source:
            of = f" of {name}" if len(runs) > 1 else ""
            chapter.texts.append(sentence(f"charges of atoms{of}: {one.charges.source}"))
    atoms = chapter.answers(_of(runs, "atoms"), "Charges of atoms")
    if not atoms:
        return chapter
    names = {"molecules": "Charges of molecules", "dipoles": "Dipoles", "whole": "Total dipole"}
    found = {name: chapter.answers(_new(_of(runs, name), atoms), names[name]) for name in names}
    chapter.tables += [_molecule_table(runs, found["molecules"], found["dipoles"]),
                       _atom_table(len(runs), atoms)]  # fmt: skip
    chapter.texts += [_whole_text(name, len(runs), one) for name, one in found["whole"].items()]
    kinds = _shown(list(atoms.values()))
    if kinds:
        text = "Distribution of the charges of atoms over atoms and frames; vertical lines: means."
        text += f" {MOST_PANELS} of {len(kinds)} kinds." if len(kinds) > MOST_PANELS else ""
        chapter.figures.append((charge_figure(atoms, kinds[:MOST_PANELS]), text))
    return chapter


def _new(found: Mapping[str, Answer], atoms: Mapping[str, Scalars]) -> dict[str, Answer]:
    """Of the trajectories whose gap is not given yet."""
    return {name: one for name, one in found.items() if name in atoms}


def _molecule_table(
    runs: Mapping[str, Results], molecules: Mapping[str, Scalars], dipoles: Mapping[str, Scalars]
) -> Table:
    rows = [row for name, one in molecules.items()
            for row in _molecule_rows(name, runs, one, dipoles.get(name))]  # fmt: skip
    columns = ("molecule", "number", "as an ion (e)", "mean charge (e)", "spread (e)", "dipole (D)")
    note = (
        "Spread: standard deviation over molecules and frames. Dipoles are relative to the centre "
        "of mass, with their spread in brackets. What is unknown is never taken as 0."
    )
    return Table(header_of(len(runs), *columns), rows, note)


def _atom_table(n_runs: int, atoms: Mapping[str, Scalars]) -> Table:
    rows = [row for name, one in atoms.items() for row in _atom_rows(name, n_runs, one)]
    columns = ("atom", "number", "mean charge (e)", "spread (e)")
    return Table(header_of(n_runs, *columns), rows)


def _molecule_rows(
    name: str, runs: Mapping[str, Results], one: Scalars, dipoles: Scalars | None
) -> list[tuple[str, ...]]:
    known, rows = runs[name].system.names, []
    for k, kind in enumerate(one.kinds):
        whole = charge_text(known[kind].charge) if kind in known else ""
        dipole = "unknown"
        if dipoles is not None and np.isfinite(dipoles.mean.value[k]):
            mean, error, spread = (
                x / DEBYE_IN_E_ANGSTROM
                for x in (dipoles.mean.value[k], dipoles.mean.error[k], dipoles.spread[k])
            )
            dipole = f"{with_error(mean, error)} ({spread:.2f})"
        rows.append(row_of(name, len(runs), kind, one.sizes[k], whole, *_mean(one, k), dipole))
    return rows


def _atom_rows(name: str, n_runs: int, one: Scalars) -> list[tuple[str, ...]]:
    return [
        row_of(name, n_runs, kind, one.sizes[k], *_mean(one, k)) for k, kind in enumerate(one.kinds)
    ]


def _mean(one: Scalars, k: int) -> tuple[str, str]:
    value = float(one.mean.value[k])
    if not np.isfinite(value):
        return "unknown", "unknown"
    shown = (
        with_error(value, float(one.mean.error[k])) if one.spread[k] > CONSTANT else f"{value:g}"
    )
    return f"+{shown}" if value > 0.0 else shown, f"{one.spread[k]:.4f}"


def _whole_text(name: str, n_runs: int, one: Scalars) -> str:
    of = f" of {name}" if n_runs > 1 else ""
    mean, error = (float(x[0]) / DEBYE_IN_E_ANGSTROM for x in (one.mean.value, one.mean.error))
    return f"Mean size of the dipole of all molecules{of}: {with_error(mean, error)} D. {SPLIT}"


def _shown(atoms: Sequence[Scalars]) -> list[str]:
    """Kinds of which the charges differ."""
    return list(
        dict.fromkeys(
            kind
            for one in atoms
            for kind, spread in zip(one.kinds, one.spread, strict=True)
            if spread > CONSTANT
        )
    )


def _infrared(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("infrared", "Infrared spectrum")
    answers = chapter.answers(_of(runs, "infrared"), "Infrared spectrum")
    if not answers:
        return chapter
    corrections = " and ".join(dict.fromkeys(one.correction for one in answers.values()))
    widest = max(one.resolution for one in answers.values())
    harmonic = " (the classical line shape)" if corrections == HARMONIC else ""
    notes = dict.fromkeys(one.note.replace("velocities", "rates") for one in answers.values())
    text = (
        "Infrared absorption from the autocorrelation of the time derivative of the dipole, "
        f"resolution {widest:.0f} cm⁻¹. Quantum correction factor: {corrections}{harmonic}. Band: "
        "standard error."
    )
    text = " ".join([text, *map(sentence, filter(None, notes))])
    volumes = {name: runs[name].structure.volume for name in answers}
    chapter.figures.append((infrared_figure(answers, volumes), text))
    return chapter


def _dielectric(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("dielectric", "Dielectric response")
    rows = []
    for name, what in (("rotational", "rotation of molecules"), ("static", "all, static")):
        answers = chapter.answers(_of(runs, name), f"Dielectric response, {what}")
        for run, one in answers.items():
            value = with_error(float(one.value), float(one.error))
            rows.append(row_of(run, len(runs), what, value))
    if rows:
        columns = header_of(len(runs), "part", "ε - ε∞")
        chapter.tables.append(Table(columns, rows, WITHOUT_ELECTRONS))
    return chapter
