"""The chapter on lifetimes of ion pairs and hydrogen bonds."""

from collections.abc import Mapping

import numpy as np

from physrep.analysis.motion.pair_lifetimes import PairCorrelation
from physrep.analysis.statistics.blocks import Estimate
from physrep.figures.lifetime_plots import lifetime_figure
from physrep.figures.page import Table
from physrep.figures.structure_plots import with_error
from physrep.studies.analyze.chapter import Chapter, header_of, parts, row_of, sentence
from physrep.studies.analyze.collector import Results

KINDS = {"ions": "Ion pairs", "hydrogen": "Hydrogen bonds"}
CAPTION = (
    "Share of the {} that still exist after a time: without interruption in any frame (continuous, "
    "solid), and again or still (intermittent, dashed), which ends at the chance of two partners "
    "to be a pair."
)
NOTE = (
    "Integrals of the correlations, of the intermittent one above its end. The continuous time "
    "depends on the time between frames, as an interruption between two frames is not seen. Ion "
    "pair: a cation and the anion nearest to it, centre to centre."
)


def lifetime_chapters(runs: Mapping[str, Results]) -> list[Chapter]:
    """One, of all trajectories."""
    chapter = Chapter("lifetimes", "Lifetimes of ion pairs and hydrogen bonds")
    rows = []
    for attribute, what in KINDS.items():
        found = parts(runs, "lifetimes", attribute)
        answers: dict[str, PairCorrelation] = chapter.answers(found, what)
        if not answers:
            continue
        chapter.figures.append((lifetime_figure(answers), CAPTION.format(what.lower())))
        for name, one in answers.items():
            times = {"Continuous": one.continuous_time, "Intermittent": one.intermittent_time}
            cells = (what, f"{one.number:.4g}", *map(_shown, times.values()))
            rows.append(row_of(name, len(runs), *cells))
            of = f" of {name}" if len(runs) > 1 else ""
            chapter.texts += [
                sentence(f"{way} time of {what.lower()}{of}: {time.reason}")
                for way, time in times.items()
                if time.reason
            ]
    if rows:
        columns = ("pairs", "in a frame", "continuous (ps)", "intermittent (ps)")
        chapter.tables.append(Table(header_of(len(runs), *columns), rows, NOTE))
    return [chapter]


def _shown(time: Estimate) -> str:
    known = np.isfinite(time.value)
    return with_error(float(time.value), float(time.error)) if known else "not resolved"
