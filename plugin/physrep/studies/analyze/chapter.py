"""One chapter of the report: plain data, so that other pages can include it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from physrep.figures.page import Block, Paragraph, Picture, Section, Table
from physrep.studies.analyze.stream import Answer

NARROW = 7.2  # inches; wider figures have several panels, and need the width of the page

# Name of the trajectory -> what is shown of it.
Runs = Mapping[str, Any]


@dataclass
class Chapter:
    """name: one word; texts: paragraphs; figures: with their captions."""

    name: str
    heading: str
    texts: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[tuple[Figure, str]] = field(default_factory=list)

    def section(self) -> Section:
        """For a page: texts, figures, tables."""
        blocks: list[Block] = [Paragraph(text) for text in self.texts]
        for figure, caption in self.figures:
            blocks.append(Picture(figure, caption, figure.get_figwidth() < NARROW))
        return Section(self.heading, [*blocks, *self.tables])

    def answers(self, found: Mapping[str, Answer], what: str) -> dict[str, Any]:
        """Of all trajectories that have this answer; gaps and limits become paragraphs.

        found: name of the trajectory -> answer or gap; what: in words, e.g. "Density".
        """
        for name, one in found.items():
            of = f" of {name}" if len(found) > 1 else ""
            if one.value is None:
                self.texts.append(f"{what}{of}: not measured. {sentence(one.reason)}")
            elif one.reason:
                self.texts.append(f"{what}{of}: {sentence(one.reason)}")
        return {name: one.value for name, one in found.items() if one.value is not None}


def parts(runs: Runs, room: str, name: str) -> dict[str, Answer]:
    """One answer of each trajectory; room: "motion" or "lifetimes". A run without times has
    neither: a gap.
    """
    rooms = {k: (getattr(one, room), one.motion_gap) for k, one in runs.items()}
    return {k: getattr(one, name) if one else Answer(None, gap) for k, (one, gap) in rooms.items()}


def sentence(text: str) -> str:
    """With a capital letter at its start and a full stop at its end."""
    text = text[:1].upper() + text[1:]
    return text if not text or text.endswith(".") else f"{text}."


def counted(n: int, word: str) -> str:
    """Number and word, as in "1 event" and "2 events"."""
    return f"{n} {word}{'' if n == 1 else 's'}"


def charge_text(charge: float | None) -> str:
    """For a table: "unknown", "0", "+1", "-0.8"."""
    return "unknown" if charge is None else f"{charge:+g}" if charge else "0"


def row_of(name: str, n_runs: int, *cells: Any) -> tuple[str, ...]:
    """A row of a table, which begins with the trajectory where there are several."""
    return ((name,) if n_runs > 1 else ()) + tuple(str(cell) for cell in cells)


def header_of(n_runs: int, *columns: str) -> tuple[str, ...]:
    """The header that belongs to :func:`row_of`."""
    return (("trajectory",) if n_runs > 1 else ()) + columns


def error_note(reasons: Mapping[str, str] | str) -> str:
    """Why error bars are missing, as a caption; "" where none is."""
    given = [reasons] if isinstance(reasons, str) else list(reasons.values())
    kept = dict.fromkeys(reason for reason in given if reason)
    return " ".join(f"Error bars: {sentence(reason)}" for reason in kept)
