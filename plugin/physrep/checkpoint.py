"""Checkpoints: one file that rebuilds a potential; versioned, loaded without unpickling code.

Layout (format version 5), a dictionary saved by ``torch.save``:

    format_version  5, or 4 where it holds one potential
    model           {"name": "jat", "settings": {...}}, every setting, defaults included (format 2:
                    those that were given); of a committee {"name": "committee", "settings":
                    {"members": [...]}}, of each member its model and its repulsion
    species         atomic numbers, in the order of the types
    repulsion       "zbl", "morse" or "none" (format 1: true for zbl, false for none)
    electrostatics  settings of the charges; may be missing, for a potential without
    state           parameters and buffers of the Potential or the Committee
    training        what the fit wants to tell: errors, settings, data; JSON-like, may be empty
    certificate     what `physrep certify --stamp` found, with the fingerprint of the parameters it
                    was found for; may be missing, and counts for no other parameters
    calibration     of a committee: the factor between deviation and error, and how it was found;
                    may be missing
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from physrep.archive import damage, damage_that_torch_finds
from physrep.committee import Committee, check_members
from physrep.config import ConfigError
from physrep.errors import UserError
from physrep.models import MODELS, build_model
from physrep.output import write_file
from physrep.pair.electrostatics_config import ElectrostaticsConfig, electrostatics_of
from physrep.potential import Potential

FORMAT_VERSION = 5
OF_ONE_POTENTIAL = 4  # what such a file is written as: earlier releases read it
COMMITTEE = "committee"  # in place of the name of a model
Model = Potential | Committee


def _name_the_repulsion(contents: dict[str, Any]) -> dict[str, Any]:
    return {**contents, "repulsion": "zbl" if contents["repulsion"] else "none"}


def _state_the_defaults(contents: dict[str, Any]) -> dict[str, Any]:
    """The defaults of format 2 that have changed since."""
    model = contents["model"]
    if model["name"] != "jat":
        return contents
    settings = {"angular_features": 0, **model["settings"]}
    return {**contents, "model": {**model, "settings": settings}}


# From format version k to k + 1, applied in order to what an older file holds.
UPGRADES = {1: _name_the_repulsion, 2: _state_the_defaults}
KEYS = ("model", "species", "repulsion", "state", "training")


class CheckpointError(UserError):
    """A checkpoint that cannot be used; the message names the file and says what to do."""


@dataclass
class Checkpoint:
    """A potential in memory with what is needed to write it and what its fit recorded; or a
    committee, with what the fits of its members recorded.
    """

    model: Model
    model_name: str
    model_settings: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)
    certificate: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None

    @property
    def potential(self) -> Potential:
        """The model, where a committee will not do.

        Raises:
            CheckpointError: it is a committee.
        """
        if isinstance(self.model, Committee):
            raise CheckpointError(
                f"a committee of {self.model.n_members} potentials, where one is wanted: give "
                "the checkpoint of one member"
            )
        return self.model


def fingerprint(module: nn.Module) -> str:
    """Short hash of all parameters and buffers, by name and value, whatever their precision or
    device; of a Potential, or of the module of an exported file (which has others).
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        wide = torch.float64 if value.is_floating_point() else torch.int64
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().to(wide).contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def valid_certificate(
    certificate: dict[str, Any] | None, module: nn.Module
) -> dict[str, Any] | None:
    """The certificate if it was found for these parameters; None otherwise."""
    if certificate is None or certificate.get("parameters") != fingerprint(module):
        return None
    return certificate


def new_checkpoint(
    model_name: str,
    settings: dict[str, Any],
    species: list[int],
    repulsion: str = "zbl",
    electrostatics: ElectrostaticsConfig | None = None,
) -> Checkpoint:
    """A potential with random parameters.

    Raises:
        ConfigError: unknown model, setting or repulsion; charges for a published form.
    """
    model = build_model(model_name, settings, species)
    _, settings_class = MODELS[model_name]
    # Every setting is kept: a default that changes later must not change this model.
    complete = settings_class.parse(settings).model_dump(mode="json")
    potential = Potential(model, species, repulsion, electrostatics)
    return Checkpoint(potential, model_name, complete)


def new_committee(members: Sequence[Checkpoint], names: Sequence[str] = ()) -> Checkpoint:
    """A committee of these checkpoints, without certificate and calibration.

    Args:
        names: of the members, for errors.

    Raises:
        ConfigError: see :func:`physrep.committee.check_members`. CheckpointError: a member that is
            a committee itself.
    """
    potentials = [one.potential for one in members]
    check_members(potentials, names)
    committee = Committee(potentials, names).eval()
    described = [
        {
            "model": {"name": one.model_name, "settings": one.model_settings},
            "repulsion": one.potential.repulsion_name,
        }
        for one in members
    ]
    training = {"members": [one.training for one in members]}
    return Checkpoint(committee, COMMITTEE, {"members": described}, training)


def members_of(checkpoint: Checkpoint) -> list[Checkpoint]:
    """The members of a committee, or the checkpoint alone."""
    committee = checkpoint.model
    if not isinstance(committee, Committee):
        return [checkpoint]
    described = checkpoint.model_settings["members"]
    training = checkpoint.training["members"]
    return [
        Checkpoint(potential, about["model"]["name"], about["model"]["settings"], recorded)
        for potential, about, recorded in zip(committee.members, described, training, strict=True)
    ]


def format_of(model: Model) -> int:
    """The oldest format that can hold it, which is the one that is written."""
    return FORMAT_VERSION if isinstance(model, Committee) else OF_ONE_POTENTIAL


def save_checkpoint(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write atomically: an interrupted write never leaves half a file under the final name.

    Raises:
        OutputError: it cannot be written.
    """
    model = checkpoint.model
    contents = {
        "format_version": format_of(model),
        "model": {"name": checkpoint.model_name, "settings": checkpoint.model_settings},
        "species": model.species,
        "repulsion": getattr(model, "repulsion_name", None),  # each member has its own
        "electrostatics": model.electrostatics_settings,
        "state": {name: value.cpu() for name, value in model.state_dict().items()},
        "training": checkpoint.training,
        "certificate": valid_certificate(checkpoint.certificate, model),
    }
    if checkpoint.calibration is not None:
        contents["calibration"] = checkpoint.calibration
    stream = io.BytesIO()  # where the disk is full, torch.save to a file ends the process
    torch.save(contents, stream)
    write_file(path, stream.getvalue())


def load_checkpoint(path: str | Path, dtype: torch.dtype | None = None) -> Checkpoint:
    """Read a checkpoint; the potential comes in evaluation mode on the CPU.

    Args:
        dtype: precision of the model's arithmetic; None keeps the stored one.

    Raises:
        CheckpointError: not a checkpoint, a damaged one (every record is compared with its
            checksum), a newer format, missing or unknown parameters.
    """
    contents = _upgrade(_read(Path(path)), Path(path))
    state = contents["state"]
    try:
        checkpoint = _rebuilt(contents)
        # Precision before values: float64 buffers (energies) must not pass through float32.
        readouts = next(value for name, value in state.items() if "isolated_readouts" in name)
        checkpoint.model.set_dtype(dtype or readouts.dtype)
        checkpoint.model.load_state_dict(state)
    except (ConfigError, KeyError, RuntimeError, StopIteration) as error:
        raise CheckpointError(f"{path}: the parameters do not fit the model: {error}") from None
    checkpoint.training = contents["training"]
    checkpoint.calibration = contents.get("calibration")
    checkpoint.certificate = valid_certificate(contents.get("certificate"), checkpoint.model)
    checkpoint.model.eval()
    return checkpoint


def _rebuilt(contents: dict[str, Any]) -> Checkpoint:
    """Potential or committee without its parameters."""
    if contents["model"]["name"] != COMMITTEE:
        return _rebuilt_alone(contents, contents)
    described = contents["model"]["settings"]["members"]
    members = [_rebuilt_alone({**contents, **about}, contents) for about in described]
    potentials = [one.potential for one in members]
    return Checkpoint(Committee(potentials), COMMITTEE, contents["model"]["settings"])


def _rebuilt_alone(about: dict[str, Any], contents: dict[str, Any]) -> Checkpoint:
    return new_checkpoint(
        about["model"]["name"],
        about["model"]["settings"],
        contents["species"],
        about["repulsion"],
        electrostatics_of(contents.get("electrostatics")),
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    if damaged := damage(path):
        raise CheckpointError(f"{path}: {damaged}")
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a foreign or truncated file
        if damaged := damage_that_torch_finds(error):
            raise CheckpointError(f"{path}: {damaged}") from None
        raise CheckpointError(
            f"{path}: not a physrep checkpoint ({type(error).__name__}); give the .ckpt that a fit "
            "wrote, or an exported .pt where an exported file is asked for"
        ) from None
    if not isinstance(contents, dict) or "format_version" not in contents:
        raise CheckpointError(f"{path}: not a physrep checkpoint: it holds no format_version")
    return contents


def _upgrade(contents: dict[str, Any], path: Path) -> dict[str, Any]:
    version = contents["format_version"]
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format version {version} is newer than this physrep reads "
            f"({FORMAT_VERSION}); upgrade physrep"
        )
    missing = [key for key in KEYS if key not in contents]
    if missing:
        raise CheckpointError(f"{path}: damaged checkpoint, missing {', '.join(missing)}")
    for step in range(version, FORMAT_VERSION):
        contents = UPGRADES.get(step, dict)(contents)  # 3 had no charges, and nothing to change
    return contents
