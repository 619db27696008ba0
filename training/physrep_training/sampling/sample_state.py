"""What ``physrep sample`` keeps on disk to go on after a kill: a JSON file beside the frames."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from physrep.errors import UserError
from physrep.output import write_file
from physrep.progress import say
from physrep_training.labels.frame_file import cut_unfinished
from physrep_training.labels.read_frames import read_frames

FORMAT = 1
INDEX = "sample_index"  # of a frame in its trajectory


@dataclass
class RunRecord:
    """frames: written; ended: "" while it runs, else why: "whole", or what stopped it."""

    frames: int = 0
    ended: str = ""


@dataclass
class SampleState:
    """settings: by the names of the options; runs: by name; current: of the run in progress, see
    `Trajectory.state`, with its ``name`` and ``decorrelation``; None between runs.

    written: frames of each run that the output holds: one more than ``runs`` knows, where the kill
    fell between the frame and the state.
    """

    path: Path
    settings: dict[str, str]
    runs: dict[str, RunRecord]
    current: dict[str, Any] | None = None
    written: Counter[str] = field(default_factory=Counter)

    def save(self) -> None:
        """Replace the file, whole or not at all."""
        contents = {
            "format": FORMAT,
            "settings": self.settings,
            "runs": {name: asdict(record) for name, record in self.runs.items()},
            "current": self.current,
        }
        write_file(self.path, json.dumps(contents))


def state_file(output: Path) -> Path:
    """Where the state of an output is kept."""
    return output.with_name(f"{output.name}.state")


def open_state(output: Path, settings: dict[str, str], names: list[str]) -> SampleState:
    """The state of an output: that on disk, or a new one.

    Args:
        settings: of this call; those on disk must be the same. names: of the runs.

    Raises:
        UserError: frames without a state, a state without its frames, other settings.
    """
    path = state_file(output)
    if not path.exists():
        if output.exists():
            raise UserError(
                f"{output}: exists, and no run is there to go on with ({path.name} is missing); "
                "give another -o, or remove it"
            )
        return SampleState(path, settings, {name: RunRecord() for name in names})
    state = _read(path)
    for option, value in settings.items():
        if (before := state.settings.get(option)) != value:
            raise UserError(
                f"{output}: was begun with {option} {before}, and now it is {value}; give another "
                f"-o, or remove it and {path.name} to begin anew"
            )
    state.written = _frames_in(output)
    for name, record in state.runs.items():
        if state.written[name] not in (record.frames, record.frames + (not record.ended)):
            raise UserError(
                f"{output}: holds {state.written[name]} frames of {name}, and {path.name} knows of "
                f"{record.frames}: one of the two was changed; remove both, or give another -o"
            )
    return state


def _read(path: Path) -> SampleState:
    try:
        found = json.loads(path.read_text())
        if found["format"] != FORMAT:
            raise ValueError
        runs = {name: RunRecord(**record) for name, record in found["runs"].items()}
        return SampleState(path, found["settings"], runs, found["current"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: not a state that this 'physrep sample' wrote; remove it and its frames to "
            "begin anew"
        ) from None


def _frames_in(output: Path) -> Counter[str]:
    """Of each run; a last frame that was not finished is cut off."""
    if not output.exists() or not output.stat().st_size:
        return Counter()
    if cut_unfinished(output, INDEX):
        say("sample", f"{output}: the last frame was not finished and is written again")
    return Counter(str(atoms.info.get("trajectory")) for atoms in read_frames(output))
