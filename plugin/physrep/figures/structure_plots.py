"""Figures of structure and dynamics, in the style of :mod:`physrep.figures.style`.

Bands are one standard error either way; where there is no error bar there is no band.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from physrep.analysis.motion.conductivity import GreenKubo
from physrep.analysis.motion.msd import CHARGE, SMALLEST_MSD, Diffusion, Displacements
from physrep.analysis.motion.velocity import Spectrum, VelocityCorrelation
from physrep.analysis.statistics.blocks import Estimate
from physrep.analysis.structure.distributions import Distribution
from physrep.analysis.structure.rdf import RadialDistributions, first_shell
from physrep.figures.style import GREY, INK, SERIES, in_house_style, new_figure

T = TypeVar("T")

DASHES = ("-", "--", ":", "-.")
SMALLEST_WIDTH = 6.0  # inches: room for the legend


@in_house_style
def radial_figure(
    curves: Mapping[str, RadialDistributions],
    pairs: Sequence[tuple[str, str]] | None = None,
    columns: int = 3,
) -> Figure:
    """g(r) with error bands, and below each the coordination number.

    Args:
        curves: name of the trajectory -> its distributions, the reference among them.
        pairs: (a, b), b around a; by default those of the first trajectory. A trajectory without
            a pair has no line there.

    Raises:
        ValueError: no trajectory.
    """
    pairs = list(pairs or _first(curves).pairs)
    columns = min(columns, len(pairs))
    rows = -(-len(pairs) // columns)
    size = (max(SMALLEST_WIDTH, 2.5 * columns), 3.3 * rows + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    ratios = [2.0, 1.0] * rows
    panels = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=ratios)
    for place in range(rows * columns):
        row, column = divmod(place, columns)
        upper, lower = panels[2 * row, column], panels[2 * row + 1, column]
        if place >= len(pairs):
            upper.remove()
            lower.remove()
            continue
        _draw_pair(upper, lower, curves, pairs[place])
        if column == 0:
            upper.set_ylabel("g(r)")
            lower.set_ylabel("n(r)")
    draw_legend(figure, panels[0, 0])
    return figure


def _draw_pair(
    upper: Axes, lower: Axes, curves: Mapping[str, RadialDistributions], pair: tuple[str, str]
) -> None:
    a, b = pair
    upper.axhline(1.0, color=GREY, lw=0.8, zorder=0)
    shell, tallest = [np.nan], 1.0
    for k, (name, one) in enumerate(curves.items()):
        color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
        upper.plot([], [], dash, color=color, label=name)  # an entry even without the pair
        if not ((a, b) in one.pairs or (b, a) in one.pairs):
            continue
        g = one.of(a, b)
        draw_band(upper, one.r, g, color, dash)
        draw_band(lower, one.edges[1:], one.coordination(a, b), color, dash)
        tallest = max(tallest, float(np.nan_to_num(g.value).max()))
        minimum = first_shell(one.r, np.nan_to_num(g.value))[1]
        if np.isfinite(minimum):
            around = one.coordination(a, b).value[np.searchsorted(one.r, minimum)]
            shell.append(float(around))
    charged = a[-1] in "+-" or b[-1] in "+-"  # NO3--NO3- would be ambiguous
    upper.set(title=f"{a} / {b}" if charged else f"{a}-{b}", ylim=(0.0, 1.1 * tallest))
    upper.tick_params(labelbottom=False)
    lower.set(xlabel="r (Å)", xlim=upper.get_xlim())
    top = np.nanmax(shell) if len(shell) > 1 else np.nan
    if np.isfinite(top) and top > 0.0:  # the first shell, not the r^3 behind it
        lower.set_ylim(0.0, min(3.0 * top, lower.get_ylim()[1]))
    else:
        lower.set_ylim(bottom=0.0)


@in_house_style
def displacement_figure(
    curves: Mapping[str, Displacements], lines: Mapping[tuple[str, str], Diffusion] | None = None
) -> Figure:
    """Mean squared displacements on logarithmic axes, with the fitted lines and their slopes.

    Args:
        curves: name of the trajectory -> displacements; one panel for each, the collective
            displacement of charge is not drawn.
        lines: (name, kind) -> its fit.

    Raises:
        ValueError: no trajectory.
    """
    _first(curves)
    lines = lines or {}
    width = max(SMALLEST_WIDTH, 3.7 * len(curves))
    figure, panels = new_figure(width, 3.6, columns=len(curves))
    panels = np.atleast_1d(panels)
    for axes, (name, one) in zip(panels, curves.items(), strict=True):
        axes.axhline(SMALLEST_MSD, color=GREY, lw=0.9, ls="--", zorder=0)
        _draw_displacements(axes, one, {k: v for (n, k), v in lines.items() if n == name})
        axes.set(xscale="log", yscale="log", xlabel="Lag (ps)", title=name)
        low, high = axes.get_ylim()
        room = (high / low) ** (0.12 * (len(one.kinds) + 1))  # for the legend
        axes.set_ylim(low, high * room)
        axes.legend(loc="upper left", fontsize=8.5)
    panels[0].set_ylabel("Mean squared displacement (Å²)")
    panels[0].annotate(
        f"{SMALLEST_MSD:g} Å²",
        (0.0, SMALLEST_MSD),
        (3, 2),
        xycoords=panels[0].get_yaxis_transform(),
        textcoords="offset points",
        fontsize=8.5,
        color=INK,
    )
    return figure


def _draw_displacements(axes: Axes, one: Displacements, lines: Mapping[str, Diffusion]) -> None:
    for k, kind in enumerate(kind for kind in one.kinds if kind != CHARGE):
        color, row = SERIES[k % len(SERIES)], one.row(kind)
        value, error = one.msd.value[row, 1:], one.msd.error[row, 1:]
        positive = value > 0.0  # a logarithmic axis shows no others
        label = kind
        if kind in lines:
            line = lines[kind]
            known = line.resolved
            found = (
                f"D = {with_error(line.coefficient, line.error)} Å²/ps" if known else "not resolved"
            )
            label = f"{kind}: slope {line.slope:.2f}, {found}"
            ends = np.array(line.window)
            fit = line.intercept + 6.0 * line.apparent * ends
            if known and (fit > 0.0).all():
                axes.plot(ends, fit, color=INK, lw=1.8, ls=(0, (1.5, 1.5)), zorder=4)
        draw_band(axes, one.lags[1:][positive], Estimate(value[positive], error[positive]), color)
        axes.plot([], [], color=color, label=label)


@in_house_style
def spectrum_figure(
    curves: Mapping[str, Spectrum], kind: str = "all", highest: float = 4000.0
) -> Figure:
    """Vibrational density of states of one kind of atom, all trajectories in one panel.

    Args: curves: name -> spectrum; kind: the row drawn; highest: cm^-1.

    Raises:
        ValueError: no trajectory, or one without this kind.
    """
    _first(curves)
    figure, axes = new_figure(7.0, 3.2)
    for k, (name, one) in enumerate(curves.items()):
        if kind not in one.kinds:
            raise ValueError(f"no kind {kind} in {name}; there are {' '.join(one.kinds)}")
        row, shown = one.kinds.index(kind), one.wavenumbers <= highest
        density = Estimate(1e3 * one.density.value[row], 1e3 * one.density.error[row])
        density = Estimate(density.value[shown], density.error[shown])
        color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
        draw_band(axes, one.wavenumbers[shown], density, color, dash, 1.1)
        axes.plot([], [], dash, color=color, label=name)
    axes.set(
        xlabel="Wavenumber (cm$^{-1}$)", ylabel="Density of states\n(10$^{-3}$ cm)", xlim=(0, None)
    )
    axes.set_ylim(bottom=0.0)
    draw_legend(figure, axes)
    return figure


@in_house_style
def velocity_figure(
    curves: Mapping[str, VelocityCorrelation], kind: str = "all", longest: float | None = None
) -> Figure:
    """Normalised velocity autocorrelation of one kind of atom; longest: ps shown."""
    _first(curves)
    figure, axes = new_figure(6.0, 3.2)
    axes.axhline(0.0, color=GREY, lw=0.8, zorder=0)
    for k, (name, one) in enumerate(curves.items()):
        row, every = one.kinds.index(kind), one.normalised
        shown = one.lags <= (one.lags[-1] if longest is None else longest)
        correlation = Estimate(every.value[row, shown], every.error[row, shown])
        color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
        draw_band(axes, one.lags[shown], correlation, color, dash, 1.1)
        axes.plot([], [], dash, color=color, label=name)
    axes.set(xlabel="Lag (ps)", ylabel="Velocity autocorrelation\n(of its value at 0)")
    axes.margins(x=0.01)
    draw_legend(figure, axes)
    return figure


@in_house_style
def distribution_figure(curves: Mapping[str, Distribution], columns: int = 3) -> Figure:
    """Bond lengths or angles, one panel for each kind, with the mean of each trajectory.

    Args: curves: name -> distribution, all of lengths or all of angles.

    Raises:
        ValueError: no trajectory, or lengths and angles in one figure.
    """
    units = {one.unit for one in curves.values()}
    if len(units) > 1:
        raise ValueError(f"distributions in {' and '.join(sorted(units))}: draw them apart")
    kinds = list(dict.fromkeys(kind for one in [_first(curves), *curves.values()]
                               for kind in one.kinds))  # fmt: skip
    unit, quantity = ("Å", "Distance") if units == {"A"} else ("°", "Angle")
    columns = min(columns, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(
        figsize=(max(SMALLEST_WIDTH, 2.5 * columns), 2.2 * rows + 0.5), layout="constrained"
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for place, axes in enumerate(panels):
        if place >= len(kinds):
            axes.remove()
            continue
        _draw_kind(axes, curves, kinds[place])
        axes.set(title=kinds[place], xlabel=f"{quantity} ({unit})")
        if place % columns == 0:
            axes.set_ylabel(f"Density (1/{unit})")
    draw_legend(figure, panels[0])
    return figure


def _draw_kind(axes: Axes, curves: Mapping[str, Distribution], kind: str) -> None:
    """The range is where something was seen, the same for all."""
    seen = []
    for k, (name, one) in enumerate(curves.items()):
        color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
        axes.plot([], [], dash, color=color, label=name)
        if kind not in one.kinds:
            continue
        row = one.kinds.index(kind)
        axes.axvline(one.mean.value[row], color=color, lw=0.8, ls=dash, alpha=0.7, zorder=0)
        filled = np.flatnonzero(one.density.value[row] > 0.0)
        if len(filled):  # what is drawn outside the axes still makes the file large
            seen_bins = slice(max(0, filled[0] - 1), filled[-1] + 2)
            density = Estimate(one.density.value[row, seen_bins], one.density.error[row, seen_bins])
            draw_band(axes, one.centres[seen_bins], density, color, dash)
        seen += [one.edges[filled[[0, -1]] + [0, 1]]] if len(filled) else []
    if seen:
        low, high = np.min(seen), np.max(seen)
        margin = 0.08 * (high - low)
        axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(bottom=0.0)


@in_house_style
def green_kubo_figure(curves: Mapping[str, GreenKubo]) -> Figure:
    """Conductivity as the integral of the charge current's autocorrelation, against its end."""
    _first(curves)
    figure, axes = new_figure(6.0, 3.2)
    axes.axhline(0.0, color=GREY, lw=0.8, zorder=0)
    for k, (name, one) in enumerate(curves.items()):
        color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
        draw_band(axes, one.lags, one.running, color, dash)
        found = one.conductivity
        known = np.isfinite(found.value)
        text = f"{with_error(found.value, found.error)} S/m" if known else "not resolved"
        axes.plot([], [], dash, color=color, label=f"{name}: {text}")
        axes.axvline(one.cutoff, color=color, lw=0.8, ls=dash, alpha=0.7, zorder=0)
    axes.set(xlabel="Upper limit of the integral (ps)", ylabel="Conductivity (S/m)")
    axes.margins(x=0.01)
    draw_legend(figure, axes)
    return figure


def draw_band(
    axes: Axes, x: np.ndarray, y: Estimate, color: str, dash: str = "-", width: float = 1.4
) -> None:
    """A line with a band of one standard error; x, y: (n,)."""
    axes.plot(x, y.value, dash, color=color, lw=width)
    if np.isfinite(y.error).any():
        low, high = y.value - y.error, y.value + y.error
        axes.fill_between(x, low, high, where=y.error > 0.0, color=color, alpha=0.25, lw=0)


def with_error(value: float, error: float) -> str:
    """Two digits of the error, as many of the value; the value alone without an error."""
    if not (np.isfinite(error) and error > 0.0):
        return f"{value:.3g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def draw_legend(figure: Figure, axes: Axes) -> None:
    """The legend of one panel above all of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 4))


def _first(curves: Mapping[str, T]) -> T:
    if not curves:
        raise ValueError("0 trajectories: a figure needs at least one")
    return next(iter(curves.values()))
