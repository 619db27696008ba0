"""A self-contained HTML page: figures inline as SVG, no script, nothing fetched; light and dark."""

import io
import re
import shlex
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from physrep.figures.plots import INK

CSS = """
:root { color-scheme: light dark; --page: #fff; --text: #262626; --soft: #666; --line: #ddd;
  --box: #f5f5f3; }
@media (prefers-color-scheme: dark) { :root { --page: #16181a; --text: #e4e4e0; --soft: #a0a0a0;
  --line: #3a3d40; --box: #212427; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem 1rem 3rem; max-width: 50rem; background: var(--page);
  color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .6rem 0 .3rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p { margin: .5rem 0; }
figure { margin: 1rem 0; overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 28rem; height: auto; color: var(--text); }
figure.narrow svg { min-width: 0; max-width: 36rem; margin: 0 auto; }
figcaption, .caption { color: var(--soft); font-size: .88rem; }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .8rem .32rem 0; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
.notes th, .notes td { vertical-align: top; }
.notes th:first-child, .notes td:first-child { white-space: normal; min-width: 8rem; }
.notes th:last-child, .notes td:last-child { text-align: left; white-space: normal;
  min-width: 11rem; }
pre { background: var(--box); border-radius: 6px; padding: .7rem .9rem;
  white-space: pre-wrap; overflow-wrap: anywhere;
  font: .82rem/1.5 ui-monospace, Menlo, Consolas, monospace; margin: .6rem 0; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .88rem; }
"""

DECIMALS = re.compile(r"(\.\d)\d+")


class Section(NamedTuple):
    """heading: plain text; blocks: HTML made by the functions of this module, in order."""

    heading: str
    blocks: Sequence[str]


def html_page(
    title: str, sections: Sequence[Section], command: Sequence[str] = (), summary: str = ""
) -> str:
    """The page as one string of HTML.

    Args:
        title, summary: plain text.
        command: argument list that made the page (``sys.argv`` with its interpreter), quoted for
            a shell at the foot of it; empty for none.
    """
    body = [f"<h1>{escape(title)}</h1>"]
    if summary:
        body.append(paragraph(summary))
    for section in sections:
        body += [f"<section><h2>{escape(section.heading)}</h2>", *section.blocks, "</section>"]
    if command:
        body.append(f"<footer><p>Made by</p>{commands([shlex.join(command)])}</footer>")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def paragraph(text: str) -> str:
    """Plain text as a paragraph."""
    return f"<p>{escape(text)}</p>"


def subheading(text: str) -> str:
    """Plain text as a heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def commands(lines: Sequence[str]) -> str:
    """Shell commands, one a line."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def table(
    header: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "", notes: bool = False
) -> str:
    """Cells are turned into text by ``str``; the first column to the left, the rest to the right.

    Args:
        notes: whether the last column holds sentences, which stand to the left and may wrap.
    Raises:
        ValueError: a row of another length than the header.
    """
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"row {list(row)} has {len(row)} cells, the header {len(header)}")
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    # Below the part that scrolls on a narrow screen, so that it wraps there.
    below = f'<p class="caption">{escape(caption)}</p>' if caption else ""
    kind = ' class="notes"' if notes else ""
    return (
        f'<div class="wide"><table{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{below}"
    )


def picture(figure: Figure, caption: str, narrow: bool = False) -> str:
    """A figure inline, its text and axes in the text colour of the page.

    caption: plain text, also read out to those who do not see the figure; narrow: at most 36 rem.
    """
    kind = ' class="narrow"' if narrow else ""
    return (
        f"<figure{kind}>{_svg(figure, caption)}<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _svg(figure: Figure, label: str) -> str:
    """The <svg> element alone, transparent; names in it are made unique by its caption."""
    stream = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": label, "svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    # Inside HTML neither the name spaces nor a size in points are wanted.
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)
    text = re.sub(r' (?:width|height)="[^"]*pt"', "", text, count=2)
    # A tenth of a point is finer than any screen shows at this size.
    text = re.sub(r' d="[^"]*"', lambda path: DECIMALS.sub(r"\1", path[0]), text)
    text = text.replace(INK, "currentColor")
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1).strip()
