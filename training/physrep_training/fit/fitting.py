"""A fit from settings to best.ckpt: the steps in order, each a function."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L
import torch
import yaml
from ase.data import chemical_symbols

from physrep.checkpoint import Checkpoint, load_checkpoint, new_checkpoint, save_checkpoint
from physrep.config import ConfigError
from physrep.engines.heap import keep_heap
from physrep.output import write_file
from physrep.progress import say
from physrep_training.data.conformers import ConformerView, has_store
from physrep_training.data.graphs import evenly_drawn, species_of
from physrep_training.data.references import set_references
from physrep_training.fit.dispersion_coefficients import set_dispersion
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.fit_data import FitData, load_data
from physrep_training.fit.fit_report import write_conformer_report, write_report
from physrep_training.fit.new_charges import add_long_range, what_is_new
from physrep_training.fit.new_elements import (
    add_elements,
    new_elements_in_words,
    set_new_references,
)
from physrep_training.fit.processes import is_first
from physrep_training.fit.run_folder import exclusive_run_folder
from physrep_training.fit.training_loop import DTYPES, train
from physrep_training.fit.transfer import apply_transfer


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
    # A fit that was stopped during its report has no epoch left that could tell.
    earlier = best.training.get("collapsed", False)
    best.training["collapsed"] = checkpoint.training.get("collapsed", earlier)
    best.training["errors"] = report(config, data, folder)
    save_checkpoint(best, folder / "best.ckpt")
    return folder / "best.ckpt"


NEW = {
    "charges": "their readout starts from random parameters",
    "polarization": "polarizabilities start from one number",
    "dispersion": "its coefficients are those of the training data",
}


def finish_fit(config: FitConfig) -> dict[str, Any]:
    """The errors of this fit: read from its folder if it is done, else after finishing it.

    Raises:
        ConfigError: the folder holds a fit with other settings.
    """
    errors = config.folder / "errors.json"
    if config.run.processes > 1:
        raise ConfigError(
            f"run.processes is {config.run.processes}, but only 'physrep fit' can start several "
            "processes; leave it at 1 here"
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
    """Errors of best.ckpt on the test part, or on the validation part if there is no test part."""
    judged, name = (data.test, "test") if data.test else (data.validation, "validation")
    if config.data.conformers is None:
        return write_report(folder / "best.ckpt", judged, folder)
    named = {name: judged, **data.held_out}
    parts = {name: part for name, part in named.items() if isinstance(part, ConformerView)}
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
    write_file(saved, settings)
    return folder


def same_settings(saved: Path, config: FitConfig) -> bool:
    """Whether a config.yaml means these settings; keys that it lacks have their defaults."""
    try:
        return FitConfig.parse(yaml.safe_load(saved.read_text())) == config
    except ConfigError:
        return False


def start(config: FitConfig, data: FitData) -> Checkpoint:
    """A new potential with its references, or the one to start from.

    Raises:
        ConfigError: the training part lacks an element of the data.
    """
    species = species_of(data.train, data.validation, data.test, *data.held_out.values())
    if config.start_from is not None:
        checkpoint = continued(config, config.start_from, species, data)
    else:
        check_elements(species, data)
        settings = config.model_settings
        checkpoint = new_checkpoint(
            config.model_name, settings, species, config.repulsion, config.electrostatics
        )
        checkpoint.potential.set_dtype(DTYPES[config.run.precision])
        set_references(checkpoint.potential, data.train, data.isolated_atoms, config.scale)
        set_dispersion(checkpoint.potential, data.train, species)
    checkpoint.training.update(
        name=config.name,
        settings=json.loads(config.model_dump_json()),
        n_train=len(data.train),
        n_validation=len(data.validation),
        n_test=len(data.test),
    )
    return checkpoint


def continued(config: FitConfig, path: Path, species: list[int], data: FitData) -> Checkpoint:
    """The checkpoint to start from, with the elements that it lacks, aligned with the labels."""
    checkpoint = load_checkpoint(path, DTYPES[config.run.precision])
    checkpoint.training = {}
    if is_first():
        say_what_start_from_overrides(config, checkpoint)
    lacking = what_is_new(checkpoint.potential, config.electrostatics)
    if lacking:
        assert config.electrostatics is not None
        checkpoint = add_long_range(checkpoint, config.electrostatics)
        set_dispersion(checkpoint.potential, data.train, checkpoint.potential.species)
        if is_first():
            for name in lacking:
                say("fit", f"{path} has no {name}; {NEW[name]}")
    known = checkpoint.potential
    new = [z for z in species if z not in known.species]
    structures = evenly_drawn(data.train)
    if new:
        check_elements(new, data)
        checkpoint = add_elements(checkpoint, new)
        set_dispersion(checkpoint.potential, structures, new)
        set_new_references(checkpoint.potential, new, structures, data.isolated_atoms)
        if is_first():
            say("fit", new_elements_in_words(known, new))
    checkpoint.potential.train()
    apply_transfer(checkpoint.potential, config.transfer, structures, data.isolated_atoms)
    return checkpoint


def say_what_start_from_overrides(config: FitConfig, checkpoint: Checkpoint) -> None:
    """Settings of the model that were given and do not count.

    Raises:
        ConfigError: another model was named.
    """
    if config.model_name != checkpoint.model_name:
        raise ConfigError(
            f"model.name is {config.model_name}, but start_from = {config.start_from} holds "
            f"{checkpoint.model_name}; write model.name={checkpoint.model_name} or leave out "
            "start_from"
        )
    given = {f"model.{name}": value for name, value in config.model.items() if name != "name"}
    kept = {f"model.{name}": value for name, value in checkpoint.model_settings.items()}
    if "repulsion" in config.model_fields_set:
        given["repulsion"] = config.repulsion
        kept["repulsion"] = checkpoint.potential.repulsion_name
    charges = checkpoint.potential.electrostatics_settings
    if config.electrostatics is not None and charges is not None:
        wanted = config.electrostatics.model_dump(mode="json")
        for name in what_is_new(checkpoint.potential, config.electrostatics):
            del wanted[name]
        given |= {f"electrostatics.{name}": value for name, value in wanted.items()}
        kept |= {f"electrostatics.{name}": value for name, value in charges.items()}
    words = [f"{k} = {kept[k]!r} (not {v!r})" for k, v in given.items() if kept.get(k, v) != v]
    if words:
        say("fit", f"of {config.start_from}, not of the settings: {', '.join(words)}")


def check_elements(species: list[int], data: FitData) -> None:
    """Refuse elements that are judged but not trained on: their energies would mean nothing."""
    missing = [chemical_symbols[z] for z in species if z not in species_of(data.train)]
    if missing:
        raise ConfigError(
            f"no training structure holds {' '.join(missing)}, but validation or test structures "
            "do: choose another run.seed or split, or remove those structures"
        )
