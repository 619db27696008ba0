"""What OpenMM's PythonForce calls: a State -> energy and forces of an exported file."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from physrep.engines.bound_topology import types_of
from physrep.engines.device import leave_threads_of_parent, usable_device
from physrep.engines.file_energies import FileEnergies, energies_of
from physrep.engines.frame_checks import FrameError, check_contacts, check_finite
from physrep.engines.heap import keep_heap
from physrep.engines.load import FileVersion
from physrep.engines.metadata import ExportError, Metadata, read_exported
from physrep.engines.openmm_system import refuse_forgotten_box
from physrep.geometry import Geometry, single_geometry
from physrep.neighbors import Neighbors
from physrep.ops.skin_list import SkinList
from physrep.prediction import energy_and_forces
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM


class Served(NamedTuple):
    """The particles that a potential serves.

    symbols: their elements, in order; periodic: whether they are in a box; box: (3, 3) nm, that of
    the topology, None where it is not known; particles: their numbers in the System, None for all;
    total_charge: in e, read by a potential with charges.
    """

    symbols: list[str]
    periodic: bool
    box: np.ndarray | None = None
    particles: list[int] | None = None
    total_charge: float = 0.0


class _Loaded(NamedTuple):
    """The file in memory; energies: what calls it; types: (n_atoms,) of the particles."""

    module: torch.jit.ScriptModule
    metadata: Metadata
    energies: FileEnergies
    types: Tensor
    neighbor_list: SkinList


class StateFunction:
    """An OpenMM State -> energy (kJ/mol), forces (kJ/mol/nm), with the network on ``device``.

    The first evaluation, at positions that a user has set, checks their contacts and the box. Later
    ones may be trial positions of a minimiser and are computed as they are, if they are finite.

    Pickled (by OpenMM's XmlSerializer) as path and checksum of the file. The file is read at the
    first evaluation, because OpenMM does not survive an error while it unpickles.
    """

    def __init__(self, path: str | Path, served: Served, device: str | None = None) -> None:
        """path: of an exported file; device: cpu, cuda, or None for cuda where there is a GPU.

        Raises:
            ExportError: not an exported file, an element that it does not know, a box for a
                potential of isolated molecules. DeviceError: unknown device, or a GPU that is not
                here.
        """
        self.file = FileVersion.read(Path(path))
        self.served = served
        self.device = device
        self._start_is_checked = False
        self._loaded: _Loaded | None = self._load()

    @property
    def metadata(self) -> Metadata:
        """Of the file, which is read first where it has not been."""
        return self._ready().metadata

    def __getstate__(self) -> dict[str, Any]:
        kept = ("file", "served", "device")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _start_is_checked=False, _loaded=None)

    def __call__(self, state: Any) -> tuple[float, np.ndarray]:
        """Energy in kJ/mol and forces (n_atoms, 3) in kJ/mol/nm of the State's positions.

        Raises:
            ExportError: the file has gone or changed. FrameError: positions that are not finite, or
                at the first evaluation atoms far nearer than in the training data.
        """
        leave_threads_of_parent()
        positions = NM_IN_ANGSTROM * state.getPositions(asNumpy=True)._value
        cell = np.zeros((3, 3))
        if self.served.periodic:
            cell = NM_IN_ANGSTROM * state.getPeriodicBoxVectors(asNumpy=True)._value
        try:
            return self.evaluate(positions, cell)
        except FrameError as error:
            raise FrameError(f"physrep: {error}{self._numbering()}") from None
        except KeyboardInterrupt:  # OpenMM passes on the words of an exception, and it has none
            raise RuntimeError("interrupted") from None

    def evaluate(self, positions: np.ndarray, cell: np.ndarray) -> tuple[float, np.ndarray]:
        """As a call; positions (n_atoms, 3) and cell (3, 3) in A."""
        check_finite(self.served.symbols, positions)
        loaded = self._ready()
        geometry = self._geometry(loaded, positions, cell)
        neighbors = loaded.neighbor_list(geometry.positions, geometry.cells[0], geometry.pbc[0])
        if not self._start_is_checked:
            self._check_start(loaded.metadata, neighbors, cell)
            self._start_is_checked = True
            _evaluate(
                loaded, neighbors, geometry
            )  # TorchScript's first call rounds otherwise than later ones
        found, forces = _evaluate(loaded, neighbors, geometry)
        energy = found.item()
        if not math.isfinite(energy):
            raise FrameError(
                f"the energy is {energy} at finite positions: files of physrep 0.2.0 and "
                "before have none where atoms overlap; export the checkpoint again"
            )
        return (
            energy * EV_IN_KJ_PER_MOL,
            forces.cpu().numpy() * (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM),
        )

    def _geometry(self, loaded: _Loaded, positions: np.ndarray, cell: np.ndarray) -> Geometry:
        device = loaded.types.device
        pbc = torch.full((3,), self.served.periodic, device=device)
        place, frame = (torch.tensor(array, device=device) for array in (positions, cell))
        return single_geometry(place, frame, pbc, self.served.total_charge)

    def _check_start(self, metadata: Metadata, neighbors: Neighbors, cell: np.ndarray) -> None:
        if self.served.box is not None:
            refuse_forgotten_box(cell / NM_IN_ANGSTROM, self.served.box)
        edges = neighbors.edge_index, neighbors.distances
        check_contacts(self.served.symbols, *edges, metadata.shortest_distances)

    def _numbering(self) -> str:
        particles = self.served.particles
        if particles is None:
            return ""
        shown = ", ".join(str(k) for k in particles[:8]) + (", ..." if len(particles) > 8 else "")
        return f"; atoms 0, 1, ... of the potential are the particles {shown} of the System"

    def _ready(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = self._load_same()
        return self._loaded

    def _load_same(self) -> _Loaded:
        """In another process or a copy: the file, if it is the one that was saved."""
        self.file.refuse_another(
            "the System computes with this file", "make the System again with the new one"
        )
        return self._load()

    def _load(self) -> _Loaded:
        path, device = self.file.path, usable_device(self.device)
        module, metadata = read_exported(path, str(device))
        if metadata.molecular and self.served.periodic:
            raise ExportError(
                f"{path}: this model sees all atoms of an isolated molecule at once and knows no "
                "periodic box; simulate a molecule without a box, or fit a local model"
            )
        keep_heap(torch.empty(0))
        types = torch.from_numpy(types_of(self.served.symbols, metadata.species, path))
        energies = energies_of(module, metadata)
        return _Loaded(module, metadata, energies, types.to(device), SkinList(metadata.cutoff))


def _evaluate(loaded: _Loaded, neighbors: Neighbors, geometry: Geometry) -> tuple[Tensor, Tensor]:
    """Energy in eV and forces (n_atoms, 3) in eV/A."""
    edges = neighbors.edge_index, neighbors.vectors
    place = geometry if loaded.energies.charged else None
    return energy_and_forces(loaded.energies, loaded.types, *edges, place)
