"""A potential ready to compute with, from a checkpoint or from an exported file."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from physrep.checkpoint import load_checkpoint
from physrep.engines.export import DTYPES
from physrep.engines.heap import keep_heap
from physrep.engines.metadata import ExportError, read_exported


class LoadedPotential(NamedTuple):
    """atomic_energies: (types, edge_index, vectors in A) -> (n_atoms,) eV; symbols: of the types;
    cutoff: A; dtype: of the network's arithmetic; molecular: see AtomicModel.
    """

    atomic_energies: Callable[[Tensor, Tensor, Tensor], Tensor]
    symbols: list[str]
    cutoff: float
    dtype: str
    device: torch.device
    path: Path
    molecular: bool


def load_potential(
    path: str | Path, device: str | None = None, dtype: str | None = None
) -> LoadedPotential:
    """Load a checkpoint (.ckpt) or an exported file (.pt); told apart by what they hold.

    Args:
        device: None takes cuda where there is one, otherwise the CPU.
        dtype: "float32" or "float64", precision of the network; None keeps the file's own. An
            exported file cannot change its own.

    Raises:
        CheckpointError, ExportError: not such a file; unknown dtype; another dtype than exported.
    """
    path = Path(path)
    if dtype is not None and dtype not in DTYPES:
        raise ExportError(f"dtype = {dtype!r}: choose float32 or float64")
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    keep_heap(torch.empty(0))
    if is_torchscript(path):
        return _load_exported(path, where, dtype)
    potential = load_checkpoint(path, None if dtype is None else DTYPES[dtype]).potential
    potential.requires_grad_(False).bake()
    precision = str(potential.dtype).removeprefix("torch.")
    return LoadedPotential(
        potential.to(where),
        potential.symbols,
        potential.cutoff,
        precision,
        where,
        path,
        potential.molecular,
    )


def _load_exported(path: Path, device: torch.device, dtype: str | None) -> LoadedPotential:
    module, metadata = read_exported(path, str(device))
    if dtype not in (None, metadata.dtype):
        raise ExportError(
            f"{path}: dtype = {dtype!r}, but this file was exported in {metadata.dtype}; export "
            f"again with 'physrep export CHECKPOINT --dtype {dtype}'"
        )
    energies = module.atomic_energies
    return LoadedPotential(
        energies,
        metadata.species,
        metadata.cutoff,
        metadata.dtype,
        device,
        path,
        metadata.molecular,
    )


def is_torchscript(path: Path) -> bool:
    """Whether the file is a TorchScript archive; both kinds of file are zip archives."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())
