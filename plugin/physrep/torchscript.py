"""TorchScript: compile and load. The one place that knows that PyTorch deprecates it.

torch warns from 2.10 on. OpenMM's TorchForce and the LAMMPS plugin run a file without Python, and
there is no other format for that. A user can do nothing about it: physrep's own calls are silent.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

DEPRECATION = r"`torch\.jit\."  # how the messages begin


@contextmanager
def silence_deprecation() -> Iterator[None]:
    """Inside, torch.jit does not warn that it is deprecated. Other warnings are untouched."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):  # torch 2.10, later ones
            warnings.filterwarnings("ignore", DEPRECATION, category)
        yield


def compile_script(module: torch.nn.Module) -> torch.jit.ScriptModule:
    """``torch.jit.script``."""
    with silence_deprecation():
        return torch.jit.script(module)


def load_script(path: str | Path, device: torch.device | str = "cpu") -> torch.jit.ScriptModule:
    """``torch.jit.load``."""
    with silence_deprecation():
        return torch.jit.load(str(path), map_location=device)
