"""How long it still takes: a bar on a terminal, whole lines in a file."""

import sys
import threading
import time
from collections.abc import Generator, Iterable, Sized
from contextlib import AbstractContextManager
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_SIGNS = 60.0  # of life, in a part of certify


def progress(
    items: Iterable[Item], name: str, unit: str, total: int | None = None
) -> Generator[Item]:
    """The items, with their progress on standard error.

    On a terminal a bar; elsewhere (a log file, a queue system) a line every 30 s, ``label: 40 of
    200 frames, 1.2 s each, 3 min left``, and one at the end if there was a line before.

    Args:
        name: what the lines begin with; the name of the verb.
        unit: what one item is, in the singular.
        total: number of items, where they have no length.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        yield from tqdm(items, name, total, unit=unit, file=sys.stderr)
        return
    started = last_line = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        at_end = done == total and last_line > started
        if at_end or now - last_line >= SECONDS_BETWEEN_LINES:
            last_line = now
            line = progress_line(done, total, now - started, unit)
            print(f"{name}: {line}", file=sys.stderr, flush=True)


class PartsProgress(AbstractContextManager):
    """Progress of work in a few long parts: a bar on a terminal; elsewhere a line for each part,
    and one a minute while a part lasts.
    """

    def __init__(self, name: str, total: int) -> None:
        """name: what the lines begin with; total: number of parts."""
        self.name, self.total = name, total
        self.finished = 0
        self.started = time.monotonic()
        self.part = ""
        self.ended = threading.Event()
        self.bar = None
        if sys.stderr.isatty():
            self.bar = tqdm(total=total, desc=name, unit="part", file=sys.stderr)
        else:
            threading.Thread(target=self._repeat, daemon=True).start()

    def begin(self, part: str) -> None:
        """Say what is computed now."""
        if self.bar is not None:
            self.bar.set_postfix_str(part)
            return
        self.part = part
        self._print(part)

    def finish(self) -> None:
        """Count a part."""
        self.finished += 1
        if self.bar is not None:
            self.bar.update()

    def _print(self, part: str) -> None:
        spent = in_words(time.monotonic() - self.started)
        line = f"{part}; {self.finished} of {self.total} parts done, {spent}"
        print(f"{self.name}: {line}", file=sys.stderr, flush=True)

    def _repeat(self) -> None:
        """A sign of life while a part lasts, from a thread of its own."""
        while not self.ended.wait(SECONDS_BETWEEN_SIGNS):
            if self.part:
                self._print(f"still {self.part}")

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        if self.bar is not None:
            self.bar.close()


def progress_line(done: int, total: int | None, seconds: float, unit: str) -> str:
    """``40 of 200 frames, 1.2 s each, 3 min left``."""
    each = seconds / done
    if total is None:
        return f"{done} {plural(unit, done)}, {in_words(each)} each"
    left = "done" if done == total else f"{in_words(each * (total - done))} left"
    return f"{done} of {total} {plural(unit, total)}, {in_words(each)} each, {left}"


def plural(unit: str, count: int) -> str:
    """The unit for a count: 1 frame, 2 frames, 2 batches."""
    ending = "es" if unit.endswith(("s", "ch", "x")) else "s"
    return unit if count == 1 else unit + ending


def in_words(seconds: float) -> str:
    """A duration in the unit that suits it: 0.012 s, 40 s, 3 min, 2.5 h."""
    if seconds < 100.0:
        return f"{seconds:.2g} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 6000.0 else f"{seconds / 3600.0:.1f} h"


def say(name: str, message: str) -> None:
    """A line on standard error, above the bar where there is one."""
    tqdm.write(f"{name}: {message}", file=sys.stderr)
