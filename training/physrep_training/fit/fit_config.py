"""Settings of a fit: one YAML file, ``key=value`` on the command line on top, all checked first."""

import os
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import field_validator, model_validator

from physrep.config import ConfigError, StrictModel
from physrep.models import MODELS
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep_training.baselines import register
from physrep_training.bounds import Count, CountOrNone, Positive, Share, Weight
from physrep_training.data.data_config import DataConfig
from physrep_training.objective.loss_config import LossConfig

register()  # settings may name a baseline


class OptimizerConfig(StrictModel):
    """How parameters are stepped."""

    kind: Literal["muon", "adamw", "adam", "yogi"] = "muon"
    """``muon`` steps matrices by orthogonalised momentum (K. Jordan et al., 2024) and all other
    parameters by AdamW; ``adamw``, ``adam`` and ``yogi`` (Zaheer et al., NeurIPS 2018; used in the
    thesis) step every parameter."""
    lr: Positive = 3e-3
    """[1] Peak learning rate; with muon, of the parameters that AdamW steps."""
    matrix_lr_factor: Positive = 7.0
    """[1] With muon, the learning rate of matrices is lr times this factor."""
    weight_decay: Weight = 1e-3
    """[1] Decay of the parameters per step, in units of the learning rate."""


class ScheduleConfig(StrictModel):
    """How the learning rate changes during the fit."""

    kind: Literal["cosine", "one_cycle", "plateau", "constant"] = "cosine"
    """``cosine`` falls over the whole run; ``one_cycle`` (of the thesis) repeats its cycle in every
    epoch; ``plateau`` lowers the rate when the validation loss stops falling."""
    warm_up: Share = 0.05
    """[1] Share of the run in which the rate rises from 0 to its peak; not for one_cycle."""
    start: Weight = 0.1
    """[1] Rate at the start of each cycle, as a factor of the peak; one_cycle only."""
    end: Weight = 0.002
    """[1] Lowest rate, as a factor of the peak; not for constant."""
    patience: Count = 24
    """[epochs] Epochs without improvement after which the rate is lowered; plateau only."""
    factor: Share = 0.6
    """[1] Factor by which the rate is lowered; plateau only."""


class RunConfig(StrictModel):
    """How long, how fast and on what the fit runs."""

    renamed = {"minutes": "cpu_minutes"}

    epochs: Count = 100
    """[epochs] Passes over the training data."""
    cpu_minutes: Weight = 0.0
    """[min] The fit ends with the epoch that passes this processor time of each thread (training
    and validation, earlier parts of a resumed fit included; on an idle machine it is wall time); 0:
    no limit. A schedule that falls over the run then falls over this time."""
    batch_size: Count = 1
    """[structures] Structures in each step of one process."""
    validate_every: Count = 1
    """[epochs] Epochs between validations; the last epoch of cpu_minutes is validated anyway."""
    ema_decay: Share = 0.995
    """[1] Decay per step of the moving average of the parameters, which is validated and saved; 0:
    no average."""
    clip: Weight = 10.0
    """[1] Largest norm of the gradient of the loss; longer ones are scaled down; 0: no limit."""
    early_stop: CountOrNone = 0
    """[validations] Validations without improvement after which the fit stops; 0: never."""
    threads: Count | None = None
    """Threads of each process; default: OMP_NUM_THREADS if it is set, else 2."""
    processes: Count = 1
    """Processes that share each step, on GPUs one for each: a step sees processes times batch_size
    structures."""
    workers: CountOrNone = 0
    """Processes that prepare batches; 0: the fit does it itself, which suits data in memory."""
    seed: int = 0
    """Seed of the initial parameters, of random splits, and of the order of the batches."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto`` takes a GPU where there is one."""
    ops: Literal["portable", "fused"] = "portable"
    """``fused`` fits with the compiled operators of physrep on CPUs: the same losses, faster."""
    precision: Literal["float32", "float64"] = "float32"
    """Precision of the model's arithmetic; energies are summed in float64 always."""

    @property
    def n_threads(self) -> int:
        """Threads of each process."""
        first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
        return self.threads or (int(first) if first.isdecimal() else 0) or 2


class TransferConfig(StrictModel):
    """How the fit uses the parameters and references of that checkpoint."""

    freeze: list[str] = []
    """Parameters that are not fitted, by name, with * for any characters: ``model.layers.0.*``."""
    references: Literal["keep", "refit"] = "keep"
    """``refit`` aligns the reference energies with the new labels."""
    scale: Literal["keep", "refit"] = "keep"
    """``refit`` sets the energy scale to the RMS force of the new labels."""


class FitConfig(StrictModel):
    """Everything that a fit needs; training/configs/jat_ean.yaml is a commented example."""

    name: str
    """Name of the fit."""
    output: Path | None = None
    """Folder for results; default: runs/NAME."""
    start_from: Path | None = None
    """Checkpoint whose model and parameters the fit starts from; default: a new model. Elements
    that it lacks are added."""
    transfer: TransferConfig = TransferConfig()
    """What is kept of the checkpoint in start_from."""
    model: dict[str, Any]
    """``name`` of the model and its settings; with start_from the settings are the checkpoint's."""
    repulsion: Literal["zbl", "morse", "none"] = "zbl"
    """Pair repulsion at short range: ``zbl`` acts below the sum of the covalent radii and needs no
    data; ``morse`` is fitted."""
    electrostatics: ElectrostaticsConfig | None = None
    """Give the atoms charges, whose Coulomb energy reaches beyond the cutoff; null: no charges."""
    scale: Positive | None = None
    """[eV] Energy for 1 of the network's output; default: RMS force of the training data times 1 A,
    or, without forces, the standard deviation of the energies per atom."""
    data: DataConfig
    """Which structures are fitted, validated and tested."""
    loss: LossConfig = LossConfig()
    """What is minimised."""
    optimizer: OptimizerConfig = OptimizerConfig()
    """How parameters are stepped."""
    schedule: ScheduleConfig = ScheduleConfig()
    """How the learning rate changes."""
    run: RunConfig = RunConfig()
    """How long, how fast and on what the fit runs."""

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
                    f"loss.{name} applies to structures at equilibrium, and data.equilibrium is "
                    "none: set it to all, or to marked and mark them in the files"
                )
        if self.loss.mask.weight and not self.model.get("masking", False):
            raise ValueError(
                f"loss.mask needs a model that can hide elements, and model {self.model['name']} "
                "is set up without; use model.name physrep with model.masking true"
            )
        return self

    @model_validator(mode="after")
    def _charges_to_compare(self) -> Self:
        for name in ("charges", "dipole"):
            if getattr(self.loss, name).weight and self.electrostatics is None:
                raise ValueError(
                    f"loss.{name} needs a potential with charges: give electrostatics "
                    "(electrostatics.smearing=1.5), or set its weight to 0"
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
        override(values, item)
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


def override(values: dict[str, Any], item: str) -> None:
    """Set one value, ``key.sub=value``, in settings as YAML has them.

    Raises:
        ConfigError: it is not of this form, or a key on the way is no group of settings.
    """
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
