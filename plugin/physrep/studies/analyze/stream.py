"""One analysis along the stream: it goes on until it refuses a frame, and keeps the reason."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from physrep.analysis.statistics.blocks import Estimate

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Answer(Generic[T]):
    """What an analysis found, or why it found nothing.

    value: None for a gap; reason: why there is none, or what limits it, "" if nothing does.
    """

    value: T | None
    reason: str = ""


def resolved(estimate: Estimate) -> Answer[Estimate]:
    """A gap where the estimate has no value."""
    if np.isfinite(estimate.value):
        return Answer(estimate, estimate.reason)
    return Answer(None, estimate.reason)


class Stream(Generic[S]):
    """An accumulator of :mod:`physrep.analysis`, its ValueErrors turned into reasons."""

    def __init__(self, build: Callable[[], S] | None, reason: str = "") -> None:
        """Args: build: makes the accumulator, or refuses by ValueError; None: a gap from the start,
        for the reason given.
        """
        self.sums: S | None = None
        self.reason, self.n_frames, self.running = reason, 0, False
        if build is None:
            return
        try:
            self.sums, self.running = build(), True
        except ValueError as error:
            self.reason = str(error)

    def feed(self, add: Callable[[S], T], where: str) -> T | None:
        """One frame: ``add`` hands it to the accumulator; None once it has been refused.

        where: the frame in words, for the reason.
        """
        if not self.running or self.sums is None:
            return None
        try:
            value = add(self.sums)
        except ValueError as error:
            self.stop(f"{where}: {error}")
            return None
        self.n_frames += 1
        return value

    def stop(self, reason: str) -> None:
        """End it here, for a reason that is given with the answer; the first one is kept."""
        if self.running:
            self.running, self.reason = False, reason

    def answer(self, read: Callable[[S], T]) -> Answer[T]:
        """The answer of the frames that were taken, or the gap."""
        if self.sums is None or not self.n_frames:
            return Answer(None, self.reason or "no frame was observed")
        try:
            value = read(self.sums)
        except ValueError as error:
            return Answer(None, self.reason or str(error))
        if self.reason:
            return Answer(
                value, f"from the {self.n_frames} frames before it stopped: {self.reason}"
            )
        return Answer(value)
