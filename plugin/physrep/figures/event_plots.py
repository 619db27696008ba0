"""Figures of reactions along a trajectory, in the style of :mod:`physrep.figures.style`."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from physrep.analysis.chemistry.events import PROTON_TRANSFER, RECOMBINATION, Reactions
from physrep.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    SERIES,
    VERMILION,
    in_house_style,
    new_figure,
)

MOST_SPECIES = 6  # curves in one panel: more colours cannot be distinguished
DASHES = ("-", "--", ":", "-.")


@in_house_style
def populations_figure(reactions: Reactions) -> Figure:
    """Molecules of each species over time: those of the start left, what they became right.

    Of more than six species in a panel the six most frequent are drawn, the others as their sum.
    """
    start = {k: v for k, v in reactions.populations.items() if v[0]}
    made = {k: v for k, v in reactions.populations.items() if not v[0]}
    panels: tuple[tuple[Axes, dict[str, np.ndarray], str], ...]
    if not made:
        figure, axes = new_figure(6.0, 3.2)
        panels = ((axes, start, "No new species"),)
    else:
        figure, (left, right) = new_figure(7.4, 3.4, columns=2)
        panels = ((left, start, "At the start"), (right, made, "Formed"))
    for axes, counts, title in panels:
        for k, (label, values) in enumerate(_most_frequent(reactions.times, counts).items()):
            color, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
            axes.step(reactions.times, values, where="post", label=label, color=color, ls=dash)
        axes.set(xlabel="Time (ps)", ylabel="Number of molecules", title=title)
        top = max((values.max() for values in counts.values()), default=1)
        axes.set_ylim(-0.03 * top, 1.12 * top + 0.3)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.01)
        axes.legend(
            loc="upper left", bbox_to_anchor=(0.0, -0.22), ncols=2, borderaxespad=0.0, fontsize=9
        )
    return figure


@in_house_style
def events_figure(reactions: Reactions) -> Figure:
    """One row for each kind of event, a mark for each event; hollow where not confirmed."""
    kinds = _ordered_kinds(reactions)
    figure, axes = new_figure(6.8, 1.3 + 0.34 * max(len(kinds), 1))
    for row, kind in enumerate(kinds):
        for sure in (True, False):
            when = [e.time for e in reactions.events if e.kind == kind and e.confirmed == sure]
            color = _kind_color(kind)
            face = color if sure else "none"
            axes.scatter(when, np.full(len(when), row), s=34, marker="D", fc=face, ec=color, lw=1.2)
        axes.axhline(row, color=GREY, lw=0.6, alpha=0.5, zorder=0)
    counts = [sum(e.kind == kind for e in reactions.events) for kind in kinds]
    names = [f"{kind} ({n})" for kind, n in zip(kinds, counts, strict=True)]
    axes.set_yticks(range(len(kinds)), names)
    axes.tick_params(axis="y", left=False)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(max(len(kinds), 1) - 0.4, -0.6)
    span = max(float(np.ptp(reactions.times)), 1e-6)
    first, last = reactions.times[0], reactions.times[-1]
    axes.set(xlabel="Time (ps)", xlim=(first - 0.015 * span, last + 0.015 * span))
    if not kinds:
        axes.text(0.5, 0.5, "No events", transform=axes.transAxes, ha="center", color=INK)
    elif not all(event.confirmed for event in reactions.events):
        text = f"hollow: within {1000.0 * reactions.tau:g} fs of the end, may still be undone"
        axes.set_title(text, fontsize=8.5)
    return figure


@in_house_style
def dissociation_figure(reactions: Reactions) -> Figure:
    """Share of the molecules of the start that are missing, in per cent, one curve per species."""
    figure, axes = new_figure(6.0, 3.2)
    start = [label for label, counts in reactions.populations.items() if counts[0]]
    start.sort(key=lambda label: -reactions.populations[label][0])
    highest = 0.0
    for k, label in enumerate(start[:MOST_SPECIES]):
        shares = 100.0 * reactions.dissociated(label)
        highest = max(highest, float(shares.max()))
        style = {"color": SERIES[k % len(SERIES)], "ls": DASHES[k % len(DASHES)]}
        axes.step(reactions.times, shares, where="post", label=label, **style)
    axes.set(xlabel="Time (ps)", ylabel="Dissociated (%)", ylim=(0.0, max(1.0, 1.1 * highest)))
    axes.margins(x=0.01)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)
    return figure


@in_house_style
def survival_figure(reactions: Reactions) -> Figure:
    """Kaplan-Meier survival of the species of which molecules ended, with one standard error."""
    figure, axes = new_figure(6.0, 3.4)
    ending = {k: v for k, v in reactions.lifetimes.items() if v.ended}
    order = sorted(ending, key=lambda label: -ending[label].n)[:MOST_SPECIES]
    end = float(np.ptp(reactions.times))
    for k, label in enumerate(order):
        one, color = ending[label], SERIES[k % len(SERIES)]
        ages = np.concatenate([[0.0], one.ages, [max(end, one.ages[-1])]])
        survival = np.concatenate([[1.0], one.survival, one.survival[-1:]])
        error = np.concatenate([[0.0], one.survival_error, one.survival_error[-1:]])
        text = rf"{label}: {one.mean:.3g} $\pm$ {one.error:.2g} ps ({one.ended} of {one.n} ended)"
        axes.step(ages, survival, where="post", color=color, ls=DASHES[k % 4], label=text)
        low, high = np.clip(survival - error, 0.0, 1.0), np.clip(survival + error, 0.0, 1.0)
        axes.fill_between(ages, low, high, step="post", color=color, alpha=0.18, lw=0)
    axes.set(xlabel="Age (ps)", ylabel="Share still alive", ylim=(0.0, 1.04))
    axes.margins(x=0.01)
    if order:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    else:
        axes.text(0.5, 0.5, "No molecule ended", transform=axes.transAxes, ha="center", color=INK)
    return figure


def _most_frequent(times: np.ndarray, counts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """By mean number over time, the highest first; all beyond MOST_SPECIES as their sum."""
    weights = np.diff(times, append=times[-1])
    order = sorted(counts, key=lambda label: -float(counts[label] @ weights))
    if len(order) <= MOST_SPECIES:
        return {label: counts[label] for label in order}
    shown, others = order[: MOST_SPECIES - 1], order[MOST_SPECIES - 1 :]
    rest = np.sum([counts[label] for label in others], axis=0)
    return {label: counts[label] for label in shown} | {f"{len(others)} others": rest}


def _ordered_kinds(reactions: Reactions) -> list[str]:
    """Transfers, then breaks, then recombination and formation."""
    kinds = dict.fromkeys(event.kind for event in reactions.events)

    def place(kind: str) -> tuple[int, str]:
        classes = (kind == PROTON_TRANSFER, kind.endswith(" break"), kind == RECOMBINATION, True)
        return classes.index(True), kind

    return sorted(kinds, key=place)


def _kind_color(kind: str) -> str:
    if kind == PROTON_TRANSFER:
        return BLUE
    return VERMILION if kind.endswith(" break") else GREEN
