"""Figures of the lifetimes of pairs, in the style of :mod:`physrep.figures.style`."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from physrep.analysis.motion.pair_lifetimes import PairCorrelation
from physrep.figures.style import GREY, SERIES, in_house_style, new_figure


@in_house_style
def lifetime_figure(curves: Mapping[str, PairCorrelation]) -> Figure:
    """Continuous (solid) and intermittent (dashed) correlation against the lag; bands are one
    standard error, the grey line is chance.
    """
    if not curves:
        raise ValueError("0 trajectories: a figure needs at least one")
    figure, axes = new_figure(6.0, 3.2)
    for k, (name, one) in enumerate(curves.items()):
        color = SERIES[k % len(SERIES)]
        axes.axhline(one.chance, color=GREY, lw=0.8, zorder=0)
        for curve, dash in ((one.continuous, "-"), (one.intermittent, "--")):
            axes.plot(one.lags, curve.value, dash, color=color, label=name if dash == "-" else None)
            if np.isfinite(curve.error).any():
                low, high = curve.value - curve.error, curve.value + curve.error
                axes.fill_between(one.lags, low, high, color=color, alpha=0.25, lw=0)
    axes.set(xlabel="Time (ps)", ylabel="Share that exists", ylim=(0.0, 1.02))
    axes.margins(x=0.01)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 4))
    return figure
