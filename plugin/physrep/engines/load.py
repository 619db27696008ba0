"""A potential ready to compute with, from a checkpoint or from an exported file."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from physrep.archive import is_torchscript
from physrep.checkpoint import load_checkpoint
from physrep.committee import Committee
from physrep.engines.device import leave_threads_of_parent, usable_device
from physrep.engines.export import DTYPES
from physrep.engines.file_energies import energies_of
from physrep.engines.frame_checks import by_elements
from physrep.engines.heap import keep_heap
from physrep.engines.metadata import ExportError, read_exported
from physrep.pair.electrostatics_config import ElectrostaticsConfig, electrostatics_of
from physrep.pair.guard import START
from physrep.potential import Energies


class FileVersion(NamedTuple):
    """A file, and what it held when it was read.

    path: absolute; checksum: SHA-256 of the contents.
    """

    path: Path
    checksum: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """The version that is there now; an empty checksum where there is no file."""
        path = path.resolve()
        contents = path.read_bytes() if path.is_file() else b""
        return cls(path, hashlib.sha256(contents).hexdigest() if contents else "")

    def refuse_another(self, reader: str, advice: str) -> None:
        """What was saved with a file's path and checksum serves the same contents alone.

        Args:
            reader: what reads the file again, with a verb; advice: what to do but bring it back.

        Raises:
            ExportError: the file has gone or changed since.
        """
        now = FileVersion.read(self.path).checksum
        if now != self.checksum:
            found = f"has changed since (SHA-256 {now[:12]}, then {self.checksum[:12]})"
            raise ExportError(
                f"{self.path}: {reader}, and it {found if now else 'is not here'}; bring the "
                f"file back, or {advice}"
            )


class LoadedPotential(NamedTuple):
    """A potential and where it is from.

    energies: as a Potential, (types, edge_index, vectors in A, structure, geometry) -> Energies, of
    one structure; with several members as a Committee, whose ``each`` it has too; n_members: 1
    unless it is a committee; electrostatics: settings of the charges, None for a potential without,
    which needs no geometry; symbols: of the types; cutoff: A; dtype: of the network's arithmetic;
    molecular: see AtomicModel; guarded: whether the guard acts on short distances;
    shortest_distances: (n_types, n_types) A, float64, on the CPU, of the training data, 0 where
    unknown; file: what was read; asked_device: what the caller asked for, None for any.

    Pickled as file, device and dtype: the file is read again where the pickle is loaded, and one
    that has changed meanwhile is refused. Copies share the potential, which never changes.
    """

    energies: Callable[..., Energies]
    n_members: int
    electrostatics: ElectrostaticsConfig | None
    symbols: list[str]
    cutoff: float
    dtype: str
    molecular: bool
    guarded: bool
    shortest_distances: Tensor
    device: torch.device
    file: FileVersion
    asked_device: str | None

    @property
    def path(self) -> Path:
        """The file, as an absolute path."""
        return self.file.path

    @property
    def charged(self) -> bool:
        """Whether it has charges."""
        return self.electrostatics is not None

    @property
    def guard_limits(self) -> Tensor | None:
        """(n_types, n_types) A, the distances below which the guard acts; None without guard."""
        return START * self.shortest_distances if self.guarded else None

    @property
    def shortest_contacts(self) -> dict[str, float]:
        """A, of pairs of elements such as C-H."""
        return by_elements(self.symbols, self.shortest_distances)

    def __reduce__(self) -> tuple[Any, ...]:
        """TorchScript modules do not pickle."""
        return _load_same, (str(self.path), self.file.checksum, self.asked_device, self.dtype)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


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
        DeviceError: an unknown device, or a GPU that is not here.
    """
    path = Path(path)
    if dtype is not None and dtype not in DTYPES:
        raise ExportError(f"dtype = {dtype!r}: choose float32 or float64")
    where = usable_device(device)
    leave_threads_of_parent()
    keep_heap(torch.empty(0))
    file = FileVersion.read(path)
    load = _load_exported if is_torchscript(path) else _load_checkpoint
    return LoadedPotential(*load(path, where, dtype), where, file, device)


def _load_same(path: str, checksum: str, device: str | None, dtype: str) -> LoadedPotential:
    """Load what another process had loaded.

    Raises:
        ExportError: the file has gone or changed since.
    """
    FileVersion(Path(path), checksum).refuse_another(
        "a pickled or copied calculator reads this file again", "make the calculator again"
    )
    return load_potential(path, device, dtype)


_Settings = ElectrostaticsConfig | None
_Parts = tuple[Callable[..., Energies], int, _Settings, list[str], float, str, bool, bool, Tensor]


def _load_exported(path: Path, device: torch.device, dtype: str | None) -> _Parts:
    """The first fields of LoadedPotential."""
    module, metadata = read_exported(path, str(device))
    if dtype not in (None, metadata.dtype):
        raise ExportError(
            f"{path}: dtype = {dtype!r}, but this file was exported in {metadata.dtype}; export "
            f"again with 'physrep export CHECKPOINT --dtype {dtype}'"
        )
    return (
        energies_of(module, metadata),
        metadata.n_members,
        electrostatics_of(metadata.electrostatics),
        metadata.species,
        metadata.cutoff,
        metadata.dtype,
        metadata.molecular,
        bool(module.potential.guarded),
        _on_cpu(module.potential.shortest_distances),
    )


def _load_checkpoint(path: Path, device: torch.device, dtype: str | None) -> _Parts:
    potential = load_checkpoint(path, None if dtype is None else DTYPES[dtype]).model
    potential.requires_grad_(False).bake()
    precision = str(potential.dtype).removeprefix("torch.")
    potential.to(device)
    return (
        potential,
        potential.n_members if isinstance(potential, Committee) else 1,
        electrostatics_of(potential.electrostatics_settings),
        potential.symbols,
        potential.cutoff,
        precision,
        potential.molecular,
        potential.guarded,
        _on_cpu(potential.shortest_distances),
    )


def _on_cpu(table: Tensor) -> Tensor:
    return table.detach().cpu().clone()
