"""Histograms of a data set: energies, forces, densities."""

from collections.abc import Mapping

import numpy as np
from ase.data import chemical_symbols
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from physrep.figures.style import ELEMENT_COLORS, SERIES, in_house_style, new_figure

N_BINS = 60


@in_house_style
def values_figure(groups: Mapping[str, np.ndarray], label: str) -> Figure:
    """Numbers of frames by value, one outline for each group, over common bins.

    Args:
        groups: name -> (n,) values; label: of the axis, with unit.
    """
    figure, axes = new_figure(7.0, 3.2)
    bins = _bins(np.concatenate(list(groups.values())))
    for k, (name, values) in enumerate(groups.items()):
        _outline(axes, values, bins, SERIES[k % len(SERIES)], name)
    axes.set(xlabel=label, ylabel="Frames")
    _legend(axes, len(groups))
    return figure


@in_house_style
def forces_figure(forces: Mapping[int, np.ndarray]) -> Figure:
    """Numbers of atoms by the size of their force, a line for each element; the number is
    logarithmic, because the few largest forces matter.

    Args:
        forces: atomic number -> (n_atoms,) eV/A.
    """
    figure, axes = new_figure(7.0, 3.2)
    bins = _bins(np.concatenate(list(forces.values())))
    for z, norms in forces.items():
        color = ELEMENT_COLORS.get(z, SERIES[z % len(SERIES)])
        _outline(axes, norms, bins, color, chemical_symbols[z])
    axes.set(xlabel="Force on an atom (eV/Å)", ylabel="Atoms", yscale="log", ylim=(0.7, None))
    _legend(axes, len(forces))
    return figure


def _bins(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    room = 0.5e-3 if high == low else 0.0
    return np.linspace(low - room, high + room, N_BINS + 1)


def _outline(axes: Axes, values: np.ndarray, bins: np.ndarray, color: str, name: str) -> None:
    edges = bins.tolist()
    axes.hist(values, edges, histtype="stepfilled", color=color, alpha=0.15)
    axes.hist(values, edges, histtype="step", color=color, lw=1.4, label=name)


def _legend(axes: Axes, n: int) -> None:
    """Above the axes, so that it hides no data."""
    if n > 1:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=min(n, 6), borderaxespad=0.2)
