"""Training, validation and test structures: which frames go where, and a file that lists them."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from physrep.config import ConfigError
from physrep.io import Structure, read_structures
from physrep.io.structures.ani import Molecule
from physrep.output import write_file
from physrep_training.data.data_config import DataConfig, SplitConfig, composition_of

TRAJECTORY, PART = "trajectory", "part"  # keys of the frames
PARTS = ("train", "validation", "test")
Split = dict[str, list[int]]


class Placed(Protocol):
    """What a split looks at, of a `Structure` or of what is kept of one."""

    @property
    def source(self) -> str:
        """File."""

    @property
    def frame(self) -> int:
        """Number in that file."""

    @property
    def info(self) -> Mapping[str, Any]:
        """What the file says of it."""

    @property
    def species(self) -> np.ndarray:
        """(n_atoms,) atomic numbers."""


class Drawn(NamedTuple):
    """What is drawn of one molecule: part is train (and validation), test or a formula held out."""

    file: int  # which of data.files
    molecule: Molecule
    part: str
    rows: np.ndarray  # (n,) int32, which of its conformers, ascending
    validation: np.ndarray  # (n,) bool, those of them that are kept for validation


def split_structures(structures: Sequence[Placed], config: SplitConfig, seed: int) -> Split:
    """Indices of the three parts, disjoint; frames in a gap belong to none.

    Raises:
        ConfigError: a part that came out empty though it was asked for, an unknown trajectory.
    """
    methods = {
        "time_blocks": _time_blocks,
        "trajectory": _by_trajectory,
        "random": _random_structures,
        "groups": _by_group,
        "stated": _stated,
    }
    split = methods[config.method](structures, config, seed)
    wanted = {"train": 1.0, "validation": config.validation, "test": config.test}
    for part in PARTS:
        if wanted[part] > 0 and not split[part]:
            raise ConfigError(
                f"data.split leaves no {part} structures of {len(structures)}: lower the gap "
                f"({config.gap}) or the shares, or give more data"
            )
    return split


def trajectories(structures: Sequence[Placed]) -> dict[str, list[int]]:
    """Indices of the frames of every trajectory, in order (info 'trajectory', else the file)."""
    groups: dict[str, list[int]] = {}
    for index, structure in enumerate(structures):
        groups.setdefault(str(structure.info.get(TRAJECTORY, structure.source)), []).append(index)
    return groups


def _time_blocks(structures: Sequence[Placed], config: SplitConfig, seed: int) -> Split:
    split: Split = {part: [] for part in PARTS}
    for frames in trajectories(structures).values():
        n_test = round(config.test * len(frames))
        n_validation = round(config.validation * len(frames))
        test_from = len(frames) - n_test
        validation_from = test_from - n_validation - (config.gap if n_test else 0)
        train_to = validation_from - (config.gap if n_validation else 0)
        split["test"] += frames[test_from:]
        split["validation"] += frames[validation_from : validation_from + n_validation]
        split["train"] += frames[: max(train_to, 0)]
    return split


def _by_trajectory(structures: Sequence[Placed], config: SplitConfig, seed: int) -> Split:
    groups = trajectories(structures)
    for name in [*config.test_names, *config.validation_names]:
        if name not in groups:
            raise ConfigError(f"data.split: no trajectory {name!r}; there are {', '.join(groups)}")
    split: Split = {part: [] for part in PARTS}
    for name, frames in groups.items():
        part = "train"
        if name in config.test_names:
            part = "test"
        elif name in config.validation_names:
            part = "validation"
        split[part] += frames
    return split


def _random_structures(structures: Sequence[Placed], config: SplitConfig, seed: int) -> Split:
    """Structures with an element that no training structure has are trained on, not judged by."""
    split = _random(structures, config, seed)
    known = {z for k in split["train"] for z in structures[k].species.tolist()}
    for part in ("validation", "test"):
        rare = [k for k in split[part] if not known.issuperset(structures[k].species.tolist())]
        split[part] = [k for k in split[part] if k not in rare]
        split["train"] += rare
    return split


def _random(structures: Sequence[Any], config: SplitConfig, seed: int) -> Split:
    order = np.random.default_rng(seed).permutation(len(structures)).tolist()
    n_test = round(config.test * len(order))
    n_validation = round(config.validation * len(order))
    return {
        "test": order[:n_test],
        "validation": order[n_test : n_test + n_validation],
        "train": order[n_test + n_validation :],
    }


def _by_group(structures: Sequence[Placed], config: SplitConfig, seed: int) -> Split:
    frames = list(groups(structures, config.group_key).values())
    order = _random(frames, config, seed)
    return {part: [i for k in sorted(chosen) for i in frames[k]] for part, chosen in order.items()}


def _stated(structures: Sequence[Placed], config: SplitConfig, seed: int) -> Split:
    """In an order drawn at random: the first of them, data.max_train, stand for all."""
    split: Split = {part: [] for part in PARTS}
    for index in np.random.default_rng(seed).permutation(len(structures)).tolist():
        structure = structures[index]
        part = structure.info.get(PART)
        if part not in PARTS:
            raise ConfigError(
                f"data.split.method = stated: frame {structure.frame} of {structure.source} has "
                f"{PART} = {part!r}; every frame must state one of {', '.join(PARTS)}"
            )
        split[part].append(index)
    return split


def groups(structures: Sequence[Placed], key: str) -> dict[str, list[int]]:
    """Indices of the frames of every group, in order: those with one value of ``key``.

    Raises:
        ConfigError: a frame has no such key; without the key trajectory its file counts.
    """
    if key == TRAJECTORY:
        return trajectories(structures)
    found: dict[str, list[int]] = {}
    for index, structure in enumerate(structures):
        if key not in structure.info:
            raise ConfigError(
                f"data.split.group_key = {key!r}: frame {structure.frame} of "
                f"{structure.source} has no such key; it has {', '.join(structure.info) or 'none'}"
            )
        found.setdefault(str(structure.info[key]), []).append(index)
    return found


def save_split(split: Split, structures: Sequence[Placed], path: Path) -> None:
    """Write file and frame of every structure of every part as JSON."""
    named = {
        part: [[structures[i].source, structures[i].frame] for i in split[part]] for part in PARTS
    }
    write_file(path, json.dumps(named, indent=0))


def load_part(path: Path, part: str, **keys: Any) -> list[Structure]:
    """The structures of one part of a split that was saved; keys: names of the labels."""
    named = json.loads(path.read_text())[part]
    known = {source: read_structures(source, **keys) for source in {source for source, _ in named}}
    return [known[source][frame] for source, frame in named]


def draw_conformers(
    tables: Sequence[Sequence[Molecule]], data: DataConfig, seed: int
) -> list[Drawn]:
    """Conformers of the molecules of each file, file by file in the order given.

    What is drawn of a molecule, and for which part, depends on the seed and the molecule alone. A
    file is left once its training and validation conformers reach ``max_per_file``; held-out
    compositions are taken from the whole of it.

    Raises:
        ConfigError: a part that came out empty though it was asked for.
    """
    conformers = data.conformers
    assert conformers is not None  # else the split is that of structures
    held_out = {_frozen(composition_of(f)): f for f in conformers.held_out}
    drawn = []
    for file, molecules in enumerate(tables):
        room = conformers.max_per_file or sum(m.n_conformers for m in molecules)
        for molecule in molecules:
            formula = held_out.get(_frozen(Counter(molecule.species)))
            if molecule.n_conformers == 0 or (room == 0 and formula is None):
                continue
            one = _draw(file, molecule, formula, room, data, seed)
            if one.part == "train":
                room -= len(one.rows)
            drawn.append(one)
    _require_parts(drawn, data.split)
    return drawn


def _frozen(composition: dict[int, int]) -> frozenset[tuple[int, int]]:
    return frozenset(composition.items())


def _draw(
    file: int, molecule: Molecule, formula: str | None, room: int, data: DataConfig, seed: int
) -> Drawn:
    rng = _generator(molecule, seed)
    part = formula or ("test" if rng.random() < data.split.test else "train")
    total = molecule.n_conformers
    assert data.conformers is not None  # as in draw_conformers
    n = min(round(data.conformers.share * total) + 1, total)  # one more, as in the thesis' code
    if part == "train":
        n = min(n, room)
    rows = rng.permutation(total)[:n]
    validation = (rng.random(n) < data.split.validation) & (part == "train")
    order = np.argsort(rows)
    return Drawn(file, molecule, part, rows[order].astype(np.int32), validation[order])


def _generator(molecule: Molecule, seed: int) -> np.random.Generator:
    identity = f"{molecule.name} {molecule.smiles} {molecule.species}"
    digest = hashlib.sha256(identity.encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:16])])


def _require_parts(drawn: Sequence[Drawn], split: SplitConfig) -> None:
    is_filled = {
        "train": any(d.part == "train" and not d.validation.all() for d in drawn),
        "validation": not split.validation or any(d.validation.any() for d in drawn),
        "test": not split.test or any(d.part == "test" for d in drawn),
    }
    for part in PARTS:
        if not is_filled[part]:
            raise ConfigError(
                f"data.split leaves nothing for {part} of {len(drawn)} molecules: test = "
                f"{split.test} is the probability that a molecule is tested, validation = "
                f"{split.validation} that a conformer of another one validates; change the "
                "shares or run.seed, or give more files"
            )
