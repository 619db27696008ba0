"""OpenMM: an exported file as a Force, compared with the system before a Context exists.

:func:`add_potential` adds it to a System. ``openmmtorch.TorchForce("ean.pt")`` alone works as well,
where torch is imported before openmm; nothing is compared then.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from physrep.engines.metadata import (
    ExportError,
    Metadata,
    TopologyInfo,
    read_exported,
    read_metadata,
)
from physrep.engines.openmm_deviation import DeviationReporter as DeviationReporter
from physrep.engines.openmm_guard import GuardStop as GuardStop
from physrep.engines.openmm_guard import PotentialGuard as PotentialGuard
from physrep.engines.openmm_system import (
    box_of,
    checked_atoms,
    compare_system,
    compare_topology,
    elements_of,
)
from physrep.engines.openmm_topology import topology_from_atoms as topology_from_atoms
from physrep.engines.openmmtorch_package import import_openmmtorch as import_openmmtorch
from physrep.engines.state_function import Served, StateFunction
from physrep.units import NM_IN_ANGSTROM

logger = logging.getLogger(__name__)

ENGINES = ("pythonforce", "torchforce")


def add_potential(
    system: Any,
    topology: Any,
    path: str | Path,
    atoms: Iterable[int] | None = None,
    engine: str = "pythonforce",
    device: str | None = None,
    total_charge: float | None = None,
) -> Any:
    """Add an exported file to an OpenMM System; returns the Force that was added.

    A file that was exported with ``--topology`` serves that topology; one without serves any
    system of its elements (pythonforce).

    Args:
        system: ``openmm.System`` with a particle for each atom, and its box set.
        topology: ``openmm.app.Topology`` of it, virtual sites included.
        path: file written by ``physrep export``.
        atoms: numbers of the atoms that the potential is for; None for all. Other forces serve the
            rest, and those between the two parts.
        engine: ``pythonforce``, OpenMM's own, with any torch; or ``torchforce``, of openmmtorch,
            for all atoms.
        device: of the network in pythonforce: cpu, cuda; None takes cuda where there is a GPU.
        total_charge: in e, of the atoms that the potential is for, if it has charges; None takes
            what the file was exported with, 0 where it has no topology.

    Raises:
        ExportError: not an exported file, or one for other atoms, another order, another box;
            unknown elements; unknown engine.
        ImportError: what the engine needs does not load; says what to do.
    """
    compare_system(system, topology)
    chosen = checked_atoms(atoms, system.getNumParticles())
    if engine == "torchforce":
        force = _torch_force_of_all(path, topology, chosen, total_charge)
    elif engine == "pythonforce":
        force = python_force(path, topology, device, chosen, total_charge)
    else:
        raise ExportError(f"engine = {engine!r}: choose one of {', '.join(ENGINES)}")
    system.addForce(force)
    return force


def _torch_force_of_all(
    path: str | Path, topology: Any, chosen: list[int] | None, total_charge: float | None
) -> Any:
    if chosen is not None:
        raise ExportError(
            f"engine = 'torchforce' with {len(chosen)} of {topology.getNumAtoms()} atoms: "
            "TorchForce passes all particles of the System, in their order; use "
            "engine='pythonforce' for a part of them"
        )
    written = read_metadata(path).total_charge
    if total_charge is not None and total_charge != written:
        raise ExportError(
            f"total_charge = {total_charge:g}: {path} was exported for {written:g}, and TorchForce "
            "computes with that; export again with --charge, or use engine='pythonforce'"
        )
    return TorchForce(path, topology)


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


def python_force(
    path: str | Path,
    topology: Any = None,
    device: str | None = None,
    atoms: Iterable[int] | None = None,
    total_charge: float | None = None,
) -> Any:
    """OpenMM's own ``PythonForce`` of an exported file: needs no openmmtorch, any torch will do.

    The first evaluation compares the box with the topology's and checks the contacts. Serialising
    the System keeps path and checksum of the file, not its contents.

    Args:
        path: file written by ``physrep export``.
        topology: ``openmm.app.Topology`` of all particles, compared with the file where the file
            has one; may be left out there.
        device, atoms, total_charge: as those of :func:`add_potential`; ``atoms`` needs the
            topology.

    Raises:
        As :func:`add_potential`.
    """
    chosen = None if topology is None else checked_atoms(atoms, topology.getNumAtoms())
    metadata = read_metadata(path)
    charge = _total_charge(metadata, total_charge, path)
    served = _served(metadata, topology, chosen, path)._replace(total_charge=charge)
    function = StateFunction(path, served, device)
    _tell(function.metadata, path)
    force = import_openmm().PythonForce(function)
    force.setUsesPeriodicBoundaryConditions(function.served.periodic)
    if chosen is not None:
        force.setParticles(chosen)
    return force


def _total_charge(metadata: Metadata, given: float | None, path: str | Path) -> float:
    """In e; a charge for a potential without charges is an ExportError."""
    if given and metadata.electrostatics is None:
        raise ExportError(
            f"total_charge = {given:g}: the potential in {path} has no charges; leave it out, or "
            "fit one with electrostatics"
        )
    return metadata.total_charge if given is None else given


def _served(
    metadata: Metadata, topology: Any, chosen: list[int] | None, path: str | Path
) -> Served:
    """The particles as the topology describes them, or the file where there is none."""
    if topology is None:
        bound, cell = _bound_of(metadata, path), metadata.topology_cell
        box = None if cell is None else np.array(cell) / NM_IN_ANGSTROM
        return Served(bound.symbols, bound.periodic, box)
    box = box_of(topology)
    served = Served(elements_of(topology, chosen, path), box is not None, box, chosen)
    if metadata.topology is not None:
        compare_topology(metadata.topology, served.symbols, served.periodic, path)
    return served


def import_openmm() -> ModuleType:
    """The package openmm.

    Raises:
        ImportError: it does not load; says what to install.
    """
    try:
        import openmm
    except ImportError as error:
        raise ImportError(f"OpenMM does not load ({error}); pip install 'openmm==8.6.*'") from None
    return openmm


def read_bound(path: str | Path, topology: Any = None) -> TopologyInfo:
    """The topology of a file that TorchForce can use, compared with ``topology`` where one is
    given.

    Raises:
        ExportError: the file has no topology, or another one.
    """
    _, metadata = read_exported(path)
    bound = _bound_of(metadata, path)
    if topology is not None:
        symbols = [None if a.element is None else a.element.symbol for a in topology.atoms()]
        compare_topology(bound, symbols, box_of(topology) is not None, path)
    _tell(metadata, path)
    return bound


def _bound_of(metadata: Metadata, path: str | Path) -> TopologyInfo:
    if metadata.topology is None:
        raise ExportError(
            f"{path}: exported without a topology, and OpenMM passes no elements; give topology= "
            "to add_potential or python_force, or export again with 'physrep export CHECKPOINT "
            "--topology FILE'"
        )
    return metadata.topology


def _tell(metadata: Metadata, path: str | Path) -> None:
    """The verdict in the log: a warning, which Python shows by default, unless it is a pass or
    there is none.
    """
    worth_a_warning = (metadata.certificate or {}).get("verdict", "pass") != "pass"
    level = logging.WARNING if worth_a_warning else logging.INFO
    logger.log(level, "%s: certificate: %s", path, metadata.verdict)
