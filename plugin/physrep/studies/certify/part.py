"""One section of a certificate."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from physrep.studies.analyze.chapter import Chapter
from physrep.studies.certify.check import Check


class Part(NamedTuple):
    """Checks with the text and figures that explain them.

    name: one word; figures: with their captions; chapters: further sections, in the form of
    ``physrep analyze``.
    """

    name: str
    heading: str
    text: str
    checks: list[Check]
    figures: list[tuple[Figure, str]]
    chapters: Sequence[Chapter] = ()
