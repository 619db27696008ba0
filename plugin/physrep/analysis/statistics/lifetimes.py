"""Lifetimes with censoring: what is alive at the end has lived at least so long."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import CensoredData, ecdf

LOG_20 = float(np.log(20.0))  # no end seen in an exposure of 3 lifetimes: 5 %


@dataclass(frozen=True)
class Lifetime:
    """How long molecules of one species live, in ps, those alive at the end counted as censored.

    n, ended: molecules, and how many of them ended; exposure: sum of their ages. mean: exposure /
    ended, the maximum-likelihood mean of an exponential process, error: mean / sqrt(ended)
    (B. Epstein, M. Sobel, J. Am. Stat. Assoc. 48 (1953) 486); both None if none ended, then
    longer_than is the lower limit at 95 %, exposure / ln 20. ages, survival, survival_error:
    (n_steps,) Kaplan-Meier estimate after each age at which a molecule ended, with Greenwood's
    error (E. L. Kaplan, P. Meier, J. Am. Stat. Assoc. 53 (1958) 457). Molecules that are there at
    the start count from the start: for them it is the time left.
    """

    n: int
    ended: int
    exposure: float
    mean: float | None
    error: float | None
    longer_than: float | None
    ages: np.ndarray
    survival: np.ndarray
    survival_error: np.ndarray


def censored_lifetime(ages: np.ndarray, ended: np.ndarray) -> Lifetime:
    """Lifetime from ages (n,) in ps, and (n,) bool whether it ended then or was alive.

    Raises:
        ValueError: shapes differ, or an age is negative.
    """
    ages, ended = np.asarray(ages, dtype=float), np.asarray(ended, dtype=bool)
    if ages.shape != ended.shape or ages.ndim != 1 or (ages < 0.0).any():
        text = f"ages {ages.shape}, lowest {ages.min(initial=0.0):g}; ended {ended.shape}"
        raise ValueError(f"{text}: need two rows of one length, ages 0 or more")
    exposure, n_ended = float(ages.sum()), int(ended.sum())
    mean = exposure / n_ended if n_ended else None
    error = mean / float(np.sqrt(n_ended)) if mean is not None else None
    limit = exposure / LOG_20 if mean is None else None
    steps, survival, spread = _kaplan_meier(ages, ended)
    return Lifetime(len(ages), n_ended, exposure, mean, error, limit, steps, survival, spread)


def _kaplan_meier(ages: np.ndarray, ended: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ages at which a molecule ended, the survival after each, and Greenwood's error of it."""
    steps = np.unique(ages[ended])
    sample = CensoredData(uncensored=ages[ended], right=ages[~ended])
    survival = ecdf(sample).sf.evaluate(steps) if len(ages) else np.zeros(0)
    at_risk = len(ages) - np.searchsorted(np.sort(ages), steps, side="left")
    before = np.concatenate([[1.0], survival[:-1]])[: len(steps)]
    alive = survival > 0.0  # where none is left, the formula gives 0 / 0
    growth = np.where(alive, before / np.where(alive, survival, 1.0) - 1.0, 0.0)
    spread = np.where(alive, survival * np.sqrt(np.cumsum(growth / at_risk)), 0.0)
    return steps, survival, spread
