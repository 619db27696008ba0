"""What an exported file says about itself: JSON in the extra file ``metadata.json``."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict, Field

import physrep
from physrep import ops
from physrep.archive import damage, damage_that_torch_finds, is_torchscript, read_record
from physrep.checkpoint import valid_certificate
from physrep.config import ConfigError, StrictModel
from physrep.engines.device import usable_device
from physrep.errors import UserError
from physrep.torchscript import load_script

METADATA_FILE = "metadata.json"
# 2: edges() takes the types too; 3: its edges hold a tuple; 4: charges; 5: several charges an atom;
# 6: polarization. A file is written as the oldest that can hold it: earlier releases read that.
FORMAT_VERSION = 6
CHARGES_OF_COMMITTEES = 5
CHARGES_OF_ONE = 4
WITHOUT_CHARGES = 3  # of committees too
OLDEST_READ = 2
NOT_EXPORTED = (
    "not an exported potential (TorchScript); make one with 'physrep export CHECKPOINT -o ean.pt'"
)


class ExportError(UserError):
    """An export that cannot be made, verified or read; the message says what to do."""


class TopologyInfo(StrictModel):
    """The system that ``forward`` is bound to."""

    n_atoms: int
    symbols: list[str]
    periodic: bool

    @property
    def fingerprint(self) -> str:
        """Short hash of the elements in their order and of the periodicity."""
        text = ",".join(self.symbols) + f"|{self.periodic}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Metadata(StrictModel):
    """Contents of metadata.json. Units: eV, A; ``forward`` alone takes nm and gives kJ/mol."""

    # An older reader must still open what a newer patch release wrote.
    model_config = ConfigDict(extra="ignore", frozen=True)

    format_version: int = WITHOUT_CHARGES
    physrep_version: str = physrep.__version__
    torch_version: str = Field(default_factory=lambda: torch.__version__)
    model: str
    settings: dict[str, Any]
    species: list[str]
    cutoff: float
    n_layers: int
    width: int
    readout_reads_neighbors: bool
    published: bool
    molecular: bool = False  # whole isolated molecules only
    dtype: str
    ops: str = "portable"  # or "fused": the file needs physrep's compiled operators
    units: dict[str, str] = {"energy": "eV", "length": "A"}
    reference_energies: dict[str, float]
    shortest_distances: dict[str, float]
    electrostatics: dict[str, Any] | None = None  # settings of the charges
    total_charge: float = 0.0  # e, of the topology
    topology: TopologyInfo | None = None
    topology_fingerprint: str | None = None
    topology_cell: list[list[float]] | None = None  # A, rows; of the frame given, if periodic
    n_members: int = 1  # of a committee; 1 where there is none
    calibration: dict[str, Any] | None = None  # of a committee, see docs/committee.md
    training: dict[str, Any] = {}
    certificate: dict[str, Any] | None = None

    @property
    def verdict(self) -> str:
        """What ``physrep certify`` found, in a line."""
        return verdict_line(self.certificate)


def script_bytes(module: torch.jit.ScriptModule, metadata: Metadata) -> bytes:
    """An exported file in memory: where the disk is full, PyTorch's own writing to a file ends the
    process.
    """
    text = metadata.model_dump_json(indent=1)
    return module.save_to_buffer(_extra_files={METADATA_FILE: text})


def verdict_line(certificate: dict[str, Any] | None) -> str:
    """Of a certificate in a checkpoint or an exported file."""
    if certificate is None:
        return "none (not certified)"
    return str(certificate.get("line", certificate.get("verdict", "without a verdict")))


def read_exported(path: str | Path, device: str = "cpu") -> tuple[torch.jit.ScriptModule, Metadata]:
    """Load an exported file and its metadata.

    Raises:
        ExportError: no such file, a damaged one (every record is compared with its checksum), not
            TorchScript, not from physrep, a newer format, fused operators that are not installed.
        DeviceError: an unknown device, or a GPU that is not here.
    """
    path = Path(path)
    metadata = read_metadata(path)
    usable_device(device)
    if metadata.ops == "fused" and not ops.available():
        raise ExportError(
            f"{path}: exported with --ops fused, which needs physrep's compiled "
            f"operators: {ops.problem() or ops.ADVICE}"
        )
    try:
        module = load_script(path, device)
    except (RuntimeError, ValueError) as error:
        raise ExportError(f"{path}: {damage_that_torch_finds(error) or NOT_EXPORTED}") from None
    kept = valid_certificate(metadata.certificate, module)
    return module, metadata.model_copy(update={"certificate": kept})


def read_metadata(path: str | Path) -> Metadata:
    """What an exported file says about itself, without PyTorch loading it. Whether the certificate
    is of the parameters that the file holds is left to :func:`read_exported`.

    Raises:
        ExportError: as ``read_exported``, apart from what loading alone finds.
    """
    path = Path(path)
    if not path.is_file():
        raise ExportError(f"{path}: no such file")
    if damaged := damage(path):
        raise ExportError(f"{path}: {damaged}")
    if not is_torchscript(path):
        raise ExportError(f"{path}: {NOT_EXPORTED}")
    return parse_metadata(read_record(path, "extra/" + METADATA_FILE), path)


def parse_metadata(text: str | bytes, path: Path) -> Metadata:
    """Read metadata.json; ``path`` is named in errors (ExportError)."""
    if not text:
        raise ExportError(f"{path}: TorchScript, but without physrep's {METADATA_FILE}")
    try:
        values = json.loads(text)
        version = values["format_version"]
    except (ValueError, TypeError, KeyError):
        raise ExportError(
            f"{path}: damaged metadata: {text[:40]!r} is not what an export writes (a JSON object "
            "with format_version); export again"
        ) from None
    if version > FORMAT_VERSION:
        raise ExportError(
            f"{path}: exported format {version} is newer than this physrep reads "
            f"({FORMAT_VERSION}); upgrade physrep"
        )
    if version < OLDEST_READ:
        raise ExportError(
            f"{path}: exported format {version} is of an older physrep, this one reads "
            f"{OLDEST_READ} to {FORMAT_VERSION}; export the checkpoint again"
        )
    try:
        return Metadata.parse(values)
    except ConfigError as error:
        raise ExportError(f"{path}: damaged metadata: {error}") from None
