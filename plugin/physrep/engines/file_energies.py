"""An exported file as a Potential is called, whatever its format."""

import torch
from torch import Tensor

from physrep.engines.metadata import Metadata
from physrep.geometry import Geometry
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
