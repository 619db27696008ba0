"""A fit from settings to best.ckpt: the steps in order, each a function."""

import json
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml
from ase.data import chemical_symbols
from lightning.pytorch.loggers import TensorBoardLogger
from torch_geometric.loader import DataLoader

from physrep.checkpoint import Checkpoint, load_checkpoint, new_checkpoint, save_checkpoint
from physrep.config import ConfigError
from physrep.engines.heap import keep_heap
from physrep.io import Structure, read_structures
from physrep.ops import OperatorsMissing
from physrep.potential import Potential
from physrep_training.data.conformers import conformer_store, has_store
from physrep_training.data.graphs import (
    EpochSampler,
    GraphDataset,
    check_labels,
    evenly_drawn,
    species_of,
)
from physrep_training.data.references import set_references, set_shortest_distances
from physrep_training.data.splits import PARTS, save_split, split_structures
from physrep_training.fit.callbacks import make_callbacks
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.fit_report import write_conformer_report, write_report
from physrep_training.fit.module import PotentialModule
from physrep_training.fit.processes import is_first, rank
from physrep_training.fit.run_folder import exclusive_run_folder
from physrep_training.fit.transfer import apply_transfer
from physrep_training.objective.walks import LARGEST_DISPLACEMENT

EXPECTED_WARNINGS = (
    ".*does not have many workers.*",
    "Checkpoint directory .* not empty.*",
    ".*have no `val_dataloader`.*",  # a fit without a validation part keeps its last state
)
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass
class FitData:
    """Structures of the three parts, and those of each formula that is held out of all three."""

    train: Sequence[Structure]
    validation: Sequence[Structure]
    test: Sequence[Structure]
    held_out: dict[str, Sequence[Structure]] = field(default_factory=dict)


def fit(config: FitConfig, resume: bool = False) -> Path:
    """Fit, evaluate on the test part, write the report; returns the path of best.ckpt.

    The folder ``config.folder`` gets config.yaml, split.json, log.csv, best.ckpt, last.ckpt (to
    resume from), errors.json, parity.png, training.png and TensorBoard's files; with
    data.conformers also the folder conformers, which may be deleted after the fit.

    Raises:
        ConfigError, DataError: before any work starts. FitError: the loss is no longer finite.
    """
    with exclusive_run_folder(config.folder) if is_first() else nullcontext():
        return _fit(config, resume)


def _fit(config: FitConfig, resume: bool) -> Path:
    folder = prepare_folder(config, resume) if is_first() else config.folder
    torch.set_num_threads(config.run.n_threads)
    keep_heap(torch.empty(0))
    L.seed_everything(config.run.seed, verbose=False)
    data = load_data(config, folder, resume or not is_first())
    checkpoint = start(config, data)
    train(config, checkpoint, data, folder, resume)
    if not is_first():
        return folder / "best.ckpt"
    best = load_checkpoint(folder / "best.ckpt")
    # Where a fit that was stopped during its report is resumed, no epoch is left to tell.
    earlier = best.training.get("collapsed", False)
    best.training["collapsed"] = checkpoint.training.get("collapsed", earlier)
    best.training["errors"] = report(config, data, folder)
    save_checkpoint(best, folder / "best.ckpt")
    return folder / "best.ckpt"


def finish_fit(config: FitConfig) -> dict[str, Any]:
    """The errors of this fit: from its folder where it is done, else after doing what is left.

    Raises:
        ConfigError: the folder holds a fit with other settings.
    """
    errors = config.folder / "errors.json"
    if config.run.processes > 1:
        raise ConfigError(
            f"run.processes is {config.run.processes}, but several processes start by the command "
            "of a single fit, training/fit.py; leave it at 1 here"
        )
    if not errors.is_file():
        fit(config, resume=(config.folder / "last.ckpt").is_file())
    elif not same_settings(config.folder / "config.yaml", config):
        raise ConfigError(
            f"{config.folder} holds a fit with other settings (its config.yaml); give another "
            "output folder, or remove this one"
        )
    return json.loads(errors.read_text())


def report(config: FitConfig, data: FitData, folder: Path) -> dict[str, Any]:
    """Errors of best.ckpt on the test part, or on the validation part where there is none."""
    judged, name = (data.test, "test") if data.test else (data.validation, "validation")
    if config.data.conformers is None:
        return write_report(folder / "best.ckpt", judged, folder)
    parts = {name: judged, **data.held_out}
    return write_conformer_report(folder / "best.ckpt", parts, folder, config.run)


def prepare_folder(config: FitConfig, resume: bool) -> Path:
    """Write the settings into a new folder, or check that it is the one to resume.

    Raises:
        ConfigError: it holds another fit, or there is nothing to resume.
    """
    folder = config.folder
    settings = yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False)
    saved = folder / "config.yaml"
    if resume:
        if not (folder / "last.ckpt").is_file() and not has_store(folder):
            raise ConfigError(f"{folder}: nothing to resume (no last.ckpt); start without --resume")
        if not same_settings(saved, config):
            raise ConfigError(
                f"{saved} differs from the settings given now; a resumed fit must keep them "
                "(give the same file and overrides, or another output=...)"
            )
    elif (folder / "last.ckpt").exists():
        raise ConfigError(
            f"{folder} holds a fit already; continue it with --resume, or give another output=..."
        )
    saved.write_text(settings)
    return folder


def same_settings(saved: Path, config: FitConfig) -> bool:
    """Whether a config.yaml means these settings; keys newer than it have their defaults."""
    try:
        return FitConfig.parse(yaml.safe_load(saved.read_text())) == config
    except ConfigError:
        return False


def load_data(config: FitConfig, folder: Path, resume: bool = False) -> FitData:
    """Read all files, split, check that the labels the loss needs are there, save the split."""
    if config.data.conformers is not None:
        return load_conformers(config, folder, resume)
    keys = config.data.keys
    structures = [s for path in config.data.files for s in read_structures(path, **keys)]
    split = split_structures(structures, config.data.split, config.run.seed)
    if is_first():
        save_split(split, structures, folder / "split.json")
    train, validation, test = ([structures[i] for i in split[part]] for part in PARTS)
    for path in config.data.extra_train_files:
        train += read_structures(path, **keys)
    if config.data.max_train is not None:
        train = train[: config.data.max_train]
    loss = config.loss
    weights = {
        "energy": loss.energy.weight,
        "forces": loss.force.weight,
        "virial": loss.virial.weight,
    }
    check_labels([*train, *validation], weights)
    return FitData(train, validation, test)


def load_conformers(config: FitConfig, folder: Path, resume: bool) -> FitData:
    """Draw conformers onto the disk, or find them there; save the split."""
    store = conformer_store(config, folder, resume)
    if is_first():
        (folder / "split.json").write_text(json.dumps(store.split(), indent=1) + "\n")
    held_out = {formula: store.view(formula) for formula in config.data.conformers.held_out}
    found = {formula: view for formula, view in held_out.items() if len(view)}
    return FitData(*(store.view(part) for part in PARTS), held_out=found)


def start(config: FitConfig, data: FitData) -> Checkpoint:
    """A new potential with its references, or the one to start from.

    Raises:
        ConfigError: the one to start from, or the training part, lacks an element of the data.
    """
    species = species_of(data.train, data.validation, data.test, *data.held_out.values())
    if config.start_from is not None:
        checkpoint = load_checkpoint(config.start_from, DTYPES[config.run.precision])
        checkpoint.training = {}
        unknown = [chemical_symbols[z] for z in species if z not in checkpoint.potential.species]
        if unknown:
            raise ConfigError(
                f"start_from = {config.start_from} knows {' '.join(checkpoint.potential.symbols)}, "
                f"but the data also holds {' '.join(unknown)}; remove those frames or start anew"
            )
        checkpoint.potential.train()
        apply_transfer(
            checkpoint.potential,
            config.transfer,
            evenly_drawn(data.train),
            config.data.isolated_atoms,
        )
    else:
        check_elements(species, data)
        settings = config.model_settings
        checkpoint = new_checkpoint(config.model_name, settings, species, config.repulsion)
        checkpoint.potential.set_dtype(DTYPES[config.run.precision])
        isolated, scale = config.data.isolated_atoms, config.scale
        set_references(checkpoint.potential, data.train, isolated, scale)
    checkpoint.training.update(
        name=config.name,
        settings=json.loads(config.model_dump_json()),
        n_train=len(data.train),
        n_validation=len(data.validation),
        n_test=len(data.test),
    )
    return checkpoint


def check_elements(species: list[int], data: FitData) -> None:
    """Refuse to judge by an element that is not trained on: its energies would mean nothing."""
    missing = [chemical_symbols[z] for z in species if z not in species_of(data.train)]
    if missing:
        raise ConfigError(
            f"no training structure holds {' '.join(missing)}, but validation or test structures "
            "do: choose another run.seed or split, or remove those structures"
        )


def use_ops(potential: Potential, name: str) -> None:
    """Choose the operators of ``run.ops``.

    Raises:
        ConfigError: the compiled ones are not installed.
    """
    try:
        potential.use_ops(name)
    except OperatorsMissing as error:
        advice = str(error).replace("export with '--ops portable'", "set run.ops=portable")
        raise ConfigError(advice) from None


def neighbor_cutoff(config: FitConfig, potential: Potential) -> float:
    """Cutoff of the neighbour lists in A: pairs that noise may carry into the cutoff are in them.

    Two atoms move by sqrt(2) noise against each other on each axis; 6 noise is 4.2 of that. A walk
    ends where one atom has gone half as far as two may approach each other.
    """
    loss = config.loss
    noise = 6.0 * loss.bound.noise if loss.bound.weight else 0.0
    walk = 2.0 * LARGEST_DISPLACEMENT if loss.denoise.weight else 0.0
    return potential.cutoff + max(noise, walk)


def train(
    config: FitConfig, checkpoint: Checkpoint, data: FitData, folder: Path, resume: bool
) -> None:
    """Run Lightning's loop."""
    potential, run = checkpoint.potential, config.run
    dtype, equilibrium = DTYPES[run.precision], config.data.equilibrium
    graphs = [
        GraphDataset(
            part, potential.species, neighbor_cutoff(config, potential), dtype, equilibrium
        )
        for part in (data.train, data.validation)
    ]
    set_shortest_distances(potential, graphs[0])
    use_ops(potential, run.ops)
    sampler = EpochSampler(len(graphs[0]), run.seed, rank(), run.processes)
    # Batches in pinned memory go to a GPU faster.
    pinned = run.device != "cpu" and torch.cuda.is_available()
    options = {"batch_size": run.batch_size, "num_workers": run.workers, "pin_memory": pinned}
    train_loader = DataLoader(graphs[0], sampler=sampler, **options)
    validation_loader = DataLoader(graphs[1], **options) if data.validation else None
    module = PotentialModule(potential, config, len(train_loader))
    trainer = L.Trainer(
        max_epochs=run.epochs,
        accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[run.device],
        devices=run.processes,
        # Conditions that are not due leave parameters of theirs without a gradient.
        strategy="auto" if run.processes == 1 else "ddp_find_unused_parameters_true",
        callbacks=make_callbacks(config, checkpoint, folder),
        logger=TensorBoardLogger(folder, name="tensorboard", version=""),
        gradient_clip_val=run.clip or None,
        check_val_every_n_epoch=min(run.validate_every, run.epochs),
        num_sanity_val_steps=0,
        inference_mode=False,  # forces are gradients
        use_distributed_sampler=False,
        enable_model_summary=False,
        log_every_n_steps=max(1, len(train_loader)),
    )
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message)
        last = folder / "last.ckpt"
        resume_from = last if resume and last.is_file() else None
        trainer.fit(module, train_loader, validation_loader, ckpt_path=resume_from)
