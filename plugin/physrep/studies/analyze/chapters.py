"""The report on one trajectory, or on several side by side."""

from collections.abc import Mapping

from physrep.figures.page import Table
from physrep.studies.analyze.chapter import (
    Chapter,
    charge_text,
    counted,
    header_of,
    row_of,
    sentence,
)
from physrep.studies.analyze.charge_chapters import charge_chapters
from physrep.studies.analyze.collector import Results
from physrep.studies.analyze.correlation_chapters import correlation_chapters
from physrep.studies.analyze.lifetime_chapter import lifetime_chapters
from physrep.studies.analyze.motion_chapters import motion_chapters
from physrep.studies.analyze.reaction_chapter import reaction_chapters
from physrep.studies.analyze.record import gaps
from physrep.studies.analyze.structure_chapters import structure_chapters


def chapters(runs: Mapping[str, Results]) -> list[Chapter]:
    """All chapters, every trajectory in the same figures.

    Args: runs: name as in the legends -> results; the first one says which pairs are drawn.

    Raises:
        ValueError: no trajectory.
    """
    if not runs:
        raise ValueError("0 trajectories: a report needs at least one")
    return [
        overview(runs),
        *structure_chapters(runs),
        *motion_chapters(runs),
        *lifetime_chapters(runs),
        *charge_chapters(runs),
        *correlation_chapters(runs),
        *reaction_chapters(runs),
    ]


def overview(runs: Mapping[str, Results]) -> Chapter:
    """What was analysed, molecules of the first frame, what is missing."""
    chapter = Chapter("trajectory", "Trajectory")
    rows = []
    for name, one in runs.items():
        of = f"{name}: " if len(runs) > 1 else ""
        chapter.texts.append(of + summary(one))
        chapter.texts += [of + sentence(note) for note in one.notes]
        if one.reactions.value is not None and one.reactions.value.events:
            events = counted(len(one.reactions.value.events), "event")
            chapter.texts.append(
                f"{of}Bonds changed ({events}): molecules, bonds and angles below are groups of "
                "atoms of the first frame, even where they have dissociated since."
            )
        missing = len(gaps(one))
        if missing:
            chapter.texts.append(
                f"{of}{missing} {'answer is' if missing == 1 else 'answers are'} missing; the "
                "sections below give the reasons."
            )
        for label, n in one.system.counts.items():
            known = one.system.names[label]
            charge = charge_text(known.charge)
            rows.append(row_of(name, len(runs), label, known.name, charge, n))
    header = header_of(len(runs), "molecule", "name", "charge (e)", "number")
    chapter.tables.append(
        Table(
            header,
            rows,
            "Molecules of the first frame; charges are guesses from graphs unless given by hand.",
        )
    )
    return chapter


def summary(results: Results) -> str:
    """One trajectory in a line or two."""
    parts = [f"{len(results.system.species)} atoms, {results.n_frames} frames"]
    if results.start is not None and results.end is not None:
        parts.append(f"from {results.start:g} to {results.end:g} ps")
    if results.interval is not None:
        parts.append(f"one every {1e3 * results.interval:g} fs")
    every = results.settings.every
    structure = "all frames" if every == 1 else f"every {every}th frame"
    used = f"Structure is taken from {structure} ({results.structure.n_frames})"
    return f"{', '.join(parts)}. {used}, motion and reactions from all."
