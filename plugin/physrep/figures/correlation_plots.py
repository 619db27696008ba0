"""Figures of structure factors, angles and van Hove functions."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from physrep.analysis.motion.van_hove import VanHove
from physrep.analysis.statistics.blocks import Estimate
from physrep.analysis.structure.angular import RadiusAngleMaps
from physrep.analysis.structure.scattering import StructureFactors
from physrep.figures.structure_plots import DASHES, draw_band, draw_legend
from physrep.figures.style import GREY, SERIES, in_house_style

WAYS = {"xray": "X-rays", "neutron": "neutrons", "total": "all atoms alike"}
LARGEST_SHOWN = 6.0  # of a map, times the ideal gas


def _panels(n: int, columns: int = 3, height: float = 2.4) -> tuple[Figure, np.ndarray]:
    columns = min(columns, n)
    rows = -(-n // columns)
    size = max(6.0, 2.6 * columns), height * rows + 0.5
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[n:]:
        axes.remove()
    return figure, panels[:n]


@in_house_style
def scattering_figure(curves: Mapping[str, StructureFactors]) -> Figure:
    """S(q) of X-rays, neutrons and all atoms alike; curves: name of the trajectory -> its S(q)."""
    figure, panels = _panels(len(WAYS))
    for axes, (way, title) in zip(panels, WAYS.items(), strict=True):
        axes.axhline(1.0, color=GREY, lw=0.8, zorder=0)
        for k, (name, one) in enumerate(curves.items()):
            color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
            axes.plot([], [], dash, color=color, label=name)
            draw_band(axes, one.q, getattr(one, way), color, dash)
        axes.set(title=title, xlabel="q (1/Å)")
    panels[0].set_ylabel("S(q)")
    draw_legend(figure, panels[0])
    return figure


@in_house_style
def partial_scattering_figure(
    curves: Mapping[str, StructureFactors], pairs: Sequence[tuple[str, str]]
) -> Figure:
    """Partial structure factors (Ashcroft and Langreth), one panel for each pair of elements."""
    figure, panels = _panels(len(pairs))
    for axes, pair in zip(panels, pairs, strict=True):
        axes.axhline(float(pair[0] == pair[1]), color=GREY, lw=0.8, zorder=0)
        for k, (name, one) in enumerate(curves.items()):
            color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
            axes.plot([], [], dash, color=color, label=name)
            if pair in one.pairs:
                row = one.pairs.index(pair)
                partial = Estimate(one.partial.value[row], one.partial.error[row])
                draw_band(axes, one.q, partial, color, dash)
        axes.set(title="-".join(pair), xlabel="q (1/Å)")
    panels[0].set_ylabel("S(q)")
    draw_legend(figure, panels[0])
    return figure


@in_house_style
def neighbor_angle_figure(
    curves: Mapping[str, RadiusAngleMaps], radii: Mapping[tuple[str, str], float]
) -> Figure:
    """Angles between two neighbours b of a within a radius; radii: (a, b) -> A."""
    figure, panels = _panels(len(radii))
    for axes, ((a, b), radius) in zip(panels, radii.items(), strict=True):
        axes.axhline(1.0, color=GREY, lw=0.8, zorder=0)
        for k, (name, one) in enumerate(curves.items()):
            color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
            axes.plot([], [], dash, color=color, label=name)
            if (a, b) in one.pairs:
                middles = 0.5 * (one.angles[1:] + one.angles[:-1])
                upto = min(radius, float(one.edges[-1]))
                draw_band(axes, middles, one.within(a, b, upto), color, dash)
        title = f"{b} / {a} / {b}\nwithin {radius:.1f} Å"
        axes.set(title=title, xlabel="Angle (°)", xlim=(0.0, 180.0))
        axes.set_xticks([0, 60, 120, 180])
        axes.set_ylim(bottom=0.0)
    panels[0].set_ylabel("Over ideal gas")
    draw_legend(figure, panels[0])
    return figure


@in_house_style
def bond_map_figure(one: RadiusAngleMaps, pairs: Sequence[tuple[str, str]]) -> Figure:
    """Density of partners around a bond that points upwards and ends at the origin."""
    figure, panels = _panels(len(pairs), height=3.2)
    radius, angle = np.meshgrid(one.edges, np.radians(one.angles), indexing="ij")
    image = None
    for axes, pair in zip(panels, pairs, strict=True):
        value = one.value.value[one.pairs.index(pair)]
        for side in (1.0, -1.0):  # the map is symmetric about the bond
            place = side * radius * np.sin(angle), radius * np.cos(angle)
            image = axes.pcolormesh(*place, value, vmin=0.0, vmax=LARGEST_SHOWN, cmap="viridis",
                                    rasterized=True)  # fmt: skip
        axes.plot([0.0, 0.0], [-1.0, 0.0], color="white", lw=2.0)
        axes.set(title=f"{pair[1]} around {pair[0]}", xlabel="Across the bond (Å)", aspect="equal")
    panels[0].set_ylabel("Along the bond (Å)")
    if image is not None:
        figure.colorbar(image, ax=list(panels), extend="max", shrink=0.8).set_label(
            "Over ideal gas"
        )
    return figure


@in_house_style
def moved_figure(one: VanHove) -> Figure:
    """Self part of the van Hove function, one panel for each kind."""
    figure, panels = _panels(len(one.kinds))
    for axes, (k, kind) in zip(panels, enumerate(one.kinds), strict=True):
        tops = [0.0]
        for n, lag in enumerate(one.lags):
            if lag > 0.0:
                color = SERIES[n % len(SERIES)]
                axes.plot([], [], color=color, label=f"{lag:.3g} ps")
                part = Estimate(one.moved.value[n, k], one.moved.error[n, k])
                draw_band(axes, one.r, part, color)
                tops.append(float(part.value.max()))
        # The shortest lag is a sharp peak at small r that would hide the others.
        axes.set(title=kind, xlabel="r (Å)", ylim=(0.0, 1.1 * sorted(tops)[-2] or None))
    panels[0].set_ylabel("4πr² G(r, t) (1/Å)")
    draw_legend(figure, panels[0])
    return figure


@in_house_style
def others_figure(one: VanHove, pairs: Sequence[tuple[str, str]]) -> Figure:
    """Distinct part of the van Hove function, one panel for each pair of kinds."""
    figure, panels = _panels(len(pairs))
    for axes, pair in zip(panels, pairs, strict=True):
        _draw_others(axes, one, one.pairs.index(pair))
        axes.set(title=" / ".join(pair), xlabel="r (Å)")
    panels[0].set_ylabel("g(r, t)")
    draw_legend(figure, panels[0])
    return figure


def _draw_others(axes: Axes, one: VanHove, row: int) -> None:
    axes.axhline(1.0, color=GREY, lw=0.8, zorder=0)
    for n, lag in enumerate(one.lags):
        color = SERIES[n % len(SERIES)]
        axes.plot([], [], color=color, label=f"{lag:.3g} ps")
        part = Estimate(one.distinct.value[n, row], one.distinct.error[n, row])
        draw_band(axes, one.r, part, color)
    axes.set_ylim(bottom=0.0)
