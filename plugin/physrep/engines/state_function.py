"""What OpenMM's PythonForce calls: a State -> energy and forces of an exported file."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from physrep.engines.bound_topology import types_of
from physrep.engines.device import leave_threads_of_parent, usable_device
from physrep.engines.frame_checks import FrameError, check_contacts, check_finite
from physrep.engines.heap import keep_heap
from physrep.engines.load import FileVersion
from physrep.engines.metadata import ExportError, Metadata, read_exported
from physrep.engines.openmm_system import refuse_forgotten_box
from physrep.neighbors import Neighbors
from physrep.nn.scatter import sum_edges
from physrep.ops.skin_list import SkinList
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM


class Served(NamedTuple):
    """The particles that a potential serves.

    symbols: their elements, in order; periodic: whether they are in a box; box: (3, 3) nm, that of
    the topology, None where it is not known; particles: their numbers in the System, None for all.
    """

    symbols: list[str]
    periodic: bool
    box: np.ndarray | None = None
    particles: list[int] | None = None


class _Loaded(NamedTuple):
    """The file in memory; types: (n_atoms,) of the particles."""

    module: torch.jit.ScriptModule
    metadata: Metadata
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
        neighbors = self._neighbors(loaded, positions, cell)
        if not self._start_is_checked:
            self._check_start(loaded.metadata, neighbors, cell)
            self._start_is_checked = True
            _slope(loaded, neighbors)  # TorchScript's first call rounds otherwise than later ones
        energy, slope = _slope(loaded, neighbors)
        if not bool(torch.isfinite(energy)):
            raise FrameError(
                f"the energy is {energy.item()} at finite positions: files of physrep 0.2.0 and "
                "before have none where atoms overlap; export the checkpoint again"
            )
        n_atoms, (i, j) = len(positions), neighbors.edge_index
        forces = sum_edges(slope, i, n_atoms) - sum_edges(slope, j, n_atoms)
        return (
            energy.item() * EV_IN_KJ_PER_MOL,
            forces.cpu().numpy() * (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM),
        )

    def _neighbors(self, loaded: _Loaded, positions: np.ndarray, cell: np.ndarray) -> Neighbors:
        device = loaded.types.device
        pbc = torch.full((3,), self.served.periodic, device=device)
        place, frame = (torch.tensor(array, device=device) for array in (positions, cell))
        return loaded.neighbor_list(place, frame, pbc)

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
        return _Loaded(module, metadata, types.to(device), SkinList(metadata.cutoff))


def _slope(loaded: _Loaded, neighbors: Neighbors) -> tuple[Tensor, Tensor]:
    """Energy in eV and its gradient with respect to the edge vectors, (n_edges, 3) eV/A."""
    vectors = neighbors.vectors.detach().requires_grad_(True)
    energy = loaded.module.atomic_energies(loaded.types, neighbors.edge_index, vectors).sum()
    (slope,) = torch.autograd.grad(energy, vectors)
    return energy, slope
