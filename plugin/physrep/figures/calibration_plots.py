"""Figure of a committee's calibration, in the style of :mod:`physrep.figures.style`."""

import numpy as np
from matplotlib.figure import Figure

from physrep.figures.style import BLUE, INK, VERMILION, in_house_style, new_figure

N_BINS = 10  # with equal numbers of atoms
MOST_POINTS = 5000


@in_house_style
def calibration_figure(deviations: np.ndarray, errors: np.ndarray, factor: float) -> Figure:
    """Error against deviation on logarithmic axes: atoms as points, the root mean squares of bins.

    Args:
        deviations, errors: (n_atoms,) eV/A; factor: the line is error = factor times deviation.
    """
    known = (deviations > 0.0) & (errors > 0.0)
    x, y = deviations[known], errors[known]
    figure, axes = new_figure(4.4, 3.8)
    shown = np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(int)
    axes.loglog(x[shown], y[shown], ".", ms=2, color=BLUE, alpha=0.25, rasterized=True)
    bins = np.array_split(np.argsort(x), min(N_BINS, len(x)))
    middles = [np.sqrt(np.mean(x[b] ** 2)) for b in bins]
    means = [np.sqrt(np.mean(y[b] ** 2)) for b in bins]
    axes.plot(middles, means, "o-", color=VERMILION, ms=4, label="root mean square")
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, factor * ends, "--", color=INK, lw=1.0, label=f"{factor:.2g} x deviation")
    axes.set(xlabel="Force deviation of an atom (eV/Å)", ylabel="Error of its force (eV/Å)")
    axes.legend()
    return figure
