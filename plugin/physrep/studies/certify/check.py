"""One check: a measured number, its threshold, the verdict."""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

VERDICTS = ("pass", "skipped", "warn", "fail")  # from good to bad


class Check(NamedTuple):
    """One line of a certificate.

    name: ``group: what``; value: None where nothing was measured; threshold: for passing; note: a
    sentence on where or why, may be empty.
    """

    name: str
    value: float | None
    unit: str
    threshold: float | None
    verdict: str
    note: str = ""


def at_most(
    name: str, value: float, unit: str, passing: float, warning: float, note: str = ""
) -> Check:
    """Pass up to ``passing``, warn up to ``warning``; beyond, and where the value is NaN, fail."""
    verdict = "pass" if value <= passing else "warn" if value <= warning else "fail"
    return Check(name, value, unit, passing, verdict, note)


def at_least(
    name: str, value: float, unit: str, passing: float, warning: float, note: str = ""
) -> Check:
    """Pass from ``passing`` upward, warn from ``warning``; below, and where it is NaN, fail."""
    verdict = "pass" if value >= passing else "warn" if value >= warning else "fail"
    return Check(name, value, unit, passing, verdict, note)


def skipped(name: str, why: str) -> Check:
    """Not measured, and why; that is no failure of the potential."""
    return Check(name, None, "", None, "skipped", why)


def attempt(name: str, measure: Callable[[], Check]) -> Check:
    """The check; skipped where the calculator raises, as quantum chemistry may."""
    try:
        return measure()
    except Exception as error:  # foreign calculators raise what they like
        said = " ".join(str(error).split())[:160]
        return skipped(name, f"the calculator raised {type(error).__name__}: {said}")


def verdict_of(checks: Iterable[Check]) -> str:
    """The worst verdict: pass, warn or fail; ``fail`` where nothing was measured at all."""
    measured = [check.verdict for check in checks if check.verdict != "skipped"]
    return max(measured, key=VERDICTS.index) if measured else "fail"


def verdict_of_part(checks: Iterable[Check]) -> str:
    """The same of one part of several, which may be skipped as a whole."""
    checks = list(checks)
    return "skipped" if all(check.verdict == "skipped" for check in checks) else verdict_of(checks)


def as_json(check: Check) -> dict:
    """Its fields; JSON knows no NaN and no infinity, which become null."""
    fields = check._asdict()
    for key in ("value", "threshold"):
        if fields[key] is not None and not math.isfinite(fields[key]):
            fields[key] = None
    return fields
