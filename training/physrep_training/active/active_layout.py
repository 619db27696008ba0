"""Where everything of a loop lies; each stage reads what the one before has written.

state.json, settings.yaml
start/                      boxes, MD and labels of first frames
data/start.extxyz           first data, where they were made here
data/round_1.extxyz, ...    what each round added
round_1/settings.yaml       those that hold in this round
round_1/fit/                members, committee.ckpt, errors.json
round_1/md/                 a file of each run
round_1/chosen.extxyz       frames without labels; choice.json: how they were chosen
round_1/labelled.extxyz     the same with labels
round_1/report.html, report.json, report.png
"""

from pathlib import Path
from typing import NamedTuple

from physrep_training.active.active_config import ActiveConfig


class Layout(NamedTuple):
    """root: the folder of the loop."""

    root: Path

    @property
    def state(self) -> Path:
        """What the loop does now."""
        return self.root / "state.json"

    @property
    def settings(self) -> Path:
        """Those that the loop began with."""
        return self.root / "settings.yaml"

    @property
    def start(self) -> Path:
        """Folder of the first frames on their way."""
        return self.root / "start"

    @property
    def first_data(self) -> Path:
        """First data that were made here."""
        return self.root / "data" / "start.extxyz"

    def added(self, round_number: int) -> Path:
        """What a round added to the data; there is no file where it added nothing."""
        return self.root / "data" / f"round_{round_number}.extxyz"

    def round(self, number: int) -> Path:
        """Folder of a round."""
        return self.root / f"round_{number}"


class Work(NamedTuple):
    """What a stage is given: settings that hold in this round, its number (0: first data)."""

    config: ActiveConfig
    round_number: int

    @property
    def layout(self) -> Layout:
        """Of the whole loop."""
        return Layout(self.config.folder)

    @property
    def folder(self) -> Path:
        """Of the round."""
        return self.layout.round(self.round_number)

    @property
    def committee(self) -> Path:
        """Of the round."""
        return self.folder / "fit" / "committee.ckpt"

    @property
    def chosen(self) -> Path:
        """Frames to be labelled; there is no file where there are none."""
        return self.folder / "chosen.extxyz"

    @property
    def choice(self) -> Path:
        """How the frames were chosen, in numbers."""
        return self.folder / "choice.json"

    @property
    def labelled(self) -> Path:
        """The frames with labels, in the order in which they were computed."""
        return self.folder / "labelled.extxyz"

    @property
    def first_files(self) -> list[Path]:
        """Data that are split into parts."""
        return self.config.first_files or [self.layout.first_data]

    @property
    def added_files(self) -> list[Path]:
        """What the rounds before this one added."""
        files = [self.layout.added(k) for k in range(1, self.round_number)]
        return [file for file in files if file.exists()]

    @property
    def data_files(self) -> list[Path]:
        """All that this round's fit has seen."""
        return [*self.first_files, *self.config.extra_files, *self.added_files]
