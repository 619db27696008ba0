"""The compiled operators, ``torch.ops.physrep``: faster than the same equations in PyTorch.

Importing this module loads them where they are installed. Every layer that knows them has the
attribute ``fused``; :meth:`physrep.potential.Potential.use_ops` sets it. docs/speed.md says what
the operators compute and how fast they are.
"""

import importlib.metadata
import os
from pathlib import Path

import torch

LIBRARY_FILE = "libphysrep_ops.so"
OPS = ("portable", "fused")
ADVICE = (
    "install physrep with its compiled part ('make setup', or the wheel), "
    "or export with '--ops portable'"
)


class OperatorsMissing(RuntimeError):
    """The fused operators are asked for and not here; the message says what to do."""


def library_path() -> Path | None:
    """Where the operators lie: beside the LAMMPS plugin, in physrep/lib; None where they are not.

    A build by hand that LAMMPS_PLUGIN_PATH names goes before the installed one, as for LAMMPS.
    """
    named = [Path(place) for place in os.environ.get("LAMMPS_PLUGIN_PATH", "").split(":") if place]
    places = [*named, Path(__file__).resolve().parent / "lib", *_installed()]
    return next(
        (place / LIBRARY_FILE for place in places if (place / LIBRARY_FILE).is_file()), None
    )


def _installed() -> list[Path]:
    """Directories of an editable install, whose compiled files lie apart from its sources."""
    try:
        files = importlib.metadata.files("physrep") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Path(str(file.locate())).parent for file in files if file.name == LIBRARY_FILE]


def available() -> bool:
    """Whether the operators are registered in this process."""
    return hasattr(torch.ops.physrep, "attention_weights")


def load() -> bool:
    """Register the operators, once; False where they are not installed."""
    path = None if available() else library_path()
    if path is not None:
        torch.ops.load_library(path)
    return available()


def require(what: str) -> None:
    """Raise OperatorsMissing unless the operators are registered; ``what`` begins the message."""
    if not load():
        raise OperatorsMissing(f"{what} needs physrep's compiled operators: {ADVICE}")


load()
