"""Figures of charges and of infrared absorption."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from physrep.analysis.motion.infrared import Infrared
from physrep.analysis.statistics.blocks import Estimate
from physrep.analysis.statistics.scalars import Scalars
from physrep.figures.structure_plots import DASHES, draw_band, draw_legend
from physrep.figures.style import GREY, SERIES, in_house_style, new_figure

COLUMNS = 4
SHOWN = 1e-3  # of the highest bin of a kind


@in_house_style
def charge_figure(curves: Mapping[str, Scalars], kinds: Sequence[str]) -> Figure:
    """Distribution of the charges of atoms, one panel for each kind; a line at each mean."""
    columns = min(COLUMNS, len(kinds))
    rows = -(-len(kinds) // columns)
    size = (max(6.0, 2.3 * columns), 1.9 * rows + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(kinds) :]:
        axes.remove()
    for k, (axes, kind) in enumerate(zip(panels, kinds, strict=False)):
        for n, (name, one) in enumerate(curves.items()):
            color, dash = SERIES[n % len(SERIES)], DASHES[n % len(DASHES)]
            axes.plot([], [], dash, color=color, label=name)
            if kind not in one.kinds:
                continue
            row = one.kinds.index(kind)
            density = one.density[row]
            (seen,) = (density > SHOWN * density.max()).nonzero()
            if len(seen):
                inside = slice(max(0, seen[0] - 1), seen[-1] + 2)
                axes.plot(one.centres[inside], density[inside], dash, color=color)
                axes.fill_between(
                    one.centres[inside], density[inside], color=color, alpha=0.2, lw=0
                )
            axes.axvline(one.mean.value[row], color=color, lw=0.8, ls=dash, alpha=0.7, zorder=0)
        axes.set(title=kind, xlabel="Charge (e)", yticks=[])
        axes.set_ylim(bottom=0.0)
        if k % columns == 0:
            axes.set_ylabel("Share of atoms")
    draw_legend(figure, panels[0])
    return figure


@in_house_style
def infrared_figure(
    curves: Mapping[str, Infrared], volumes: Mapping[str, float | None], highest: float = 4000.0
) -> Figure:
    """Absorption, in 1/cm of a liquid, in km cm/mol where a system has no volume.

    Args: curves: name -> spectrum; volumes: name -> A^3 or None; one without a volume makes all
        be drawn without; highest: cm^-1.

    Raises:
        ValueError: no trajectory.
    """
    if not curves:
        raise ValueError("0 trajectories: a figure needs at least one")
    figure, axes = new_figure(7.0, 3.2)
    axes.axhline(0.0, color=GREY, lw=0.8, zorder=0)
    known = all(volumes[name] is not None for name in curves)
    for k, (name, one) in enumerate(curves.items()):
        volume = volumes[name]
        spectrum = one.intensity if volume is None or not known else one.absorption(volume)
        scale = 1e-3 if known else 1.0
        shown = one.wavenumbers <= highest
        line = Estimate(scale * spectrum.value[shown], scale * spectrum.error[shown])
        color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
        draw_band(axes, one.wavenumbers[shown], line, color, dash, 1.1)
        axes.plot([], [], dash, color=color, label=name)
    label = "Absorption $\\alpha n$\n(10$^3$ cm$^{-1}$)" if known else "Intensity (km cm/mol)"
    axes.set(xlabel="Wavenumber (cm$^{-1}$)", ylabel=label, xlim=(0, None))
    axes.set_ylim(bottom=0.0)
    draw_legend(figure, axes)
    return figure
