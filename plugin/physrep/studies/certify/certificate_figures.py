"""Figures of a certificate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from matplotlib.figure import Figure

from physrep.analysis.statistics.lifetimes import censored_lifetime
from physrep.analysis.structure.environments import Surroundings
from physrep.figures.style import BLUE, GREY, INK, SERIES, VERMILION, in_house_style, new_figure
from physrep.studies.certify.pulled_bond import PulledBond
from physrep.studies.certify.scanned_ions import ScannedIons
from physrep.studies.certify.survival import Run

# How a scan was made; the colour shows by which model.
LINES: dict[str, dict[str, Any]] = {
    "rigid": {"ls": "-"},
    "relaxed": {"ls": "--", "marker": "o", "ms": 2.5, "lw": 1.0},
    "in the box": {"ls": ":"},
}


@in_house_style
def survival_figure(runs: Sequence[Run]) -> Figure:
    """Kaplan-Meier estimate of the share of sound runs at each temperature.

    A tick marks a run that was still sound at its end.
    """
    figure, axes = new_figure(6.0, 3.0)
    for k, temperature in enumerate(sorted({run.temperature for run in runs})):
        stabilities = [run.stability for run in runs if run.temperature == temperature]
        times = np.array([one.time for one in stabilities])
        failed = np.array([not one.sound for one in stabilities])
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


@in_house_style
def bond_figure(bond: PulledBond) -> Figure:
    """Energy and force of all scans of one bond; the lengths in the data are shaded.

    Source of the kind of figure: S. Hoedl, thesis, TU Wien 2022, Fig. 4.10.
    """
    figure, panels = new_figure(7.4, 3.3, columns=2)
    highest, steepest = 0.0, 0.0
    sources = (("potential", BLUE, bond.scans), ("reference", VERMILION, bond.reference))
    for axes in panels:
        axes.axvspan(*bond.known, color=GREY, alpha=0.22, lw=0)
        axes.axhline(0.0, color=GREY, lw=0.8, zorder=0)
        axes.set_xlabel(f"{bond.name.partition(' ')[0]} distance (Å)")
    for source, color, scans in sources:
        for way, scan in scans.items():
            energies = scan.energies - scan.energies[scan.minimum(bond.length)]
            style = LINES[way] | {"color": color, "label": f"{source}, {way}"}
            panels[0].plot(scan.distances, energies, **style)
            panels[1].plot(scan.distances, scan.forces, **style)
            highest = max(highest, _largest(energies[scan.distances > bond.length]))
            steepest = max(steepest, _largest(-scan.forces))
    highest, steepest = (min(max(value, 0.5), 15.0) for value in (highest, steepest))
    panels[0].set(ylabel="Energy above the minimum (eV)", ylim=(-0.12 * highest, 1.25 * highest))
    panels[1].set(ylabel="Force along the bond (eV/Å)", ylim=(-1.3 * steepest, 1.6 * steepest))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 4))
    return figure


@in_house_style
def far_field_figure(scans: Sequence[ScannedIons]) -> Figure:
    """Energy of ion pairs as a function of their distance, one panel for each pair."""
    figure, panels = new_figure(max(2.6 * len(scans), 4.0), 3.1, columns=len(scans))
    for axes, pair in zip(np.atleast_1d(panels), scans, strict=True):
        sources = (("potential", BLUE, pair.potential), ("reference", VERMILION, pair.reference))
        for source, color, scan in sources:
            if scan is None or not np.isfinite(scan.energies).any():
                continue
            known = np.isfinite(scan.energies).any(axis=0)
            x, energies = scan.distances[known], scan.energies[:, known]
            low, high = np.nanmin(energies, axis=0), np.nanmax(energies, axis=0)
            axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
            axes.plot(x, np.nanmean(energies, axis=0), "o-", color=color, ms=2.5, label=source)
        shown = np.isfinite(pair.potential.energies).any(axis=0)
        axes.plot(pair.potential.distances[shown], pair.law[shown], "--", color=GREY, lw=1.0,
                  label="formal charges")  # fmt: skip
        axes.axhline(0.0, color=GREY, lw=0.8, zorder=0)
        axes.set(title=pair.name, xlabel="Distance (Å)")
    np.atleast_1d(panels)[0].set_ylabel("Energy (eV)")
    handles, labels = np.atleast_1d(panels)[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure


def _largest(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else 0.0


@in_house_style
def surroundings_figure(known: Surroundings, species: np.ndarray, distances: np.ndarray) -> Figure:
    """Distributions of the distance to the data, one panel for each element.

    Of the frames of the runs, and of the data among themselves.

    Args:
        species: (n,) atomic numbers; distances: (n,) in units of each element's ``far``.
    """
    n = len(known.elements)
    figure, panels = new_figure(max(2.4 * n, 3.6), 2.7, columns=n)
    end = max(1.6, min(float(np.quantile(distances, 0.999)) * 1.1, 6.0))
    bins = np.linspace(0.0, end, 41)
    for axes, z, between_blocks, far in zip(
        np.atleast_1d(panels), known.elements, known.between_blocks, known.far, strict=True
    ):
        among = np.clip(between_blocks / far, 0.0, end)
        runs = np.clip(distances[species == z], 0.0, end)
        axes.hist(among, bins, density=True, color=GREY, alpha=0.45, label="data among themselves")
        axes.hist(runs, bins, density=True, histtype="step", color=BLUE, lw=1.4, label="runs")
        axes.axvline(1.0, color=VERMILION, lw=0.9, ls="--")
        axes.set(title=chemical_symbols[z], yticks=(), xlim=(0.0, end))
    figure.supxlabel("Distance to the nearest surroundings in the data", fontsize=10, color=INK)
    handles, labels = np.atleast_1d(panels)[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure
