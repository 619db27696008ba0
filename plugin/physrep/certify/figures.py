"""Figures of a certificate."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from physrep.analysis.lifetimes import censored_lifetime
from physrep.analysis.plots import SERIES, in_house_style, new_figure
from physrep.certify.survival import Run


@in_house_style
def survival_figure(runs: Sequence[Run]) -> Figure:
    """Share of the runs at each temperature that live on, by Kaplan and Meier; a tick where a run
    was ended alive."""
    figure, axes = new_figure(6.0, 3.0)
    for k, temperature in enumerate(sorted({run.temperature for run in runs})):
        own = [run for run in runs if run.temperature == temperature]
        times = np.array([run.stability.time for run in own])
        failed = np.array([not run.stability.sound for run in own])
        found = censored_lifetime(times, failed)
        x = np.concatenate([[0.0], found.ages, [times.max()]])
        y = np.concatenate([[1.0], found.survival, [found.survival[-1] if failed.any() else 1.0]])
        color = SERIES[k % len(SERIES)]
        axes.step(x, y, where="post", color=color, label=f"{temperature:g} K")
        alive = times[~failed]
        axes.plot(alive, np.interp(alive, x, y), "|", color=color, ms=9)
    axes.set(xlabel="Time (ps)", ylabel="Share of runs sound", ylim=(-0.03, 1.05))
    axes.legend()
    return figure
