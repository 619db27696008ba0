"""Chapters on motion: diffusion, vibrations, conductivity."""

from collections.abc import Mapping

from physrep.analysis.motion.msd import CHARGE
from physrep.analysis.statistics.blocks import Estimate
from physrep.figures.page import Table
from physrep.figures.structure_plots import (
    displacement_figure,
    green_kubo_figure,
    spectrum_figure,
    velocity_figure,
    with_error,
)
from physrep.studies.analyze.chapter import Chapter, header_of, parts, row_of, sentence
from physrep.studies.analyze.collector import Results
from physrep.studies.analyze.motion_stream import MotionResults
from physrep.studies.analyze.stream import Answer

FINITE_SIZE = (
    "D of the simulated box: periodic boundaries slow diffusion. physrep.analysis.motion.msd."
    "yeh_hummer gives the correction, which needs the viscosity of the model liquid."
)
SHOWN_VELOCITY = 0.5  # ps
WHOLE, MEAN = "whole ions", "mean of atoms"


def motion_chapters(runs: Mapping[str, Results]) -> list[Chapter]:
    """Of all trajectories in the same figures."""
    return [_diffusion(runs), _vibrations(runs), _conductivity(runs)]


def _motion(runs: Mapping[str, Results], name: str) -> MotionResults:
    motion = runs[name].motion
    assert motion is not None  # asked only of runs that have one
    return motion


def _diffusion(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("diffusion", "Diffusion")
    answers = chapter.answers(parts(runs, "motion", "displacements"), "Mean squared displacements")
    if not answers:
        return chapter
    lines = {(k, kind): line for k in answers for kind, line in _motion(runs, k).lines.items()}
    every = {k: _motion(runs, k).every for k in answers}
    thinned = "".join(f" Every {n}th frame of {k}." for k, n in every.items() if n > 1)
    caption = (
        "Mean squared displacements of the centres of mass of molecules, relative to that of all "
        f"atoms, over lags up to a tenth of the run.{thinned} Dotted: fitted line."
    )
    chapter.figures.append((displacement_figure(answers, lines), caption))
    rows = [
        row_of(
            k,
            len(answers),
            kind,
            f"{line.slope:.2f}",
            f"{line.reached:.3g}",
            with_error(line.coefficient, line.error) if line.resolved else "not resolved",
        )
        for (k, kind), line in lines.items()
        if kind != CHARGE
    ]
    columns = ("molecules", "log-log slope", "MSD at the end (Å²)", "D (Å²/ps)")
    note = "1 Å²/ps = 1e-8 m²/s. D is resolved where the slope is 1 ± 0.1 and the MSD above 25 Å²."
    note = f"{note} {FINITE_SIZE}"
    chapter.tables.append(Table(header_of(len(answers), *columns), rows, note))
    for (k, kind), line in lines.items():
        if kind != CHARGE and line.reason:
            of = f" in {k}" if len(answers) > 1 else ""
            chapter.texts.append(sentence(f"D of {kind}{of}: {line.reason}"))
    return chapter


def _vibrations(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("vibrations", "Vibrations")
    velocities = chapter.answers(parts(runs, "motion", "velocities"), "Velocity autocorrelation")
    if velocities:
        taken = [k for k, one in velocities.items() if one.from_positions]
        text = "Velocity autocorrelation of all atoms, weighted by mass."
        text += " Velocities are differences of positions." if taken else ""
        figure = velocity_figure(velocities, longest=SHOWN_VELOCITY)
        chapter.figures.append((figure, text))
    spectra = chapter.answers(parts(runs, "motion", "spectrum"), "Vibrational spectrum")
    if spectra:
        notes = dict.fromkeys(one.note for one in spectra.values() if one.note)
        widest = max(one.resolution for one in spectra.values())
        text = f"Vibrational density of states, resolution {widest:.0f} cm⁻¹."
        text = " ".join([text, *map(sentence, notes)])
        chapter.figures.append((spectrum_figure(spectra), text))
    return chapter


def _conductivity(runs: Mapping[str, Results]) -> Chapter:
    chapter = Chapter("conductivity", "Electrical conductivity")
    measured = {k: one.motion for k, one in runs.items() if one.motion}
    gaps: dict[str, Answer] = {
        k: Answer(None, one.motion_gap) for k, one in runs.items() if not one.motion
    }
    chapter.answers(gaps, "Conductivity")
    ways = {
        "Nernst-Einstein": "nernst_einstein",
        "Einstein, collective": "einstein",
        "Green-Kubo": "green_kubo",
    }
    rows = []
    for name, motion in measured.items():
        kinds: list[tuple[str, object]] = [(WHOLE, motion)]
        if runs[name].charges.source:
            kinds.append((MEAN, runs[name].charges))
        for charges, room in kinds:
            for way, attribute in ways.items():
                found = getattr(room, attribute, None)
                if found is None:  # mean charges have no Green-Kubo integral here
                    continue
                value, reason = _conductivity_cells(found)
                if value:
                    rows.append(row_of(name, len(measured), way, charges, value))
                of = f" of {name}" if len(measured) > 1 else ""
                if reason:
                    chapter.texts.append(sentence(f"{way}, {charges}{of}: {reason}"))
    if rows:
        columns = header_of(len(measured), "method", "charges", "conductivity (S/m)")
        chapter.tables.append(Table(columns, rows))
    if measured:
        chapter.texts.append(_conductivity_note(runs, measured))
    currents = {k: one.green_kubo.value for k, one in measured.items() if one.green_kubo.value}
    if currents:
        text = "Green-Kubo: integral of the autocorrelation of the charge current up to a lag."
        chapter.figures.append((green_kubo_figure(currents), text))
    return chapter


def _conductivity_cells(found: Answer) -> tuple[str, str]:
    estimate = getattr(found.value, "conductivity", found.value)
    if not isinstance(estimate, Estimate) or estimate.value != estimate.value:
        reason = found.reason if estimate is None else estimate.reason
        return "", reason
    value = with_error(float(estimate.value), float(estimate.error))
    return value, estimate.reason


def _conductivity_note(runs: Mapping[str, Results], measured: Mapping[str, MotionResults]) -> str:
    parts = ["Whole charges of ions are guessed from their graphs or given by hand."]
    if any(one.charges.source for one in runs.values()):
        parts.append(
            "Mean of atoms: their charges, added up over each kind of molecule and averaged over "
            "the run; what molecules exchange from frame to frame carries no current."
        )
    for name, one in measured.items():
        of = f" of {name}" if len(measured) > 1 else ""
        temperature = one.temperature
        if temperature.value is not None:
            value = f"{float(temperature.value.value):.1f} K"
            parts.append(f"Temperature{of}: {value} ({temperature.reason}).")
    return " ".join(parts)
