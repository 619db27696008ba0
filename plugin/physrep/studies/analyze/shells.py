"""First shells: where they are, how many neighbours they hold."""

from typing import NamedTuple

import numpy as np

from physrep.analysis.structure.rdf import RadialDistributions, first_shell


class Shell(NamedTuple):
    """a, b: kinds; peak, end: A, first maximum of g and the minimum behind it; height: g at the
    maximum; number: mean number of b around one a up to the end, error: its standard error. NaN
    where there is no maximum or no minimum.
    """

    a: str
    b: str
    peak: float
    height: float
    end: float
    number: float
    error: float


def shells(radial: RadialDistributions, pairs: list[tuple[str, str]] | None = None) -> list[Shell]:
    """The first shell of every pair, b around a; of unlike kinds also a around b.

    pairs: (a, b), taken as they are; by default all, in both directions.
    """
    if pairs is None:
        pairs = [way for a, b in radial.pairs for way in dict.fromkeys([(a, b), (b, a)])]
    return [_shell(radial, a, b) for a, b in pairs]


def _shell(radial: RadialDistributions, a: str, b: str) -> Shell:
    g = np.nan_to_num(radial.of(a, b).value)
    peak, end = first_shell(radial.r, g)
    height = number = error = float("nan")
    if np.isfinite(peak):
        height = float(g[np.searchsorted(radial.r, peak)])
    if np.isfinite(end):
        around = radial.coordination(a, b)
        place = np.searchsorted(radial.r, end)
        number, error = float(around.value[place]), float(around.error[place])
    return Shell(a, b, peak, height, end, number, error)
