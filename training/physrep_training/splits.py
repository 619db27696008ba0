"""Training, validation and test structures: which frames go where, and a file that says so."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from physrep.config import ConfigError
from physrep.io import Structure
from physrep_training.config import SplitConfig

PARTS = ("train", "validation", "test")
Split = dict[str, list[int]]


def split_structures(structures: Sequence[Structure], config: SplitConfig, seed: int) -> Split:
    """Indices of the three parts, disjoint; frames in a gap belong to none.

    Raises:
        ConfigError: a part that came out empty though it was asked for, an unknown trajectory.
    """
    methods = {"time_blocks": _time_blocks, "trajectory": _by_trajectory, "random": _random}
    split = methods[config.method](structures, config, seed)
    wanted = {"train": 1.0, "validation": config.validation, "test": config.test}
    for part in PARTS:
        if wanted[part] > 0 and not split[part]:
            raise ConfigError(
                f"data.split leaves no {part} structures of {len(structures)}: lower the gap "
                f"({config.gap}) or the shares, or give more data"
            )
    return split


def trajectories(structures: Sequence[Structure]) -> dict[str, list[int]]:
    """Indices of the frames of every trajectory, in order (info 'trajectory', else the file)."""
    groups: dict[str, list[int]] = {}
    for index, structure in enumerate(structures):
        groups.setdefault(str(structure.info.get("trajectory", structure.source)), []).append(index)
    return groups


def _time_blocks(structures: Sequence[Structure], config: SplitConfig, seed: int) -> Split:
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


def _by_trajectory(structures: Sequence[Structure], config: SplitConfig, seed: int) -> Split:
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


def _random(structures: Sequence[Structure], config: SplitConfig, seed: int) -> Split:
    order = np.random.default_rng(seed).permutation(len(structures)).tolist()
    n_test = round(config.test * len(order))
    n_validation = round(config.validation * len(order))
    return {
        "test": order[:n_test],
        "validation": order[n_test : n_test + n_validation],
        "train": order[n_test + n_validation :],
    }


def save_split(split: Split, structures: Sequence[Structure], path: Path) -> None:
    """Write file and frame of every structure of every part as JSON."""
    named = {
        part: [[structures[i].source, structures[i].frame] for i in split[part]] for part in PARTS
    }
    path.write_text(json.dumps(named, indent=0))
