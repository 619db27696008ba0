"""Figure of a round of active learning, in the style of :mod:`physrep.figures.style`."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from physrep.figures.style import GREY, INK, SERIES, VERMILION, in_house_style, new_figure

MOST_POINTS = 3000


@in_house_style
def round_figure(
    traces: Mapping[str, list[tuple[np.ndarray, np.ndarray]]],
    lower: float,
    upper: float,
    compared: tuple[np.ndarray, np.ndarray] | None = None,
) -> Figure:
    """The largest deviation along each run; on the right, errors of frames labelled since.

    Args:
        traces: condition -> its runs, each times (ps) and deviations (eV/A); lower, upper: eV/A.
        compared: deviations and errors (n_atoms,) eV/A of the frames labelled in this round.
    """
    columns = 1 if compared is None else 2
    figure, axes = new_figure(5.4 if compared is None else 8.6, 3.4, columns)
    first = axes if compared is None else axes[0]
    _draw_traces(first, traces, lower, upper)
    if compared is not None:
        _draw_errors(axes[1], *compared)
    return figure


def _draw_traces(
    axes: Axes,
    traces: Mapping[str, list[tuple[np.ndarray, np.ndarray]]],
    lower: float,
    upper: float,
) -> None:
    for k, (name, runs) in enumerate(traces.items()):
        for j, (times, values) in enumerate(runs):
            label = None if j else name
            color = SERIES[k % len(SERIES)]
            axes.plot(times, values, color=color, lw=1.0, label=label)
            axes.plot(times[-1:], values[-1:], "o", ms=3, color=color)
    for value, text in ((lower, "lower"), (upper, "upper")):
        axes.axhline(value, color=GREY, lw=0.8, ls="--")
        axes.annotate(text, (1.0, value), (-2, 2), ("axes fraction", "data"), "offset points",
                      ha="right", color=GREY)  # fmt: skip
    axes.set(xlabel="Time (ps)", ylabel="Largest force deviation (eV/Å)", yscale="log")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)


def _draw_errors(axes: Axes, deviations: np.ndarray, errors: np.ndarray) -> None:
    known = (deviations > 0.0) & (errors > 0.0)
    x, y = deviations[known], errors[known]
    shown = np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(int)
    axes.loglog(x[shown], y[shown], ".", ms=3, color=VERMILION, alpha=0.4, rasterized=True)
    ends = np.array([min(x.min(), y.min()), max(x.max(), y.max())])
    axes.plot(ends, ends, color=INK, lw=0.8)
    axes.set(xlabel="Force deviation of an atom (eV/Å)", ylabel="Error of its force (eV/Å)")
    axes.set_title("Frames labelled in this round, before the next fit")
