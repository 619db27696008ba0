"""Chapters on correlations: structure factors, angles, van Hove functions, transference."""

from collections.abc import Mapping

import numpy as np

from physrep.analysis.motion.transference import Transference
from physrep.analysis.structure.angular import RadiusAngleMaps
from physrep.figures.correlation_plots import (
    bond_map_figure,
    moved_figure,
    neighbor_angle_figure,
    others_figure,
    partial_scattering_figure,
    scattering_figure,
)
from physrep.figures.page import Table
from physrep.figures.structure_plots import with_error
from physrep.studies.analyze.chapter import Chapter, error_note, header_of, parts, row_of, sentence
from physrep.studies.analyze.collector import Results
from physrep.studies.analyze.shells import shells

MOST_PANELS = 9
ROUND_OFF = 1e-9


def correlation_chapters(runs: Mapping[str, Results]) -> list[Chapter]:
    """Of all trajectories; structure factors and angles in the same figures."""
    return [_scattering(runs), _angles(runs), _van_hove(runs), _shares(runs)]


def _scattering(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("scattering", "Structure factors")
    found = {k: one.structure.scattering for k, one in runs.items()}
    answers = chapter.answers(found, "Structure factors")
    if not answers:
        return chapter
    n_frames = {one.n_frames for one in answers.values()}
    text = (
        "Structure factors from the wave vectors of the cell: scattered intensity over that of "
        "single atoms, weighted by X-ray form factors, by neutron scattering lengths, and without "
        f"weights. From {' or '.join(map(str, sorted(n_frames)))} frames. Bands: standard error. "
        f"{error_note({k: one.total.reason for k, one in answers.items()})}"
    )
    chapter.figures.append((scattering_figure(answers), text.strip()))
    for name, one in answers.items():
        if "no scattering data" in one.xray.reason:
            chapter.texts.append(sentence(f"{name}: {one.xray.reason}"))
    pairs = next(iter(answers.values())).pairs
    text = "Partial structure factors as of Ashcroft and Langreth (1 for like, 0 for unlike atoms "
    text += f"at large q).{_more(len(pairs))}"
    chapter.figures.append((partial_scattering_figure(answers, pairs[:MOST_PANELS]), text))
    return chapter


def _angles(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("neighbors", "Angles between neighbours")
    found = {k: one.structure.neighbors for k, one in runs.items()}
    answers = chapter.answers(found, "Angles between neighbours")
    radii = _radii(runs, answers)
    if radii:
        text = (
            "Angle at a molecule between two neighbours of one kind within the radius given (the "
            "first minimum of g(r), or the range of the analysis), by centres of mass, over an "
            f"ideal gas.{_more(len(radii))}"
        )
        shown = dict(list(radii.items())[:MOST_PANELS])
        chapter.figures.append((neighbor_angle_figure(answers, shown), text))
    maps = {k: one.structure.hydrogen_map for k, one in runs.items()}
    for name, one in chapter.answers(maps, "Acceptors around hydrogens").items():
        pairs = [p for k, p in enumerate(one.pairs) if np.isfinite(one.value.value[k]).any()]
        if pairs:
            of = f" in {name}" if len(runs) > 1 else ""
            text = (
                f"Acceptors around donated hydrogens{of}: density over that of an ideal gas, by "
                "the distance from the hydrogen (at the origin) and the angle to its bond (white), "
                f"averaged over rotations about the bond.{_more(len(pairs))}"
            )
            chapter.figures.append((bond_map_figure(one, pairs[:MOST_PANELS]), text))
    return chapter


def _radii(
    runs: Mapping[str, Results], answers: Mapping[str, RadiusAngleMaps]
) -> dict[tuple[str, str], float]:
    """(a, b) -> first minimum of g(r) in the first trajectory, where two b may be near one a."""
    if not answers:
        return {}
    name, one = next(iter(answers.items()))
    radial = runs[name].structure.ions.value
    ends = {(s.a, s.b): s.end for s in shells(radial)} if radial is not None else {}
    last, found = float(one.edges[-1]), {}
    for row, pair in enumerate(one.pairs):
        if np.isfinite(one.value.value[row]).any():
            end = ends.get(pair, np.nan)
            found[pair] = min(end, last) if np.isfinite(end) else last
    return found


def _van_hove(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("van_hove", "Van Hove functions")
    found = parts(runs, "motion", "van_hove")
    for name, one in chapter.answers(found, "Van Hove functions").items():
        of = f" in {name}" if len(runs) > 1 else ""
        text = f"Self part{of}: distribution of the distance that a molecule moves within a lag."
        text += f" {error_note(one.moved.reason)}"
        chapter.figures.append((moved_figure(one), text.strip()))
        pairs = [p for k, p in enumerate(one.pairs) if np.isfinite(one.distinct.value[:, k]).all()]
        if pairs:
            text = (
                f"Distinct part{of}: molecules around the place where one was before the lag; g(r)"
            )
            text += f" at lag 0.{_more(len(pairs))}"
            chapter.figures.append((others_figure(one, pairs[:MOST_PANELS]), text))
    return chapter


def _shares(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("transference", "Transference numbers and Haven ratio")
    shares = chapter.answers(parts(runs, "motion", "transference"), "Transference numbers")
    ratios = chapter.answers(parts(runs, "motion", "haven"), "Haven ratio")
    rows = []
    for name in runs:
        shown = _numbers(shares[name]) if name in shares else {}
        if name in ratios:
            ratio = ratios[name]
            shown["Haven ratio"] = with_error(float(ratio.value), float(ratio.error))
        rows += [row_of(name, len(runs), *cells) for cells in shown.items()]
    if rows:
        note = (
            "Transference: share of the collective displacement of charge, relative to the centre "
            "of mass; of a liquid of two kinds of ions alone it follows from their masses. Haven "
            "ratio: Nernst-Einstein over collective (Einstein) conductivity."
        )
        chapter.tables.append(Table(header_of(len(runs), "quantity", "value"), rows, note))
    return chapter


def _numbers(found: Transference) -> dict[str, str]:
    """For the table. In a binary liquid they follow from the masses, with round-off as error."""
    columns = zip(found.kinds, found.numbers.value, found.numbers.error, strict=True)
    return {
        f"t of {kind}": f"{value:.4f} (from the masses)"
        if error < ROUND_OFF
        else with_error(value, error)
        for kind, value, error in columns
    }


def _more(n: int) -> str:
    return f" {MOST_PANELS} of {n}; analysis.json holds all." if n > MOST_PANELS else ""
