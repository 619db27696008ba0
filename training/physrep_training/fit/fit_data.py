"""The structures of a fit, read, checked and split."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ase.data import chemical_symbols

from physrep.io import Structure, read_structures
from physrep.io.structures.cell_background import without_background
from physrep.io.structures.unread_labels import unread_lines
from physrep.output import write_file
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.progress import plural, say
from physrep_training.data.conformers import conformer_store
from physrep_training.data.graphs import check_labels, check_partial_labels
from physrep_training.data.isolated_atoms import merged, set_apart_isolated_atoms
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
    isolated_atoms: dict[int, float] | None = None  # eV by atomic number; None: not known


def load_data(config: FitConfig, folder: Path, resume: bool = False) -> FitData:
    """Read all files, set isolated atoms apart, split, check that the labels the loss needs are
    there, save the split.
    """
    if config.data.conformers is not None:
        return load_conformers(config, folder, resume)
    everything = _read(config.data.files, config)
    structures, atoms = set_apart_isolated_atoms(everything)
    split = split_structures(structures, config.data.split, config.run.seed)
    if is_first():
        save_split(split, structures, folder / "split.json")
    train, validation, test = ([structures[i] for i in split[part]] for part in PARTS)
    extra = _read(config.data.extra_train_files, config)
    train += set_apart_isolated_atoms(extra)[0]
    atoms = set_apart_isolated_atoms([*everything, *extra])[1]
    if config.data.max_train is not None:
        train = train[: config.data.max_train]
    loss = config.loss
    check_labels([*train, *validation], {"energy": loss.energy.weight, "forces": loss.force.weight})
    partial = {"virial": loss.virial, "charges": loss.charges, "dipole": loss.dipole}
    weights = {label: term.weight for label, term in partial.items()}
    partly_labelled = check_partial_labels([*train, *validation], weights)
    isolated = merged(config.data.isolated_atoms, atoms, config.data.keys)
    if is_first():
        _say_what_was_read([*everything, *extra], atoms, config.electrostatics)
        for line in partly_labelled:
            say("fit", line)
    return FitData(train, validation, test, isolated_atoms=isolated)


def _read(paths: Sequence[Path], config: FitConfig) -> list[Structure]:
    read = (s for path in paths for s in read_structures(path, **config.data.keys))
    return list(without_background(read, config.data.cell_background))


def _say_what_was_read(
    structures: Sequence[Structure], atoms: dict[int, float], charged: ElectrostaticsConfig | None
) -> None:
    """Frames that are not trained on, total charges, and labels of each file that are not read."""
    n_atoms = sum(s.is_isolated_atom for s in structures)
    if n_atoms:
        energies = ", ".join(f"{chemical_symbols[z]} {e:.6g} eV" for z, e in atoms.items())
        energies = energies or "none, as no energies are read"
        say(
            "fit",
            f"{n_atoms} {plural('frame', n_atoms)} of isolated atoms (config_type=IsolatedAtom), "
            f"which are not trained on, give reference energies: {energies}",
        )
    charges = Counter(s.total_charge for s in structures if s.total_charge)
    if charges:
        use = "models do not use them" if charged is None else "charges add up to them"
        words = ", ".join(f"{charge:+g} in {n}" for charge, n in sorted(charges.items()))
        say("fit", f"total charges: {words} of {len(structures)} frames; {use}")
    for line in unread_lines(s for s in structures if not s.is_isolated_atom):
        say("fit", line)


def load_conformers(config: FitConfig, folder: Path, resume: bool) -> FitData:
    """Draw conformers onto the disk, or find them there; save the split."""
    store = conformer_store(config, folder, resume)
    if is_first():
        write_file(folder / "split.json", json.dumps(store.split(), indent=1) + "\n")
    assert config.data.conformers is not None  # as load_data knows
    views = {formula: store.view(formula) for formula in config.data.conformers.held_out}
    held_out: dict[str, Sequence[Structure]] = {name: view for name, view in views.items() if view}
    train, validation, test = (store.view(part) for part in PARTS)
    isolated = merged(config.data.isolated_atoms, {}, config.data.keys)
    return FitData(train, validation, test, held_out, isolated)
