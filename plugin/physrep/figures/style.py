"""The style of all figures: colours, fonts, sizes.

Colours are those of M. Okabe and K. Ito ("Color Universal Design", 2008), distinguishable for
colour-blind readers, without black and yellow: each one is legible on white and on black. Text and
axes are drawn in INK, which :mod:`physrep.figures.page` replaces by the page's text colour.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.figure import Figure

P = ParamSpec("P")

INK = "#262626"
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
SKY, ORANGE, PURPLE, GREY = "#56B4E9", "#E69F00", "#CC79A7", "#8C8C8C"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
ELEMENT_COLORS = {1: SKY, 6: GREY, 7: BLUE, 8: VERMILION, 9: GREEN, 15: ORANGE, 16: PURPLE}

STYLE: Any = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.labelsize": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "font.size": 9.5,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.5,
    "figure.dpi": 160,
}


def in_house_style(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with STYLE in force, and leave matplotlib's own settings as they were."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


def new_figure(width: float = 6.0, height: float = 3.4, columns: int = 1) -> tuple[Figure, Any]:
    """An empty figure, size in inches, with one Axes or an array of them."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns)
