"""The structures of a fit, read, checked and split."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from physrep.io import Structure, read_structures
from physrep_training.data.conformers import conformer_store
from physrep_training.data.graphs import check_labels
from physrep_training.data.splits import PARTS, save_split, split_structures
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.processes import is_first


@dataclass
class FitData:
    """Structures of the three parts, and those of each formula that is held out of all three."""

    train: Sequence[Structure]
    validation: Sequence[Structure]
    test: Sequence[Structure]
    held_out: dict[str, Sequence[Structure]] = field(default_factory=dict)


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
    assert config.data.conformers is not None  # as load_data knows
    views = {formula: store.view(formula) for formula in config.data.conformers.held_out}
    held_out: dict[str, Sequence[Structure]] = {name: view for name, view in views.items() if view}
    train, validation, test = (store.view(part) for part in PARTS)
    return FitData(train, validation, test, held_out)
