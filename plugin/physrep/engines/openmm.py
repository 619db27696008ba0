"""OpenMM: an exported file as a Force, checked against the system before a Context exists.

``openmmtorch.TorchForce("ean.pt")`` alone works as well, where torch is imported before openmm;
this module finds mistakes while the System is built and reports them in a sentence.
"""

import logging
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from physrep.engines.metadata import ExportError, Metadata, TopologyInfo, read_exported

logger = logging.getLogger(__name__)

OPENMMTORCH_TORCH = "2.9."  # what the openmmtorch 1.5 wheel was built against


def TorchForce(path: str | Path, topology: Any = None) -> Any:  # noqa: N802 (of openmmtorch)
    """An ``openmmtorch.TorchForce`` of an exported file, its periodicity set.

    Args:
        path: file written by ``physrep export --topology``.
        topology: ``openmm.app.Topology`` of the system; compared with the file atom by atom.

    Raises:
        ExportError: not an exported file, no topology in it, or another system than ``topology``.
        ImportError: OpenMM or openmmtorch is not installed or does not load; says what to do.
    """
    bound = read_bound(path, topology)
    force = import_openmmtorch().TorchForce(str(path))
    force.setUsesPeriodicBoundaryConditions(bound.periodic)
    return force


def python_force(path: str | Path, topology: Any = None, device: str = "cpu") -> Any:
    """OpenMM's own ``PythonForce`` of an exported file: needs no openmmtorch, any torch will do.

    Slower than :func:`TorchForce` by the way through Python. Serialising the System keeps the
    path of the file, not its contents.

    Args and errors: as :func:`TorchForce`; device: where the network runs.
    """
    bound = read_bound(path, topology)
    try:
        import openmm
    except ImportError as error:
        raise ImportError(f"OpenMM does not load ({error}); pip install 'openmm==8.6.*'") from None
    force = openmm.PythonForce(StateFunction(path, device))
    force.setUsesPeriodicBoundaryConditions(bound.periodic)
    return force


class StateFunction:
    """What ``PythonForce`` calls: an OpenMM State -> energy (kJ/mol), forces (kJ/mol/nm)."""

    def __init__(self, path: str | Path, device: str = "cpu") -> None:
        self.path = str(Path(path).resolve())
        self.device = device
        self.module, metadata = read_exported(path, device)
        self.periodic = metadata.topology is not None and metadata.topology.periodic

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled (by OpenMM's XmlSerializer) as the path; TorchScript modules do not pickle."""
        return StateFunction, (self.path, self.device)

    def __call__(self, state: Any) -> tuple[float, Any]:
        """Energy in kJ/mol and forces (n_atoms, 3) in kJ/mol/nm of the State's positions."""
        positions = torch.tensor(state.getPositions(asNumpy=True)._value, device=self.device)
        box = None
        if self.periodic:
            box = torch.tensor(state.getPeriodicBoxVectors(asNumpy=True)._value)
        energy = self.module(positions.requires_grad_(True), box)
        (slope,) = torch.autograd.grad(energy, positions)
        return energy.item(), -slope.cpu().numpy()


def read_bound(path: str | Path, topology: Any = None) -> TopologyInfo:
    """The topology of a file that OpenMM can use, compared with ``topology`` where one is given.

    Raises:
        ExportError: the file has no topology, or another one.
    """
    _, metadata = read_exported(path)
    if metadata.topology is None:
        raise ExportError(
            f"{path}: exported without a topology, and OpenMM passes no elements; export again "
            "with 'physrep export CHECKPOINT --topology FILE'"
        )
    if topology is not None:
        _compare(metadata.topology, topology, path)
    _tell(metadata, path)
    return metadata.topology


def _tell(metadata: Metadata, path: str | Path) -> None:
    """The verdict in the log: a warning, which Python shows by default, unless it is a pass or
    there is none.
    """
    worth_a_warning = (metadata.certificate or {}).get("verdict", "pass") != "pass"
    level = logging.WARNING if worth_a_warning else logging.INFO
    logger.log(level, "%s: certificate: %s", path, metadata.verdict)


def _compare(bound: TopologyInfo, topology: Any, path: str | Path) -> None:
    """Number of atoms, elements in order, box."""
    elements = [None if a.element is None else a.element.symbol for a in topology.atoms()]
    if len(elements) != bound.n_atoms:
        raise ExportError(
            f"{path}: exported for {bound.n_atoms} atoms, the topology has {len(elements)}; export "
            "again with the topology of this system"
        )
    for k, (ours, theirs) in enumerate(zip(bound.symbols, elements, strict=True)):
        if ours != theirs:
            raise ExportError(
                f"{path}: atom {k} (counted from 0) is {ours} in the file and "
                f"{theirs or 'no element'} in the topology; bring the atoms into the order of the "
                "file, or export again with this topology"
            )
    if bound.periodic and topology.getPeriodicBoxVectors() is None:
        raise ExportError(
            f"{path}: exported for a periodic system, the topology has no box; call "
            "topology.setPeriodicBoxVectors(...), or export again with an isolated topology"
        )


@cache
def import_openmmtorch() -> ModuleType:
    """The openmmtorch package, working whichever of openmm and torch was imported first.

    Raises:
        ImportError: it or what it needs does not load; says what to install.
    """
    if not torch.__version__.startswith(OPENMMTORCH_TORCH):  # it would fail in the first force
        raise ImportError(
            f"OpenMM's TorchForce works with torch {OPENMMTORCH_TORCH}* and torch "
            f"{torch.__version__} is installed: use physrep.engines.openmm.python_force, or "
            "pip install 'physrep[openmmtorch]' in an environment for that torch"
        )
    root = logging.getLogger()
    root.addFilter(_is_no_simtk_notice)
    try:
        import openmmtorch  # after torch, whose libraries it needs

        _load_missing_plugins()
    except ImportError as error:
        raise ImportError(
            f"OpenMM's TorchForce does not load ({error}): pip install 'physrep[openmmtorch]' (see "
            "'physrep doctor'), or use physrep.engines.openmm.python_force"
        ) from None
    finally:
        root.removeFilter(_is_no_simtk_notice)
    return openmmtorch


def _load_missing_plugins() -> None:
    """Load openmmtorch's kernels where ``import openmm`` came before torch and could not."""
    from openmm import OpenMMException, Platform

    for failure in Platform.getPluginLoadFailures():
        if "OpenMMTorch" in failure:
            library = failure.removeprefix("Error loading library ").partition(": ")[0]
            with suppress(OpenMMException):  # a platform that is not here (OpenCL, CUDA)
                Platform.loadPluginLibrary(library)


def _is_no_simtk_notice(record: logging.LogRecord) -> bool:
    """openmmtorch 1.5 imports OpenMM by its old name, and OpenMM tells the user to stop that."""
    return "importing 'simtk.openmm' is deprecated" not in record.getMessage()
