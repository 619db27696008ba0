"""Figures of what PhysRep has learned: arrays in, ``matplotlib.figure.Figure`` out."""

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from physrep.covalent import radii_of
from physrep.figures.style import BLUE, GREY, INK, SERIES, VERMILION, in_house_style, new_figure


@in_house_style
def pair_figure(
    species: np.ndarray,
    bonded: np.ndarray,
    coulomb: np.ndarray,
    depth: np.ndarray,
    size: np.ndarray,
) -> Figure:
    """Learned pair parameters per element pair: medians with the 10 to 90 % range.

    Bonded and other pairs apart; in the panel of sizes a tick marks the sum of the covalent radii.

    Args:
        species: (n_pairs, 2) atomic numbers; bonded: (n_pairs,) bool; coulomb: (n_pairs,) eV A;
            depth: (n_pairs,) eV; size: (n_pairs,) A.
    """
    kinds = np.unique(species, axis=0)
    figure, panels = new_figure(8.2, 1.4 + 0.3 * len(kinds), columns=3)
    labels = ("Coulomb factor (eV Å)", "depth (eV)", "distance of the minimum (Å)")
    for axes, values, label in zip(panels, (coulomb, depth, size), labels, strict=True):
        for row, kind in enumerate(kinds):
            of_kind = (species == kind).all(axis=1)
            for chosen, color, shift in ((bonded, BLUE, 0.14), (~bonded, VERMILION, -0.14)):
                _range(axes, values[of_kind & chosen], len(kinds) - row + shift, color)
        axes.set_xlabel(label)
        names = ["-".join(chemical_symbols[z] for z in kind) for kind in kinds]
        axes.set_yticks(np.arange(len(kinds), 0, -1), names if axes is panels[0] else [])
        axes.tick_params(left=False)
    panels[0].axvline(0.0, color=GREY, lw=0.8, zorder=0)
    for row, kind in enumerate(kinds):
        place = len(kinds) - row
        panels[2].plot([radii_of(kind).sum()] * 2, [place - 0.3, place + 0.3], color=INK)
    for color, name in ((BLUE, "bonded"), (VERMILION, "not bonded")):
        panels[0].plot([], [], "o", color=color, label=name)
    panels[2].plot([], [], color=INK, label="sum of covalent radii")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _range(axes: Axes, values: np.ndarray, place: float, color: str) -> None:
    if len(values):
        low, middle, high = np.percentile(values, [10, 50, 90])
        axes.plot([low, high], [place, place], color=color, lw=2.0, solid_capstyle="butt")
        axes.plot(middle, place, "o", color=color, ms=4.5)


@in_house_style
def element_figure(
    displacements: np.ndarray, likelihoods: np.ndarray, elements: Sequence[int], title: str
) -> Figure:
    """Likelihood of each element along the way of an atom whose element is hidden.

    Args:
        displacements: (n,) A; likelihoods: (n, 64); elements: atomic numbers to draw.
    """
    figure, axes = new_figure(5.2, 3.2)
    for k, z in enumerate(elements):
        color = SERIES[k % len(SERIES)]
        axes.plot(displacements, likelihoods[:, z - 1], color=color, label=chemical_symbols[z])
    axes.axvline(0.0, color=GREY, lw=0.8, zorder=0)
    axes.set(xlabel="Displacement (Å)", ylabel="Likelihood", ylim=(-0.02, 1.02), title=title)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
