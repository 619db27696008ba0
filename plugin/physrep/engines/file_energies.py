"""An exported file as a Potential is called, whatever its format."""

import torch
from torch import Tensor

from physrep.engines.metadata import Metadata
from physrep.geometry import Geometry, single_geometry
from physrep.potential import Energies


class FileEnergies:
    """The module of an exported file, called as a Potential; for one structure at a time."""

    def __init__(self, module: torch.jit.ScriptModule, metadata: Metadata) -> None:
        self.module = module
        self.charged = metadata.electrostatics is not None

    def __call__(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        structure: Tensor | None = None,
        geometry: Geometry | None = None,
    ) -> Energies:
        """See :meth:`physrep.potential.Potential.forward`."""
        assert structure is None
        if not self.charged:
            return Energies(self.module.atomic_energies(types, edge_index, vectors), None, None)
        assert geometry is not None
        place = geometry.positions, geometry.cells[0], geometry.pbc[0]
        total_charge = float(geometry.total_charges[0])
        return Energies(*self.module.energies(types, edge_index, vectors, *place, total_charge))


class FileCommittee(FileEnergies):
    """The module of an exported committee, called as a Committee."""

    def each(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        structure: Tensor | None = None,
        geometry: Geometry | None = None,
    ) -> list[Energies]:
        """See :meth:`physrep.committee.Committee.each`."""
        assert structure is None
        if geometry is None:
            nowhere = torch.zeros(0, 3, dtype=torch.float64, device=types.device)
            flags = torch.zeros(3, dtype=torch.bool, device=types.device)
            geometry = single_geometry(nowhere, nowhere.new_zeros(3, 3), flags)
        place = geometry.positions, geometry.cells[0], geometry.pbc[0]
        total_charge = float(geometry.total_charges[0])
        found = self.module.each(types, edge_index, vectors, *place, total_charge)
        return [Energies(*one) for one in found]


def energies_of(module: torch.jit.ScriptModule, metadata: Metadata) -> FileEnergies:
    """What calls the module of an exported file."""
    return (FileCommittee if metadata.n_members > 1 else FileEnergies)(module, metadata)
