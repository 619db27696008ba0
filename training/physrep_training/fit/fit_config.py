"""Settings of a fit: one YAML file, ``key=value`` on the command line on top, all checked first."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from physrep.config import ConfigError, StrictModel
from physrep.models import MODELS
from physrep_training.baselines import register
from physrep_training.bounds import Count, Positive, Share, Weight
from physrep_training.data.data_config import DataConfig
from physrep_training.objective.loss_config import LossConfig

register()  # settings may name a baseline


class OptimizerConfig(StrictModel):
    """``muon`` steps matrices by orthogonalised momentum (Jordan 2024) at lr * matrix_lr_factor and
    the rest by AdamW at lr; ``adam``, ``adamw`` and ``yogi`` (Zaheer et al., NeurIPS 2018; what the
    thesis used) step everything at lr."""

    kind: Literal["muon", "adamw", "adam", "yogi"] = "muon"
    lr: Positive = 3e-3
    matrix_lr_factor: Positive = 7.0
    weight_decay: Weight = 1e-3


class ScheduleConfig(StrictModel):
    """``one_cycle`` starts anew with every epoch, as in the thesis; the others span the run.

    warm_up: share of the run (not one_cycle); start (one_cycle), end: factors of the peak rate, end
    being the lowest one; patience (epochs) and factor are plateau's.
    """

    kind: Literal["cosine", "one_cycle", "plateau", "constant"] = "cosine"
    warm_up: Share = 0.05
    start: Weight = 0.1
    end: Weight = 0.002
    patience: Count = 24
    factor: Share = 0.6


class RunConfig(StrictModel):
    """processes: that share each step, on GPUs one for each; batch_size and threads are those of
    one of them, so that a step sees processes * batch_size structures. ops: ``fused`` fits with
    physrep's compiled operators (CPU): the same losses, sooner. ema_decay 0: no average;
    early_stop: epochs without improvement, 0 never stops; minutes: the
    fit ends with the epoch that passes this processor time of each thread (training and validation,
    resumed parts added; on an idle machine the clock's), 0: no limit. A rate that falls over the
    run then falls over that time.
    """

    epochs: Count = 100
    minutes: Weight = 0.0
    batch_size: Count = 1
    validate_every: Count = 1
    ema_decay: Share = 0.995
    clip: Weight = 10.0
    early_stop: Annotated[int, Field(ge=0)] = 0
    threads: Count = 2
    processes: Count = 1
    workers: Annotated[int, Field(ge=0)] = 0
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    ops: Literal["portable", "fused"] = "portable"
    precision: Literal["float32", "float64"] = "float32"


class TransferConfig(StrictModel):
    """What becomes of the checkpoint in ``start_from``.

    freeze: patterns of parameter names that are not fitted (``model.layers.0.*``); references,
    scale: ``refit`` aligns the reference energies and the scale with the new labels.
    """

    freeze: list[str] = []
    references: Literal["keep", "refit"] = "keep"
    scale: Literal["keep", "refit"] = "keep"


class FitConfig(StrictModel):
    """Everything a fit needs; see training/configs/jat_ean.yaml for a commented example.

    scale: eV of energy for 1 of the network's output; by default the RMS force of the training data
    (per A), without forces the spread of its energies per atom.
    """

    name: str
    output: Path | None = None
    start_from: Path | None = None
    transfer: TransferConfig = TransferConfig()
    model: dict[str, Any]
    repulsion: Literal["zbl", "morse", "none"] = "zbl"
    scale: Positive | None = None
    data: DataConfig
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    run: RunConfig = RunConfig()

    @field_validator("model")
    @classmethod
    def _known_model(cls, model: dict[str, Any]) -> dict[str, Any]:
        name = model.get("name")
        if name not in MODELS:
            raise ValueError(f"give 'name', one of {', '.join(sorted(MODELS))}")
        MODELS[name][1].parse({key: value for key, value in model.items() if key != "name"})
        return model

    @model_validator(mode="after")
    def _something_to_fit(self) -> Self:
        if not any(term.weight for term in (self.loss.energy, self.loss.force, self.loss.virial)):
            raise ValueError("all loss weights are 0: give energy, force or virial a weight")
        return self

    @model_validator(mode="after")
    def _conditions_can_be_met(self) -> Self:
        for name in ("zero_force", "bound", "denoise"):
            if getattr(self.loss, name).weight and self.data.equilibrium == "none":
                raise ValueError(
                    f"loss.{name} holds at equilibrium, and data.equilibrium is none: say which "
                    "structures are at rest (all, or marked in the files)"
                )
        if self.loss.mask.weight and not self.model.get("masking", False):
            raise ValueError(
                f"loss.mask needs a model that can hide elements, and model {self.model['name']} "
                "is set up without; take physrep with model.masking true"
            )
        return self

    @model_validator(mode="after")
    def _conformers_have_energies_only(self) -> Self:
        for name in ("force", "virial") if self.data.conformers is not None else ():
            if getattr(self.loss, name).weight:
                raise ValueError(
                    f"loss.{name}.weight is {getattr(self.loss, name).weight}, but the files that "
                    f"data.conformers reads have energies only; set loss.{name}.weight to 0"
                )
        return self

    @model_validator(mode="after")
    def _transfer_from_something(self) -> Self:
        if self.start_from is None and self.transfer != TransferConfig():
            raise ValueError("transfer needs a checkpoint: give start_from")
        return self

    @model_validator(mode="after")
    def _something_to_judge_by(self) -> Self:
        split = self.data.split
        if split.method != "trajectory" and not split.validation and not split.test:
            raise ValueError("data.split: validation and test are both 0; give one of them a share")
        needed = self.schedule.kind == "plateau" or self.run.early_stop > 0
        if needed and split.method != "trajectory" and not split.validation:
            raise ValueError(
                "schedule.kind plateau and run.early_stop watch the validation loss: give "
                "data.split.validation a share"
            )
        return self

    @property
    def model_name(self) -> str:
        """Name of the model in physrep.models.MODELS."""
        return str(self.model["name"])

    @property
    def model_settings(self) -> dict[str, Any]:
        """Settings of the model without its name."""
        return {key: value for key, value in self.model.items() if key != "name"}

    @property
    def folder(self) -> Path:
        """Where the fit writes."""
        return self.output or Path("runs") / self.name


def load_config(path: str | Path, overrides: list[str] = []) -> FitConfig:  # noqa: B006 (read only)
    """Read YAML, apply ``key.sub=value`` overrides (values are YAML too), check everything.

    Raises:
        ConfigError: unreadable file, unknown key, wrong type, impossible value, missing data file.
    """
    values = read_yaml(Path(path))
    for item in overrides:
        _override(values, item)
    config = FitConfig.parse(values)
    _check_files(config)
    return config


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys and values of a YAML file.

    Raises:
        ConfigError: no such file, not valid YAML, not keys and values.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such config file")
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected keys and values, got {type(values).__name__}")
    return values


def _override(values: dict[str, Any], item: str) -> None:
    key, sign, text = item.partition("=")
    if not sign or not key:
        raise ConfigError(f"{item!r}: overrides look like run.epochs=50")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{item!r}: {parent} is a value, not a group of settings")
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{item!r}: the value is not valid YAML: {error}") from None


def _check_files(config: FitConfig) -> None:
    files = [*config.data.files, *config.data.extra_train_files]
    files += [f for f in (config.data.isolated_atoms, config.start_from) if f is not None]
    for file in files:
        if not file.is_file():
            raise ConfigError(f"{file}: no such file (paths are relative to {Path.cwd().name}/)")
