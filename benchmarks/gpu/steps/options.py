"""What a step is given, and how it says that it cannot run here."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[3]
Emit = Callable[[dict[str, Any]], None]


class Skip(Exception):
    """Something that the step needs is not here; the message says what."""


class Options(NamedTuple):
    """device: cpu or cuda; sizes: numbers of atoms; build: whether to compile; quick: few
    repetitions; work: a folder for files of the run; end: of the step, on time.monotonic().
    """

    device: str
    sizes: list[int]
    build: bool
    quick: bool
    work: Path
    end: float

    def left(self) -> float:
        """Seconds until the end of the step."""
        return self.end - time.monotonic()

    @property
    def native(self) -> Path:
        """Where the build step installs what it has compiled."""
        return self.work / "native"
