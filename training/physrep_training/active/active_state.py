"""How far a loop has come, in a file that is written whole or not at all."""

import json
from pathlib import Path
from typing import Literal

from physrep.config import ConfigError, StrictModel
from physrep.output import write_file
from physrep_training.bounds import CountOrNone

Stage = Literal["start", "fit", "explore", "choose", "label", "add", "report"]
STAGES: tuple[Stage, ...] = ("fit", "explore", "choose", "label", "add", "report")  # of a round
Outcome = Literal["", "stable", "stalled", "rounds"]


class State(StrictModel):
    """The stage that is next, or was begun and not finished."""

    version: Literal[1] = 1
    """Of this file."""
    round: CountOrNone = 0
    """0 while first data are made."""
    stage: Stage = "start"
    """Of the round."""
    outcome: Outcome = ""
    """Empty while the loop runs; ``stable``: MD stayed below the threshold; ``stalled``: it did
    not, and there was no frame to add; ``rounds``: as many as the settings allow are done."""

    def next(self) -> "State":
        """The stage after this one; of the last one in a round, the next round's first."""
        if self.stage == STAGES[-1] or self.round == 0:
            return State(round=self.round + 1, stage=STAGES[0])
        return State(round=self.round, stage=STAGES[STAGES.index(self.stage) + 1])


def read_state(path: Path) -> State | None:
    """None where no loop has begun.

    Raises:
        ConfigError: the file is damaged, or of another version.
    """
    if not path.exists():
        return None
    try:
        return State.parse(json.loads(path.read_text()))
    except (ConfigError, ValueError) as error:
        raise ConfigError(
            f"{path}: not the state of an active loop ({error}); bring the file back, or give "
            "another output=..."
        ) from None


def write_state(path: Path, state: State) -> None:
    """Whole or not at all.

    Raises:
        OutputError: it cannot be written; what it held before is kept.
    """
    write_file(path, state.model_dump_json(indent=1) + "\n")
