"""What the suites share: numbers as JSON and table, the choice of structures, progress."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from physrep.config import ConfigError
from physrep.io import DataError


class Summary:
    """Named numbers, as JSON and as a table."""

    def numbers(self) -> dict[str, Any]:
        """Name -> number; None where there is nothing to average."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Sentences for people, below the table."""
        return []

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(self.numbers(), indent=1)

    def table(self) -> str:
        """The same for people, one line a number."""
        known = {name: value for name, value in self.numbers().items() if value is not None}
        width = max(len(name) for name in known)
        lines = [
            f"{name:{width}s} {value if isinstance(value, (str, int)) else format(value, '.4g')}"
            for name, value in known.items()
        ]
        return "\n".join(lines + self.notes())


def sample(n: int, seed: int, at_most: int | None) -> list[int]:
    """Indices of at most ``limit`` out of n, drawn at random, sorted.

    Raises:
        ConfigError: ``at_most`` below 1. DataError: n is 0.
    """
    if n == 0:
        raise DataError("there are no structures to test; check the file")
    if at_most is None:
        return list(range(n))
    check_at_least("max_structures", at_most, 1)
    return sorted(np.random.default_rng(seed).permutation(n)[:at_most].tolist())


def check_at_least(name: str, value: int, least: int) -> None:
    """Raises ConfigError where an option is too small."""
    if value < least:
        raise ConfigError(f"{name} = {value}: give a whole number of at least {least}")


def share(flags: Iterable[bool]) -> float | None:
    """Share of true ones; None of nothing."""
    flags = list(flags)
    return float(np.mean(flags)) if flags else None
