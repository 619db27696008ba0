"""Settings of active learning: one YAML file, from SMILES or labelled data to the last fit."""

import copy
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from physrep.config import ConfigError, StrictModel
from physrep_training.bounds import Count, CountOrNone, Positive
from physrep_training.fit.fit_config import FitConfig, override, read_yaml
from physrep_training.sampling.md_settings import TIME_STEP

Members = Annotated[int, Field(ge=2)]
SET_BY_THE_LOOP = ("name", "output")  # of a fit
ANY_TIME = ("rounds", "md", "choose", "refit")  # may change between rounds


class StartConfig(StrictModel):
    """First frames of a liquid without data: boxes of its molecules, MD of each, labels."""

    molecules: Annotated[list[str], Field(min_length=1)]
    """SMILES, as `physrep box` takes them; ``O:12`` is twelve."""
    count: Count = 4
    """[molecules] Of each SMILES without a count."""
    cluster: bool = False
    """A cluster in vacuum instead of a periodic box."""
    densities: list[Positive] = []
    """[g/cm3] Of the boxes; default: guessed from the volumes of the molecules."""
    boxes: Count = 1
    """[boxes] At each density, each with molecules placed anew."""
    model: str = "auto"
    """What the MD runs with, as `physrep sample --with`: auto, gfn2, gfn1, a checkpoint, an
    exported file or ase:MODULE:CLASS."""
    temperatures: Annotated[list[Positive], Field(min_length=1)] = [300.0]
    """[K] One run of each box at each of them."""
    ps: Positive = 1.0
    """[ps] Length of each run."""
    every_fs: Positive = 50.0
    """[fs] Between frames."""

    @model_validator(mode="after")
    def _clusters_have_no_density(self) -> Self:
        if self.cluster and self.densities:
            raise ValueError("start.densities are of boxes, and start.cluster is true; leave one")
        return self

    @model_validator(mode="after")
    def _frames_fall_on_steps(self) -> Self:
        if abs(self.every_fs / TIME_STEP - round(self.every_fs / TIME_STEP)) > 1e-6:
            raise ValueError(
                f"start.every_fs is {self.every_fs:g}: give a multiple of {TIME_STEP:g} fs, the "
                "time step"
            )
        return self


class MDConfig(StrictModel):
    """MD of each round: every temperature with every density."""

    temperatures: Annotated[list[Positive], Field(min_length=1)] = [300.0]
    """[K] Of the thermostat."""
    densities: list[Positive] = []
    """[g/cm3] Cells are scaled to these, molecules as they are; default: frames as they are."""
    runs: Count = 1
    """[runs] At each temperature and density, from other frames and velocities."""
    ps: Positive = 10.0
    """[ps] Length of each run; the loop ends when all of them stay below choose.lower."""
    timestep: Positive = 0.5
    """[fs] Time step."""
    every_fs: Positive = 10.0
    """[fs] Between two looks at the deviation."""
    frames: Path | None = None
    """Structures that the runs start from; default: those of the data."""
    driver: Literal["committee", "member"] = "committee"
    """What moves the atoms: the mean of the committee, or its first member, which is as many times
    cheaper as there are members; the deviation is that of all members."""

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        steps, looks = self.every_fs / self.timestep, 1000.0 * self.ps / self.every_fs
        if round(steps) < 1 or abs(steps - round(steps)) > 1e-6 or round(looks) < 1:
            raise ValueError(
                f"md.every_fs is {self.every_fs:g}, md.timestep {self.timestep:g} fs and md.ps "
                f"{self.ps:g}: give a whole number of steps between looks, and a look in each run"
            )
        return self


class ChooseConfig(StrictModel):
    """Which frames are labelled, by the largest force deviation of their atoms."""

    lower: Positive = 0.2
    """[eV/A] Below it the members agree: nothing to learn."""
    upper: Positive = 1.0
    """[eV/A] Above it the frame is not worth a label, and the run ends."""
    most: Count = 20
    """[frames] Labelled in one round, those farthest from each other and from the data."""
    apart_fs: Positive = 100.0
    """[fs] Least time between two frames of one run."""

    @model_validator(mode="after")
    def _lower_below_upper(self) -> Self:
        if not self.lower < self.upper:
            raise ValueError(
                f"choose.lower is {self.lower:g} and choose.upper {self.upper:g} eV/A; give a "
                "lower one below the upper one"
            )
        return self


class LabelConfig(StrictModel):
    """What labels frames, as `physrep label` has it."""

    method: str = "gfn2"
    """gfn2, gfn1, pyscf, cp2k or ase:MODULE:CLASS."""
    settings: dict[str, Any] = {}
    """Of the method: {accuracy: 0.1}."""
    workers: Count = 1
    """[processes] Frames computed at a time."""

    @property
    def words(self) -> list[str]:
        """The settings as words of the command line."""
        return [f"{key}={value}" for key, value in self.settings.items()]


class ActiveConfig(StrictModel):
    """Everything that active learning needs; training/configs/active/ has commented examples."""

    name: str
    """Name of the whole."""
    output: Path | None = None
    """Folder for everything; default: runs/NAME."""
    start: StartConfig | None = None
    """How first frames are made; without fit.data.files alone."""
    fit: dict[str, Any]
    """Settings of `physrep fit`, for each member."""
    refit: dict[str, Any] = {}
    """Settings of the fit that differ from the second round on, where each member continues from
    its last state: {run: {epochs: 20}}."""
    members: Members = 4
    """Of the committee: fits that differ in run.seed."""
    md: MDConfig = MDConfig()
    """MD of each round."""
    choose: ChooseConfig = ChooseConfig()
    """Which frames are labelled."""
    label: LabelConfig = LabelConfig()
    """What labels frames."""
    rounds: Count = 10
    """[rounds] After so many the loop ends even if MD does not stay below choose.lower."""
    seed: CountOrNone = 0
    """Of boxes, start frames and velocities."""

    @model_validator(mode="after")
    def _data_from_one_place(self) -> Self:
        given = bool(_data(self.fit).get("files"))
        if given == (self.start is not None):
            found = "both" if given else "neither"
            raise ValueError(
                f"the first data come from fit.data.files or from start, and {found} is given; "
                "give one of them"
            )
        return self

    @model_validator(mode="after")
    def _loop_names_its_fits(self) -> Self:
        for where, values in (("fit", self.fit), ("refit", self.refit)):
            for key in SET_BY_THE_LOOP:
                if key in values:
                    raise ValueError(f"{where}.{key} is set for each member; leave it out")
        for key in ("start_from", "data", "model"):
            if key in self.refit:
                raise ValueError(
                    f"refit.{key}: members continue from their last state on all data; leave it out"
                )
        return self

    @model_validator(mode="after")
    def _labels_have_usual_names(self) -> Self:
        named = [key for key in _data(self.fit) if key.endswith("_key") or key == "units"]
        if named:
            raise ValueError(
                f"fit.data.{named[0]}: frames that are added have physrep's names and units; give "
                "the data these too ('physrep dataset merge FILE -o NEW.extxyz')"
            )
        return self

    @model_validator(mode="after")
    def _fits_are_possible(self) -> Self:
        """Long before the first of them starts."""
        changes: dict[str, dict[str, Any]] = {"fit": {}, "refit": {"start_from": "before.ckpt"}}
        for where, more in changes.items():
            try:
                self.fit_of(0, [Path("start.extxyz")], [], **more)
            except ConfigError as error:
                raise ValueError(f"{where}: {error}") from None
        return self

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return self.output or Path("runs") / self.name

    @property
    def first_files(self) -> list[Path]:
        """Labelled data that the user gives."""
        return [Path(file) for file in _data(self.fit).get("files", [])]

    @property
    def extra_files(self) -> list[Path]:
        """The same of data for training alone."""
        return [Path(file) for file in _data(self.fit).get("extra_train_files", [])]

    def fit_of(self, member: int, files: list[Path], added: list[Path], **more: Any) -> FitConfig:
        """Settings of the fit of one member.

        Args:
            member: from 0 on; files: first data; added: frames of earlier rounds.
            more: settings of the top level; with ``start_from`` those of refit hold.

        Raises:
            ConfigError: they are no settings of a fit.
        """
        values = copy.deepcopy(self.fit)
        if "start_from" in more:
            _merge(values, copy.deepcopy(self.refit))
        data, run = values.setdefault("data", {}), values.setdefault("run", {})
        data["files"] = files
        data["extra_train_files"] = [*self.extra_files, *added]
        run["seed"] = run.get("seed", 0) + member
        return FitConfig.parse({**values, "name": f"{self.name}-{member}", **more})

    def changed_for_good(self, other: "ActiveConfig") -> list[str]:
        """Settings that differ and that cannot change once the loop has begun."""
        ours, theirs = self.model_dump(mode="json"), other.model_dump(mode="json")
        for values in (ours, theirs):
            values["label"].pop("workers")
            for key in (*ANY_TIME, "output"):
                values.pop(key)
        return [key for key in ours if ours[key] != theirs[key]]


def load_active(path: str | Path, overrides: list[str] = []) -> ActiveConfig:  # noqa: B006 (read only)
    """Read YAML, apply ``key.sub=value`` overrides, check everything.

    Raises:
        ConfigError: unreadable file, unknown key, wrong type, impossible value, missing file.
    """
    values = read_yaml(Path(path))
    for item in overrides:
        override(values, item)
    config = ActiveConfig.parse(values)
    more = [config.md.frames, *(_data(config.fit).get(k) for k in ("isolated_atoms",))]
    more.append(config.fit.get("start_from"))
    for file in (*config.first_files, *config.extra_files, *(Path(f) for f in more if f)):
        if not file.is_file():
            raise ConfigError(f"{file}: no such file (paths are relative to {Path.cwd().name}/)")
    return config


def _data(fit: dict[str, Any]) -> dict[str, Any]:
    data = fit.get("data", {})
    return data if isinstance(data, dict) else {}


def _merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = value
