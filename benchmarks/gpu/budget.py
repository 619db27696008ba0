"""How the minutes of a run are divided among its steps."""

import time
from collections.abc import Callable
from typing import NamedTuple


class Share(NamedTuple):
    """most: seconds that a step may take; least: seconds kept for it while earlier steps run, and
    without which it is not started.
    """

    most: float
    least: float

    def times(self, factor: float) -> "Share":
        """The share in a run that is so many times as long."""
        return Share(factor * self.most, factor * self.least)


class Budget:
    """Seconds of a run, given out step by step.

    A step gets what is left, less what later steps need at least, and never more than its share:
    a slow build shortens the measurements, and none of them is lost to it.
    """

    def __init__(
        self, total: float, shares: dict[str, Share], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """shares: of the steps, in the order in which they run."""
        self._shares = shares
        self._clock = clock
        self._end = clock() + total

    def left(self) -> float:
        """Seconds until the end of the run."""
        return self._end - self._clock()

    def seconds_for(self, step: str) -> float:
        """Seconds for this step if it starts now; 0 where they are fewer than its least."""
        names = list(self._shares)
        later = names[names.index(step) + 1 :]
        own = self.left() - sum(self._shares[name].least for name in later)
        share = self._shares[step]
        return min(own, share.most) if own >= share.least else 0.0
