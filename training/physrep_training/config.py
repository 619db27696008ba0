"""Settings of a fit: one YAML file, ``key=value`` on the command line on top, all checked first."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from ase.data import atomic_numbers
from ase.formula import Formula
from pydantic import Field, field_validator, model_validator

from physrep.config import ConfigError, StrictModel
from physrep.io import FORMATS
from physrep.models import MODELS

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Weight = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(gt=0)]


class SplitConfig(StrictModel):
    """How structures are kept apart.

    ``time_blocks`` cuts the end of every trajectory off for validation and test, with ``gap``
    frames thrown away between the blocks; ``trajectory`` keeps whole trajectories (``test_names``,
    ``validation_names``) apart; ``random`` is for sets of unrelated molecules only.
    ``molecules`` goes with ``data.conformers``: test is a share of the molecules, all conformers
    of each; validation a share of the conformers of the others.
    """

    method: Literal["time_blocks", "trajectory", "random", "molecules"] = "time_blocks"
    validation: Share = 0.1
    test: Share = 0.15
    gap: Annotated[int, Field(ge=0)] = 2
    validation_names: list[str] = []
    test_names: list[str] = []


class ConformersConfig(StrictModel):
    """What is drawn of ANI-1 files, which hold all conformers of many molecules.

    share: of the conformers of every molecule; max_per_file: training and validation conformers
    with which a file is full, the rest of its molecules being left out; held_out: compositions
    that are kept out of all parts and tested one by one, as chemical formulas of any notation.
    """

    share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    max_per_file: Count | None = None
    held_out: list[str] = []

    @field_validator("held_out")
    @classmethod
    def _known_compositions(cls, formulas: list[str]) -> list[str]:
        named: dict[tuple, str] = {}
        for formula in formulas:
            composition = tuple(sorted(composition_of(formula).items()))
            if composition in named:
                raise ValueError(
                    f"{named[composition]} and {formula} are one composition; keep one of them"
                )
            named[composition] = formula
        return formulas


def composition_of(formula: str) -> dict[int, int]:
    """Number of atoms by atomic number.

    Raises:
        ValueError: it is no chemical formula.
    """
    try:
        counts = Formula(formula).count()
    except ValueError:
        counts = {}
    if not counts or any(atomic_numbers.get(symbol, 0) < 1 for symbol in counts):
        raise ValueError(f"{formula!r} is no chemical formula; write it as C2H6N2")
    if min(counts.values()) < 1:
        raise ValueError(f"{formula!r} has an element 0 times; leave that element out")
    return {atomic_numbers[symbol]: n for symbol, n in counts.items()}


class DataConfig(StrictModel):
    """files are split; extra_train_files are trained on. Paths: from the working folder.

    With ``conformers``, files are ANI-1 files, of which conformers are drawn; they are kept in
    the run's folder, not in memory.

    energy_key, forces_key: names of the labels where they are not the usual ones (``U0_eV``); with
    one of them given, only those given are read. equilibrium: structures at rest, where the forces
    vanish: none, all, or those whose ``equilibrium`` is true in the file (a key of the frame in
    extxyz).
    """

    files: Annotated[list[Path], Field(min_length=1)]
    extra_train_files: list[Path] = []
    isolated_atoms: Path | None = None
    energy_key: str | None = None
    forces_key: str | None = None
    equilibrium: Literal["none", "all", "marked"] = "none"
    max_train: Count | None = None
    conformers: ConformersConfig | None = None
    split: SplitConfig = SplitConfig()

    @property
    def keys(self) -> dict[str, str | None]:
        """Names of the labels, as `physrep.io.read_structures` takes them."""
        return {"energy_key": self.energy_key, "forces_key": self.forces_key}

    @model_validator(mode="after")
    def _conformers_go_with_molecules(self) -> Self:
        by_molecule = self.split.method == "molecules"
        if self.conformers is None:
            if by_molecule:
                raise ValueError(
                    "split.method molecules needs data.conformers, e.g. {share: 0.05}, and ANI-1 "
                    "files; choose another method for other data"
                )
            return self
        if not by_molecule:
            raise ValueError(
                f"split.method {self.split.method} would put conformers of one molecule into "
                "training and test; with data.conformers set split.method to molecules"
            )
        for name, advice in (
            ("extra_train_files", "give them in data.files"),
            ("max_train", "limit conformers.max_per_file or conformers.share"),
        ):
            if getattr(self, name):
                raise ValueError(f"{name} does not go with data.conformers; {advice}")
        return self

    @model_validator(mode="after")
    def _conformers_are_in_hdf5(self) -> Self:
        known = FORMATS["ani1"].suffixes
        for file in self.files if self.conformers is not None else ():
            if file.suffix.lower() not in known:
                raise ValueError(
                    f"data.conformers reads ANI-1 files ({', '.join(known)}) alone, not {file}; "
                    "remove data.conformers for other data"
                )
        return self


class LossTerm(StrictModel):
    """One term: weight * loss; ``width`` is huber's delta or log_cosh's scale, in the unit of the
    quantity (eV/atom, eV/A, eV/atom)."""

    kind: Literal["mse", "mae", "huber", "log_cosh"] = "huber"
    weight: Weight = 1.0
    width: Positive = 0.1


class EnergyTerm(LossTerm):
    """per_atom: false compares total energies, and ``width`` is in eV."""

    per_atom: bool = True


class Condition(StrictModel):
    """A term that compares with no label."""

    weight: Weight = 0.0


class MaskTerm(Condition):
    """share: of the atoms whose element is hidden and guessed."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.3


class BoundTerm(Condition):
    """noise: standard deviation in A on every coordinate of the perturbed structure."""

    noise: Positive = 0.5


class LossConfig(StrictModel):
    """Energy (unless it says otherwise) and virial are compared per atom.

    PhysRep's conditions (UAI 2023, eq. 9): ``mask`` guesses hidden elements (cross-entropy),
    ``zero_force`` is the sum of |F|^2 over the atoms of a structure at rest, in (eV/A)^2, ``bound``
    what its energy lies above that of a perturbed copy, in eV. At rest: data.equilibrium.
    """

    energy: EnergyTerm = EnergyTerm(kind="mae", weight=1.0)
    force: LossTerm = LossTerm(kind="huber", weight=1.0, width=0.3)
    virial: LossTerm = LossTerm(weight=0.0)
    mask: MaskTerm = MaskTerm()
    zero_force: Condition = Condition()
    bound: BoundTerm = BoundTerm()


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
    """ema_decay 0: no average; early_stop: epochs without improvement, 0 never stops; minutes: the
    fit ends with the epoch that passes this processor time of each thread (training and validation,
    resumed parts added; on an idle machine the clock's), 0: no limit.
    """

    epochs: Count = 100
    minutes: Weight = 0.0
    batch_size: Count = 1
    validate_every: Count = 1
    ema_decay: Share = 0.995
    clip: Weight = 10.0
    early_stop: Annotated[int, Field(ge=0)] = 0
    threads: Count = 2
    workers: Annotated[int, Field(ge=0)] = 0
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
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
    """Everything a fit needs; see training/configs/jat_ean.yaml for a commented example."""

    name: str
    output: Path | None = None
    start_from: Path | None = None
    transfer: TransferConfig = TransferConfig()
    model: dict[str, Any]
    repulsion: Literal["zbl", "morse", "none"] = "zbl"
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
        for name in ("zero_force", "bound"):
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
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such config file")
    try:
        values = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected keys and values, got {type(values).__name__}")
    for item in overrides:
        _override(values, item)
    config = FitConfig.parse(values)
    _check_files(config)
    return config


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
