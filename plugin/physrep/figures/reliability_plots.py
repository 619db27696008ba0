"""Figures of the tests of reliability, in the style of :mod:`physrep.figures.style`.

Source of the kinds of figure: "Towards Physically Reliable Molecular Representation Learning"
(UAI 2023), Fig. 2b, c (recovery), Fig. 3 (assembly), Fig. 4 (reaction paths).
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from physrep.figures.style import BLUE, GREY, INK, SERIES, VERMILION, in_house_style, new_figure
from physrep.probes.assembly import Assembly
from physrep.probes.reaction_path import BARRIER_WITHIN, PathErrors, relative_energies
from physrep.probes.recovery import RECOVERED_WITHIN

BINS_PER_DECADE = 5


@in_house_style
def recovery_figure(delta_p: Mapping[str, np.ndarray], delta_e: Mapping[str, np.ndarray]) -> Figure:
    """Distributions of Delta P and Delta E on logarithmic axes, one outline for each model.

    Args:
        delta_p: name -> (n,) A; delta_e: name -> (n,) meV, the same names. NaN marks a failed
            relaxation: it is not drawn, and the legend counts it.

    Raises:
        ValueError: the names differ.
    """
    if list(delta_p) != list(delta_e):
        raise ValueError(f"delta_p of {list(delta_p)}, delta_e of {list(delta_e)}: same names")
    figure, (places, energies) = new_figure(7.4, 3.2, columns=2)
    _log_histograms(places, delta_p, shown=RECOVERED_WITHIN)
    _log_histograms(energies, delta_e)
    places.axvline(RECOVERED_WITHIN, color=GREY, lw=0.9, ls="--", zorder=0)
    places.annotate(
        "recovered",
        (RECOVERED_WITHIN, 1.0),
        (-4, -1),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right",
        va="bottom",
        color=INK,
        fontsize=8.5,
    )
    places.set(xlabel=r"$\Delta P$ to the stable structure (Å)", ylabel="Molecules")
    energies.set(xlabel=r"$\Delta E$ to the stable structure (meV)")
    handles, labels = places.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 3))
    return figure


@in_house_style
def assembly_figure(runs: Mapping[str, Sequence[Assembly]]) -> Figure:
    """Energy above the stable structure along each relaxation, one panel for each model.

    Args:
        runs: name -> its assemblies. Steps are drawn from 1 on, on a logarithmic axis; energies
            on one that is linear up to 0.1 eV and logarithmic beyond.
    """
    figure, panels = new_figure(max(4.2, 3.4 * len(runs)), 3.4, columns=len(runs))
    for axes, (name, assemblies) in zip(np.atleast_1d(panels), runs.items(), strict=True):
        for one in sorted(assemblies, key=lambda one: not one.recovered):
            steps = np.arange(1, len(one.energies) + 1)
            color = BLUE if one.recovered else VERMILION
            axes.plot(steps, one.energies, color=color, lw=0.8, alpha=0.6)
        axes.axhline(0.0, color=GREY, lw=0.8, zorder=0)
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=0.1, linscale=0.6)
        axes.set(xlabel="Optimisation step", title=name)
        n_back = sum(one.recovered for one in assemblies)
        axes.plot([], [], color=BLUE, label=f"recovered, {n_back}")
        axes.plot([], [], color=VERMILION, label=f"not recovered, {len(assemblies) - n_back}")
        axes.legend(loc="lower left")
    np.atleast_1d(panels)[0].set_ylabel("Energy above the stable structure (eV)")
    return figure


@in_house_style
def path_figure(
    labels: Mapping[str, np.ndarray], predicted: Mapping[str, Mapping[str, np.ndarray]]
) -> Figure:
    """Energies along reaction paths relative to the reactant, one panel for each path.

    Args:
        labels: title of the path -> (n_images,) eV; predicted: name of the model -> title ->
            (n_images,) eV.
    """
    columns = min(len(labels), 3)
    rows = -(-len(labels) // columns)
    figure = Figure(figsize=(2.5 * columns + 0.6, 2.2 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(labels) :]:
        axes.remove()
    for axes, (title, energies) in zip(panels, labels.items(), strict=False):
        along = np.linspace(0.0, 1.0, len(energies))
        axes.plot(along, relative_energies(energies), "o-", color=INK, ms=3.5, label="labels")
        for k, (name, paths) in enumerate(predicted.items()):
            color = SERIES[k % len(SERIES)]
            axes.plot(along, relative_energies(paths[title]), "o-", color=color, ms=3, label=name)
        axes.set(title=title, xticks=(0.0, 1.0), xticklabels=("reactant", "product"))
        axes.margins(x=0.09)
    figure.supylabel("Energy above the reactant (eV)", fontsize=10, color=INK)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=min(len(names), 4))
    return figure


@in_house_style
def barrier_figure(errors: Mapping[str, PathErrors]) -> Figure:
    """Predicted against reference barriers in eV, one colour for each model."""
    figure, axes = new_figure(4.2, 4.2)
    barriers = [(one.reference_barriers, one.predicted_barriers) for one in errors.values()]
    finite = np.concatenate([np.concatenate(pair) for pair in barriers])
    finite = finite[np.isfinite(finite)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    margin = 0.05 * (high - low) + 0.05
    ends = np.array([low - margin, high + margin])
    axes.fill_between(
        ends,
        ends - BARRIER_WITHIN,
        ends + BARRIER_WITHIN,
        color=GREY,
        alpha=0.22,
        lw=0,
        label=f"within {BARRIER_WITHIN:g} eV",
    )
    axes.plot(ends, ends, color=GREY, lw=0.8, zorder=0)
    for k, (name, one) in enumerate(errors.items()):
        text = f"{name}: MAE {one.barrier_mae:.2f} eV, {100.0 * one.within:.0f} % within"
        x, y = one.reference_barriers, one.predicted_barriers
        axes.scatter(x, y, s=12, lw=0, alpha=0.6, color=SERIES[k % len(SERIES)], label=text)
    axes.set(
        xlabel="Barrier of the labels (eV)",
        ylabel="Barrier of the model (eV)",
        xlim=ends,
        ylim=ends,
        aspect="equal",
    )
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    return figure


def _log_histograms(
    axes: Axes, series: Mapping[str, np.ndarray], shown: float | None = None
) -> None:
    """Outlines over common logarithmic bins that include ``shown``; zeros go to the lowest bin."""
    values = {name: np.asarray(one, dtype=float) for name, one in series.items()}
    known = np.concatenate(list(values.values()))
    known = known[np.isfinite(known) & (known > 0.0)]
    if shown is not None:
        known = np.append(known, (0.5 * shown, 2.0 * shown))
    elif not len(known):
        known = np.array([1.0])
    high = known.max()
    low = max(known.min(), 1e-6 * high)
    first, last = np.floor(np.log10(low)), np.ceil(np.log10(high) + 1e-9)
    bins = np.logspace(first, last, int(last - first) * BINS_PER_DECADE + 1)
    for k, (name, one) in enumerate(values.items()):
        finite = one[np.isfinite(one)]
        n_failed = len(one) - len(finite)
        label = f"{name} ({n_failed} failed)" if n_failed else name
        color = SERIES[k % len(SERIES)]
        inside = np.clip(finite, bins[0], bins[-1])
        axes.hist(inside, bins.tolist(), histtype="stepfilled", color=color, alpha=0.22)
        axes.hist(inside, bins.tolist(), histtype="step", color=color, lw=1.4, label=label)
    axes.set_xscale("log")
    axes.set_xlim(bins[0], bins[-1])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
