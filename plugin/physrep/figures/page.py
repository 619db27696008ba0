"""A self-contained HTML page: figures inline as SVG, no script, nothing fetched; light and dark.

The blocks of a page are plain values; ``templates/`` turns them into HTML.
"""

import io
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple

import matplotlib as mpl
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from physrep.figures.style import INK

DECIMALS = re.compile(r"(\.\d)\d+")
BETWEEN_ELEMENTS = re.compile(r">\s+<")
LINE_BREAK = re.compile(r"\s*\n\s*")


@dataclass(frozen=True)
class Paragraph:
    """text: plain."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Subheading:
    """text: plain; a heading within a section."""

    kind: ClassVar[str] = "subheading"
    text: str


@dataclass(frozen=True)
class Commands:
    """lines: shell commands."""

    kind: ClassVar[str] = "commands"
    lines: Sequence[str]


@dataclass(frozen=True)
class Table:
    """The first column is aligned to the left, the others to the right.

    header: names of the columns; rows: cells, shown by ``str``; caption: plain text; notes: whether
    the last column holds sentences, which are aligned to the left and may wrap.

    Raises:
        ValueError: a row of another length than the header.
    """

    kind: ClassVar[str] = "table"
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""
    notes: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(
                    f"row {list(row)} has {len(row)} cells, the header {len(self.header)}"
                )


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure inline, its text and axes in the text colour of the page.

    caption: plain text, also the figure's label for screen readers; narrow: at most 36 rem wide.
    """

    kind: ClassVar[str] = "picture"
    figure: Figure
    caption: str
    narrow: bool = False

    def svg(self) -> str:
        """The svg element after its name: attributes, content and end; transparent."""
        text = _drawn(self.figure, self.caption)
        text = text[text.index("<svg") + len("<svg") :]
        # Inside HTML neither the name spaces nor a size in points are wanted.
        text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)
        text = re.sub(r' (?:width|height)="[^"]*pt"', "", text, count=2)
        # A tenth of a point is finer than any screen shows at this size.
        text = re.sub(r' d="[^"]*"', lambda path: DECIMALS.sub(r"\1", path[0]), text)
        return compact(text.replace(INK, "currentColor")).strip()


def compact(svg: str) -> str:
    """The same drawing in one line: no white space between elements, one space per line break.

    Letters are drawn as paths here: no text stands between elements whose spaces could matter.
    """
    return LINE_BREAK.sub(" ", BETWEEN_ELEMENTS.sub("><", svg))


Block = Paragraph | Subheading | Commands | Table | Picture


class Section(NamedTuple):
    """heading: plain text; blocks: in order."""

    heading: str
    blocks: Sequence[Block]


def html_page(
    title: str, sections: Sequence[Section], command: Sequence[str] = (), summary: str = ""
) -> str:
    """The page as one string of HTML.

    Args:
        title, summary: plain text.
        command: argument list that made the page (``sys.argv`` with its interpreter), quoted for
            a shell at the foot of it; empty for none.
    """
    template = _environment().get_template("page.html.j2")
    return template.render(
        title=title, summary=summary, sections=sections, command=shlex.join(command)
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("physrep.figures"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _drawn(figure: Figure, salt: str) -> str:
    """The SVG file; names in it are made from ``salt``, so that two figures share none."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    return stream.getvalue()
