"""The module that becomes the exported file: what OpenMM calls, and what LAMMPS and ASE call."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from physrep.committee import Committee
from physrep.engines.heap import keep_heap
from physrep.geometry import single_geometry
from physrep.models.guarded import GuardedEdges
from physrep.ops.neighbor_list import PortableNeighborList
from physrep.potential import Energies, Potential
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM


class ExportedPotential(nn.Module):
    """A potential or a committee with its topology (which may be absent), scripted into one file.

    ``forward`` is bound to the topology: OpenMM's TorchForce passes positions and box, no
    elements. ``edges``, ``embed``, ``step``, ``readout``, ``energies`` and ``atomic_energies`` are
    bound to nothing and serve any system of the known species.
    """

    if TYPE_CHECKING:  # TorchScript reads annotations and does not know this one
        potential: Any
    types: Tensor

    def __init__(
        self,
        potential: Potential | Committee,
        types: Tensor | None,
        periodic: bool,
        total_charge: float = 0.0,
    ) -> None:
        """types: (n_atoms,) int64 or None; periodic: whether ``forward`` expects a box;
        total_charge: in e, of the topology.
        """
        super().__init__()
        self.potential = potential
        self.neighbor_list = PortableNeighborList(potential.cutoff).as_form(potential.ops)
        self.n_layers = potential.n_layers
        self.bound = types is not None
        self.periodic = periodic
        self.total_charge = total_charge
        self.n_atoms = 0 if types is None else int(types.numel())
        self.nm = NM_IN_ANGSTROM
        self.kj_per_mol = EV_IN_KJ_PER_MOL
        self.register_buffer("types", torch.zeros(0, dtype=torch.int64) if types is None else types)

    def forward(self, positions: Tensor, box: Tensor | None = None) -> Tensor:
        """Energy of the topology in kJ/mol, float64.

        positions: (n_atoms, 3) in nm; box: (3, 3) in nm, rows are the box vectors.

        Finite, with finite forces, for all finite positions: minimisers try any. Whether positions
        make sense is checked outside, see :mod:`physrep.engines.frame_checks`.

        Raises an error that says what to do for a wrong number of atoms, a missing or unexpected
        box, and positions that are not finite.
        """
        self.check(positions, box)
        keep_heap(positions)
        cell = torch.zeros(3, 3, dtype=positions.dtype, device=positions.device)
        if box is not None:
            cell = box.to(positions.device) * self.nm
        pbc = torch.full([3], self.periodic, dtype=torch.bool, device=positions.device)
        places = positions * self.nm
        pairs = self.neighbor_list(places, cell, pbc)
        index, vectors = pairs.edge_index, pairs.vectors
        found = self.energies(self.types, index, vectors, places, cell, pbc, self.total_charge)
        energy = found.atomic.sum()
        long_range = found.long_range
        if long_range is not None:
            energy = energy + long_range.sum()
        return energy * self.kj_per_mol

    def check(self, positions: Tensor, box: Tensor | None) -> None:
        """Refuse calls that cannot be meant for this file."""
        if not self.bound:
            raise ValueError(
                "physrep: this file holds no topology; for OpenMM export again with --topology"
            )
        if positions.size(0) != self.n_atoms:
            raise ValueError(
                "physrep: this file was exported for {} atoms, the system has {}; export again "
                "with the topology of this system".format(self.n_atoms, positions.size(0))
            )
        if self.periodic and box is None:
            raise ValueError(
                "physrep: this file was exported for a periodic system but was called without a "
                "box; call force.setUsesPeriodicBoundaryConditions(True)"
            )
        if not self.periodic and box is not None:
            raise ValueError(
                "physrep: this file was exported for an isolated system but was called with a "
                "box; call force.setUsesPeriodicBoundaryConditions(False) or export again with a "
                "periodic topology"
            )

    @torch.jit.export
    def edges(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int
    ) -> GuardedEdges:
        """See :meth:`physrep.potential.Potential.edges`."""
        return self.potential.edges(types, edge_index, vectors, n_centers)

    @torch.jit.export
    def embed(self, types: Tensor, edges: GuardedEdges) -> Tensor:
        """See :meth:`physrep.potential.Potential.embed`."""
        return self.potential.embed(types, edges)

    @torch.jit.export
    def step(self, k: int, h: Tensor, edges: GuardedEdges) -> Tensor:
        """See :meth:`physrep.potential.Potential.step`."""
        return self.potential.step(k, h, edges)

    @torch.jit.export
    def readout(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """See :meth:`physrep.potential.Potential.readout`."""
        return self.potential.readout(h, types, edges)

    @torch.jit.export
    def energies(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        positions: Tensor,
        cell: Tensor,
        pbc: Tensor,
        total_charge: float,
    ) -> Energies:
        """All pieces in one call, for one structure; see :class:`physrep.potential.Energies`.

        positions: (n_atoms, 3) A and cell (3, 3) A, float64; pbc: (3,) bool; total_charge: in e.
        They are read by a potential with charges alone.
        """
        geometry = single_geometry(positions, cell, pbc, total_charge)
        return self.potential(types, edge_index, vectors, None, geometry)

    @torch.jit.export
    def atomic_energies(self, types: Tensor, edge_index: Tensor, vectors: Tensor) -> Tensor:
        """All pieces in one call: (n_atoms,) eV, float64; of a potential without charges."""
        if self.potential.charged:
            raise ValueError("physrep: this potential has charges: call energies, with positions")
        return self.potential(types, edge_index, vectors).atomic


class ExportedCharges(ExportedPotential):
    """With charges: the pieces of the energy of long range too, for atoms on several ranks."""

    @torch.jit.export
    def raw_charges(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """See :meth:`physrep.potential.Potential.raw_charges`."""
        return self.potential.raw_charges(h, types, edges)

    @torch.jit.export
    def sources(self, raw: Tensor, sums: Tensor, types: Tensor, total_charge: float) -> Tensor:
        """See :meth:`physrep.pair.long_range.LongRange.sources_of_raw`."""
        assert self.potential.long_range is not None
        return self.potential.long_range.sources_of_raw(raw, sums, types, total_charge)

    @torch.jit.export
    def long_range_sums(
        self,
        positions: Tensor,
        sources: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor,
    ) -> Tensor:
        """See :meth:`physrep.pair.smeared_sum.SmearedSum.sums`."""
        assert self.potential.long_range is not None
        return self.potential.long_range.sums(positions, sources, cell, pbc, n_atoms, rows)

    @torch.jit.export
    def energy_of_sums(self, sums: Tensor, cell: Tensor, pbc: Tensor, n_atoms: int) -> Tensor:
        """See :meth:`physrep.pair.smeared_sum.SmearedSum.energy_of_sums`."""
        assert self.potential.long_range is not None
        return self.potential.long_range.energy_of_sums(sums, cell, pbc, n_atoms)

    @torch.jit.export
    def induced_energy_of_sums(
        self,
        sums: Tensor,
        positions: Tensor,
        sources: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor,
    ) -> Tensor:
        """See :meth:`physrep.pair.long_range.LongRange.induced_energy_of_sums`."""
        assert self.potential.long_range is not None
        return self.potential.long_range.induced_energy_of_sums(
            sums, positions, sources, cell, pbc, n_atoms, rows
        )
