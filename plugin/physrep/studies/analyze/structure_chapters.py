"""Chapters on structure: radial distributions, hydrogen bonds, bonds and angles, density."""

from collections.abc import Mapping

import numpy as np

from physrep.analysis.structure.distributions import Distribution
from physrep.analysis.structure.rdf import RadialDistributions
from physrep.figures.page import Table
from physrep.figures.structure_plots import distribution_figure, radial_figure, with_error
from physrep.studies.analyze.chapter import Chapter, error_note, header_of, row_of, sentence
from physrep.studies.analyze.collector import Results
from physrep.studies.analyze.shells import shells

MOST_PANELS = 15


def structure_chapters(runs: Mapping[str, Results]) -> list[Chapter]:
    """Of all trajectories in the same figures."""
    return [_density(runs), _atoms(runs), _ions(runs), _hydrogen(runs), _bonds_and_angles(runs)]


def _density(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("density", "Density")
    answers = chapter.answers({k: one.structure.density for k, one in runs.items()}, "Density")
    for name, found in answers.items():
        of = f" of {name}" if len(runs) > 1 else ""
        volume = runs[name].structure.volume
        value, note = f"{found.value:.4f}", found.reason
        if found.error > 0.0 or not np.isfinite(found.error):
            value = with_error(float(found.value), float(found.error))
            note = error_note(found.reason)
        chapter.texts.append(
            f"{value} g/cm³{of}; mean volume {volume:.1f} Å³. {sentence(note)}".strip()
        )
    return chapter


def _radial_chapter(
    name: str, heading: str, runs: Mapping[str, Results], attribute: str
) -> tuple[Chapter, dict[str, RadialDistributions]]:
    """A chapter, and the g(r) of each trajectory that has this attribute of its structure."""
    chapter = Chapter(name, heading)
    found = {k: getattr(one.structure, attribute) for k, one in runs.items()}
    return chapter, chapter.answers(found, f"g(r){heading.removeprefix('Radial distributions')}")


def _atoms(runs: Mapping[str, Results]) -> Chapter:
    chapter, answers = _radial_chapter("atoms", "Radial distributions of atoms", runs, "elements")
    between = all(runs[k].structure.intermolecular for k in answers)
    which = "pairs of different molecules" if between else "all pairs, also those within a molecule"
    _radial(chapter, answers, f"Partial radial distribution functions of atoms, {which}")
    return chapter


def _ions(runs: Mapping[str, Results]) -> Chapter:
    chapter, answers = _radial_chapter("ions", "Radial distributions of molecules", runs, "ions")
    text = "Radial distribution functions of the centres of mass of the molecules of the first"
    _radial(chapter, answers, f"{text} frame")
    return chapter


def _hydrogen(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("hydrogen", "Hydrogen bonds")
    found = {k: one.structure.hydrogen for k, one in runs.items()}
    answers = chapter.answers(found, "g(r) of hydrogen bonds")
    pairs = list(dict.fromkeys(p for k in answers for p in runs[k].structure.hydrogen_pairs))
    text = "Hydrogens by the atom that they are bonded to, and acceptors of other molecules"
    _radial(chapter, answers, text, pairs)
    numbers = {k: one.structure.hydrogen_bonds for k, one in runs.items()}
    for name, one in chapter.answers(numbers, "Number of hydrogen bonds").items():
        donors = len(runs[name].system.donors())
        of = f" of {name}" if len(runs) > 1 else ""
        text = f"{with_error(float(one.value), float(one.error))} hydrogen bonds in a frame{of}"
        chapter.texts.append(
            f"{text}, {one.value / donors:.2f} for each of {donors} hydrogens: donor and acceptor "
            f"nearer than 3.5 Å, angle to the D-H bond below 30°. {error_note(one.reason)}".strip()
        )
    return chapter


def _radial(
    chapter: Chapter,
    answers: dict[str, RadialDistributions],
    caption: str,
    pairs: list[tuple[str, str]] | None = None,
) -> None:
    if not answers:
        return
    shown = pairs or next(iter(answers.values())).pairs
    drawn = [p for p in shown if any(np.isfinite(_curve(one, p)).any() for one in answers.values())]
    more = f" {MOST_PANELS} of {len(drawn)} pairs." if len(drawn) > MOST_PANELS else ""
    if drawn:
        text = f"{caption}; below, the number of neighbours within r. Bands: standard error.{more}"
        chapter.figures.append((radial_figure(answers, drawn[:MOST_PANELS]), text))
    rows = [
        row_of(
            name,
            len(answers),
            f"{shell.b} around {shell.a}",
            _digits(shell.peak, 2),
            _digits(shell.height, 2),
            _digits(shell.end, 2),
            with_error(shell.number, shell.error) if np.isfinite(shell.number) else "-",
        )
        for name, one in answers.items()
        for shell in shells(one, [p for p in pairs if _has(one, p)] if pairs else None)
        if np.isfinite(shell.peak)
    ]
    columns = ("pair", "maximum (Å)", "g there", "minimum (Å)", "neighbours up to it")
    note = error_note({name: one.g.reason for name, one in answers.items()})
    chapter.tables.append(Table(header_of(len(answers), *columns), rows, f"First shells. {note}"))


def _has(one: RadialDistributions, pair: tuple[str, str]) -> bool:
    return pair in one.pairs or pair[::-1] in one.pairs


def _curve(one: RadialDistributions, pair: tuple[str, str]) -> np.ndarray:
    return one.of(*pair).value if _has(one, pair) else np.array([np.nan])


def _bonds_and_angles(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("bonds", "Bonds and angles")
    text = "Bonds and angles are those of the first frame; the thin line is the mean."
    for what, name in (("Bond lengths", "bonds"), ("Angles", "angles")):
        found = {k: getattr(one.structure, name) for k, one in runs.items()}
        answers = chapter.answers(found, what)
        if answers:
            chapter.figures.append((distribution_figure(answers), f"{what}. {text}"))
            chapter.tables.append(_distribution_table(answers, what))
    return chapter


def _distribution_table(answers: dict[str, Distribution], what: str) -> Table:
    rows = [
        row_of(
            name,
            len(answers),
            kind,
            with_error(float(one.mean.value[k]), float(one.mean.error[k])),
            _digits(one.spread[k], 3),
        )
        for name, one in answers.items()
        for k, kind in enumerate(one.kinds)
    ]
    first = next(iter(answers.values()))
    unit = "Å" if first.unit == "A" else "°"
    columns = ("kind", f"mean ({unit})", f"standard deviation ({unit})")
    note = error_note({name: one.mean.reason for name, one in answers.items()})
    lost = max(float(one.outside.max()) for one in answers.values())
    note += f" Up to {100.0 * lost:.2g} % of one kind lie outside the figure." if lost else ""
    return Table(header_of(len(answers), *columns), rows, f"{what}. {note}")


def _digits(value: float, n: int) -> str:
    return f"{value:.{n}f}" if np.isfinite(value) else "-"
