"""Figures of fits, errors and runs: arrays in, ``matplotlib.figure.Figure`` out.

Nothing is shown and no global state is changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ase.data import chemical_symbols
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from physrep.figures.style import (
    BLUE,
    ELEMENT_COLORS,
    GREY,
    INK,
    SERIES,
    in_house_style,
    new_figure,
)
from physrep.probes.bond_scan import BondScan

Traces = Mapping[str, tuple[np.ndarray, np.ndarray]]  # name -> (times in ps, values), each (n,)


@in_house_style
def training_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Force and energy errors against the epoch.

    Args:
        rows: of a fit's log.csv, text or numbers: epoch (from 0), train_ and validation_
            force_mae_ev_per_a and energy_mae_mev_per_atom. Validation values that repeat the row
            before (no validation in that epoch) are not drawn twice.
    """
    figure, axes = new_figure(7.4, 3.2, columns=2)
    epochs = _column(rows, "epoch") + 1.0
    panels = (
        ("force_mae_ev_per_a", "Force MAE (eV/Å)"),
        ("energy_mae_mev_per_atom", "Energy MAE (meV/atom)"),
    )
    for panel, (name, label) in zip(axes, panels, strict=True):
        train, validation = (_column(rows, f"{part}_{name}") for part in ("train", "validation"))
        fresh = np.isfinite(validation) & (np.diff(validation, prepend=np.nan) != 0.0)
        panel.plot(epochs, train, color=GREY, label="training, running mean")
        panel.plot(
            epochs[fresh],
            validation[fresh],
            color=BLUE,
            marker="o",
            markersize=4,
            label="validation, averaged weights",
        )
        panel.set(xlabel="Epoch", ylabel=label)
        panel.xaxis.get_major_locator().set_params(integer=True)
        _log_axis(panel, np.concatenate([train, validation]))
        if fresh.any():
            panel.annotate(
                f"{validation[fresh][-1]:.3g}",
                (epochs[fresh][-1], validation[fresh][-1]),
                (0, 5),
                textcoords="offset points",
                ha="right",
            )
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    return figure


@in_house_style
def parity_figure(
    reference_forces: np.ndarray,
    predicted_forces: np.ndarray,
    species: np.ndarray,
    errors: Mapping[str, Any] | None = None,
) -> Figure:
    """Predicted against reference force components, and the error by element.

    Args:
        reference_forces, predicted_forces: (n, 3) in eV/A, any number of structures laid end to
            end; species: (n,) atomic numbers.
        errors: numbers for the title, out of force_mae, force_rmse (eV/A) and
            energy_mae_mev_per_atom, n_structures; others are not read.

    Raises:
        ValueError: shapes that do not belong together.
    """
    reference, predicted = np.asarray(reference_forces), np.asarray(predicted_forces)
    species = np.asarray(species)
    if reference.shape != predicted.shape or reference.shape != (len(species), 3):
        raise ValueError(
            f"reference forces {reference.shape}, predicted {predicted.shape}, species "
            f"{species.shape}: give (n, 3), (n, 3) and (n,)"
        )
    figure, (scatter, bars) = new_figure(7.4, 3.9, columns=2)
    forces = _Forces(reference, predicted, species, _by_frequency(species))
    _scatter(scatter, forces)
    _error_bars(bars, forces)
    summary = _summary(errors or {})
    if summary:
        figure.suptitle(summary, x=0.01, ha="left", fontsize=10.5, color=INK)
    return figure


@in_house_style
def temperature_figure(traces: Traces, target: float, n_dof: int) -> Figure:
    """Instantaneous temperatures with the target and the band of +- 1 sigma around it.

    Args:
        traces: name -> (times in ps, temperatures in K), each (n,); target: K; n_dof: degrees of
            freedom, sigma = target sqrt(2 / n_dof).
    """
    sigma = target * np.sqrt(2.0 / n_dof)
    figure, axes = new_figure()
    low, high = target - sigma, target + sigma
    axes.axhspan(
        low, high, color=GREY, alpha=0.22, lw=0, label=rf"{target:g} K $\pm\,\sigma$, canonical"
    )
    _draw_traces(axes, traces)
    axes.set(xlabel="Time (ps)", ylabel="Temperature (K)")
    _legend_above(axes)
    return figure


@in_house_style
def energy_figure(traces: Traces, n_atoms: int, quantity: str) -> Figure:
    """Energies relative to each trace's first value.

    Args:
        traces: name -> (times in ps, energies in eV), each (n,).
        n_atoms: atoms in the box; quantity: "Potential energy", "Total energy", ...
    """
    figure, axes = new_figure()
    relative = {
        name: (times, 1000.0 * (np.asarray(energies) - energies[0]) / n_atoms)
        for name, (times, energies) in traces.items()
    }
    _draw_traces(axes, relative)
    axes.axhline(0.0, color=GREY, lw=0.8, zorder=0)
    axes.set(xlabel="Time (ps)", ylabel=f"{quantity}\nsince the start (meV/atom)")
    _legend_above(axes)
    return figure


@in_house_style
def bond_scan_figure(
    scans: Mapping[str, BondScan], bond: str, known: tuple[float, float] | None = None
) -> Figure:
    """Force along a stretched bond and energy, one curve for each model.

    Args:
        scans: name -> scan; bond: its name, e.g. "N-O"; known: shortest and longest of these
            bonds in the training data, A, drawn as a band.
    """
    figure, (forces, energies) = new_figure(7.4, 3.4, columns=2)
    for axes in (forces, energies):
        if known is not None:
            axes.axvspan(*known, color=GREY, alpha=0.22, lw=0, label="in the training data")
        axes.set_xlabel(f"{bond} distance (Å)")
    forces.axhline(0.0, color=GREY, lw=0.8, zorder=0)
    for k, (name, scan) in enumerate(scans.items()):
        color = SERIES[k % len(SERIES)]
        forces.plot(scan.distances, scan.forces, color=color, label=name)
        energies.plot(scan.distances, scan.energies - scan.energies.min(), color=color)
    floor = min(float(scan.forces.min()) for scan in scans.values())
    forces.set(ylabel="Force along the bond (eV/Å)", ylim=(1.3 * floor, -2.0 * floor))
    ends = [scan.energies[-1] - scan.energies.min() for scan in scans.values()]
    energies.set(ylabel="Energy above the minimum (eV)", ylim=(0.0, 1.6 * max(ends)))
    handles, labels = forces.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 4))
    return figure


@in_house_style
def bar_figure(values: Mapping[str, float], label: str) -> Figure:
    """One horizontal bar for each name, in the order given, with its number."""
    figure, axes = new_figure(7.0, 0.9 + 0.3 * len(values))
    places = np.arange(len(values))[::-1]
    axes.barh(places, list(values.values()), height=0.62, color=BLUE)
    for place, value in zip(places, values.values(), strict=True):
        axes.text(value, place, f" {value:.4g}", va="center", color=INK)
    axes.set_yticks(places, list(values))
    axes.tick_params(left=False)
    axes.set(xlabel=label, xlim=(0.0, 1.15 * max(values.values())))
    return figure


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


def _log_axis(axes: Axes, values: np.ndarray) -> None:
    """Logarithmic with plain numbers where the values span more than a factor of 3."""
    known = values[np.isfinite(values) & (values > 0.0)]
    if len(known) == 0 or known.max() < 3.0 * known.min():
        axes.margins(y=0.15)
        return
    axes.set_yscale("log")
    ticks = [base * 10.0**k for k in range(-6, 7) for base in (1, 2, 5)]
    low, high = known.min() / 1.35, known.max() * 1.2
    axes.set_ylim(low, high)
    shown = [tick for tick in ticks if low <= tick <= high]
    axes.set_yticks(shown, [f"{tick:g}" for tick in shown])
    axes.minorticks_off()


class _Forces(NamedTuple):
    """reference, predicted: (n, 3) eV/A; species: (n,); elements: those of species, as drawn."""

    reference: np.ndarray
    predicted: np.ndarray
    species: np.ndarray
    elements: list[int]


def _by_frequency(species: np.ndarray) -> list[int]:
    """Elements, the most frequent first: drawn first, so that none hides the rare ones."""
    elements, counts = np.unique(species, return_counts=True)
    return [int(z) for z in elements[np.argsort(-counts, kind="stable")]]


def _color(z: int) -> str:
    return ELEMENT_COLORS.get(z, SERIES[z % len(SERIES)])


def _scatter(axes: Axes, forces: _Forces) -> None:
    reference, predicted, species, elements = forces
    reach = 1.04 * max(np.nanmax(np.abs(reference)), np.nanmax(np.abs(predicted)))
    axes.plot([-reach, reach], [-reach, reach], color=GREY, lw=0.8, zorder=0)
    for z in elements:
        x, y = reference[species == z].ravel(), predicted[species == z].ravel()
        axes.scatter(x, y, s=4, lw=0, alpha=0.45, color=_color(z), rasterized=True)
        axes.scatter([], [], s=26, lw=0, color=_color(z), label=chemical_symbols[z])
    axes.set(
        xlabel="Reference force component (eV/Å)",
        ylabel="Predicted (eV/Å)",
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
    )
    axes.legend(loc="upper left", handletextpad=0.2, labelspacing=0.3)


def _error_bars(axes: Axes, forces: _Forces) -> None:
    reference, predicted, species, elements = forces
    shown = sorted(elements, reverse=True)
    maes = [float(np.abs(predicted - reference)[species == z].mean()) for z in shown]
    spread = [float(reference[species == z].std()) for z in shown]
    places = np.arange(len(shown))
    axes.barh(places, maes, height=0.62, color=[_color(z) for z in shown])
    for place, mae, std in zip(places, maes, spread, strict=True):
        share = rf"  ({100.0 * mae / std:.0f} % of $\sigma$)" if std > 0.0 else ""
        axes.text(mae, float(place), f" {mae:.3f}{share}", va="center", color=INK)
    axes.set_yticks(places, [chemical_symbols[z] for z in shown])
    axes.tick_params(left=False)
    axes.set(
        xlabel="Force MAE by element (eV/Å)\n" + r"$\sigma$: standard deviation of the reference",
        xlim=(0.0, 1.75 * max(maes)),
    )


def _summary(errors: Mapping[str, Any]) -> str:
    parts = (
        ("n_structures", "{:d} structures"),
        ("force_mae", "force MAE {:.3f} eV/Å"),
        ("force_rmse", "RMSE {:.3f} eV/Å"),
        ("energy_mae_mev_per_atom", "energy MAE {:.2f} meV/atom"),
    )
    known = [text.format(errors[name]) for name, text in parts if errors.get(name) is not None]
    return ", ".join(known)


def _draw_traces(axes: Axes, traces: Traces) -> None:
    for k, (name, (times, values)) in enumerate(traces.items()):
        axes.plot(times, values, color=SERIES[k % len(SERIES)], lw=1.2, label=name)
    axes.margins(x=0.01)


def _legend_above(axes: Axes) -> None:
    """Above the axes, so that it hides no data."""
    n_entries = len(axes.get_legend_handles_labels()[0])
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=min(n_entries, 3), borderaxespad=0.2
    )
