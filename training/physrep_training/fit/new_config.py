"""A config file for data that nothing is fitted to yet."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from physrep import ops
from physrep.io import DataError
from physrep.output import write_file
from physrep_training.data.inspection import DataSummary

TEMPLATE = "new_config.yaml.jinja"
SCHEMA = "physrep.schema.json"
FEWEST_FRAMES = 5
STEPS = 20_000  # of a fit; as many as the shipped potentials took, to the nearest power
ATOMS_PER_BATCH = 200
EPOCHS = (20, 500)


class SplitChoice(NamedTuple):
    """How the frames are split, and why."""

    settings: dict[str, Any]
    reason: str


def new_config(summary: DataSummary, model: str, config: Path) -> str:
    """The text of a commented config file that fits ``model`` to the data.

    Args:
        config: where the file will stand; it names the JSON schema that stands there, if any.

    Raises:
        DataError: too few frames, or no label that all frames have.
    """
    if summary.n_frames < FEWEST_FRAMES:
        raise DataError(
            f"holds {summary.n_frames} frames; a fit needs at least {FEWEST_FRAMES}", summary.path
        )
    complete = {label: n == summary.n_frames for label, n in summary.n_labelled.items()}
    if not complete["energy"] and not complete["forces"]:
        counts = ", ".join(f"{label} in {n}" for label, n in summary.n_labelled.items())
        raise DataError(
            f"no label is in all {summary.n_frames} frames ({counts}); remove the frames without",
            summary.path,
        )
    split = choose_split(summary)
    n_train = summary.n_frames * (1.0 - split.settings["validation"] - split.settings["test"])
    batch_size = min(max(1, ATOMS_PER_BATCH // summary.n_atoms[1]), max(1, int(n_train) // 8), 32)
    epochs = round(STEPS * batch_size / n_train)
    environment = Environment(
        loader=PackageLoader("physrep_training.fit", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["yaml"] = as_yaml
    return environment.get_template(TEMPLATE).render(
        data=summary,
        model=model,
        config=config,
        name=re.sub(r"[^A-Za-z0-9]+", "_", summary.path.name.split(".")[0]).strip("_") or "fit",
        split=split,
        complete=complete,
        isolated_atoms=isolated_atoms_file(summary, config),
        batch_size=batch_size,
        epochs=min(max(epochs, EPOCHS[0]), EPOCHS[1]),
        validate_every=1 if n_train > 200 else 5,
        ops="fused" if ops.load() else "portable",
        schema=SCHEMA if (config.parent / SCHEMA).is_file() else None,
    )


def choose_split(summary: DataSummary) -> SplitChoice:
    """Blocks of time for trajectories, whole trajectories where there are many, else random."""
    n = summary.n_frames
    share = 0.1 if n >= 100 else 0.2
    if summary.names_trajectories and len(summary.trajectory_lengths) >= 10:
        return SplitChoice(
            {"method": "groups", "group_key": "trajectory", "validation": share, "test": share},
            "whole trajectories are kept apart",
        )
    if summary.one_composition and min(summary.trajectory_lengths) >= 20:
        return SplitChoice(
            {"method": "time_blocks", "validation": share, "test": share, "gap": 2},
            "the end of each trajectory, as if the frames were in order of time",
        )
    return SplitChoice(
        {"method": "random", "validation": share, "test": share},
        "drawn at random, as for frames that are independent of each other",
    )


def isolated_atoms_file(summary: DataSummary, config: Path) -> Path | None:
    """Where the energies of isolated atoms are written; None where an element is missing, or
    where the frames of the data say so themselves (config_type=IsolatedAtom).
    """
    symbols = set(summary.symbols)
    if not symbols <= set(summary.isolated_atoms) or symbols <= summary.marked_atoms:
        return None
    return config.with_name(f"{config.stem}_isolated_atoms.json")


def write_isolated_atoms(summary: DataSummary, path: Path) -> None:
    """The energies of the isolated atoms as data.isolated_atoms reads them."""
    values = {"unit": "eV", "energies": summary.isolated_atoms}
    write_file(path, json.dumps(values, indent=1) + "\n")


def as_yaml(value: Any) -> str:
    """A value on one line; JSON is YAML, and quotes what needs quotes."""
    if isinstance(value, str | Path):
        text = str(value)
        plain = re.fullmatch(r"[A-Za-z_./][\w./-]*", text)
        reserved = text.lower() in ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
        return text if plain and not reserved else json.dumps(text)
    if isinstance(value, dict):
        items = ", ".join(f"{key}: {as_yaml(item)}" for key, item in value.items())
        return "{" + items + "}"
    return json.dumps(value)
