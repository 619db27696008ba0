"""Two structures of a liquid compared: differences beyond their error bars."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from physrep.analysis.statistics.blocks import Estimate
from physrep.analysis.structure.distributions import Distribution
from physrep.analysis.structure.rdf import RadialDistributions, first_shell
from physrep.studies.analyze.collector import Results
from physrep.studies.analyze.stream import Answer
from physrep.studies.certify.check import Check, at_most, skipped

RADIAL = {"elements": "atoms", "ions": "ions", "hydrogen": "hydrogen bonds"}
SIGMAS = 2.0  # what the error bars explain
FEWEST_NEIGHBOURS = 0.05  # below, a share of them says nothing
NEIGHBOURS, CURVES = (0.1, 0.5), (0.1, 0.5)  # relative; passing, warning
BONDS, ANGLES = (0.02, 0.05), (3.0, 8.0)  # A, degrees


class Deviation(NamedTuple):
    """value: beyond what the error bars explain; note: where, and both numbers."""

    value: float
    note: str


def comparison_checks(name: str, run: Results, data: Results) -> Iterator[Check]:
    """Neighbours, radial distributions, bonds and angles of a run against those of the data.

    Args:
        name: what the checks are called by, e.g. "structure: 300 K"; both of the same composition.
    """
    one, other = run.structure, data.structure
    for attribute, what in RADIAL.items():
        pair = getattr(one, attribute), getattr(other, attribute)
        pairs = one.hydrogen_pairs if attribute == "hydrogen" else None
        yield from _radial_checks(f"{name}, {what}", *pair, pairs)
    for attribute, limits in (("bonds", BONDS), ("angles", ANGLES)):
        pair = getattr(one, attribute), getattr(other, attribute)
        yield _distribution_check(f"{name}, {attribute}", *pair, limits)


def _radial_checks(
    name: str,
    run: Answer[RadialDistributions],
    data: Answer[RadialDistributions],
    pairs: list[tuple[str, str]] | None,
) -> Iterator[Check]:
    one, other = run.value, data.value
    if one is None or other is None:
        yield skipped(name, _gap(run, data))
        return
    lacking = one.g.reason or other.g.reason  # of some values at least
    chosen = [pair for pair in pairs or one.pairs if _in(other, pair)]
    ways = (
        ("neighbours", neighbour_deviation, NEIGHBOURS),
        ("g(r)", curve_deviation, CURVES),
    )
    for what, deviation, limits in ways:
        judged = [deviation(one, other, pair) for pair in chosen]
        found = [deviation for deviation in judged if deviation is not None]
        if not found:
            yield skipped(f"{name}: {what}", lacking or "no pair has a first shell in the data")
            continue
        worst = max(found, key=lambda deviation: deviation.value)
        yield at_most(f"{name}: {what}", worst.value, "relative", *limits, worst.note)


def neighbour_deviation(
    run: RadialDistributions, data: RadialDistributions, pair: tuple[str, str]
) -> Deviation | None:
    """Of the number of b around a, up to the first minimum of the data's g(r), relative to the
    data's; None where that has no shell, or a number has no error bar.

    Args: pair: (a, b), of the same bins in both.
    """
    g = np.nan_to_num(data.of(*pair).value)
    end = first_shell(data.r, g)[1]
    if not np.isfinite(end):
        return None
    place = int(np.searchsorted(data.r, end))
    here, there = _at(run.coordination(*pair), place), _at(data.coordination(*pair), place)
    if there[0] < FEWEST_NEIGHBOURS:
        return None
    value = float(_beyond(*here, *there) / there[0])
    if not np.isfinite(value):
        return None
    a, b = pair
    note = (
        f"{b} around {a} up to {end:.2f} A: {here[0]:.2f} +- {here[1]:.2f}; data "
        f"{there[0]:.2f} +- {there[1]:.2f}"
    )
    return Deviation(value, note)


def curve_deviation(
    run: RadialDistributions, data: RadialDistributions, pair: tuple[str, str]
) -> Deviation | None:
    """Share of the neighbours within the range of g(r) that are at another distance than in the
    data: integral of r^2 |g - g_data|, beyond the error bars, by that of r^2 g_data, where both
    have error bars; None where the data has no such neighbours.

    Args: pair: (a, b), of the same bins in both.
    """
    one, other = run.of(*pair), data.of(*pair)
    shells = np.diff(data.edges**3)
    beyond = _beyond(one.value, one.error, other.value, other.error)
    whole = float((shells * other.value)[np.isfinite(beyond)].sum())
    if not whole > 0.0:
        return None
    worst = int(np.nanargmax(shells * beyond))
    note = (
        f"{pair[0]} / {pair[1]}, most at {data.r[worst]:.2f} A: g = {one.value[worst]:.2f} +- "
        f"{one.error[worst]:.2f}; data {other.value[worst]:.2f} +- {other.error[worst]:.2f}"
    )
    if not beyond[worst] > 0.0:
        note = "all pairs within twice the error bars"
    return Deviation(float(np.nansum(shells * beyond)) / whole, note)


def _distribution_check(
    name: str,
    run: Answer[Distribution],
    data: Answer[Distribution],
    limits: tuple[float, float],
) -> Check:
    one, other = run.value, data.value
    if one is None or other is None:
        return skipped(name, _gap(run, data))
    common = [kind for kind in one.kinds if kind in other.kinds]
    found = []
    for kind in common:
        here = _at(one.mean, one.kinds.index(kind))
        there = _at(other.mean, other.kinds.index(kind))
        note = f"{kind}: {here[0]:.4g} +- {here[1]:.1g}; data {there[0]:.4g} +- {there[1]:.1g}"
        value = float(_beyond(*here, *there))
        found += [Deviation(value, note)] if np.isfinite(value) else []
    if not found:
        lacking = one.mean.reason or other.mean.reason
        return skipped(name, lacking or "no kind in common with the data")
    worst = max(found, key=lambda deviation: deviation.value)
    return at_most(f"{name}: mean", worst.value, one.unit, *limits, worst.note)


def _beyond(here: Any, error: Any, there: Any, its_error: Any) -> Any:
    """Difference of two numbers beyond twice their combined error."""
    return np.maximum(np.abs(here - there) - SIGMAS * np.hypot(error, its_error), 0.0)


def _at(estimate: Estimate, place: int) -> tuple[float, float]:
    return float(estimate.value[place]), float(estimate.error[place])


def _gap(run: Answer, data: Answer) -> str:
    return run.reason if run.value is None else data.reason if data.value is None else ""


def _in(data: RadialDistributions, pair: tuple[str, str]) -> bool:
    return pair in data.pairs or pair[::-1] in data.pairs
