"""The module of an exported committee: its mean for every engine, each member for deviations."""

import torch
from torch import Tensor

from physrep.engines.exported import ExportedPotential
from physrep.geometry import single_geometry
from physrep.models.guarded import GuardedEdges
from physrep.potential import Energies


class ExportedCommittee(ExportedPotential):
    """As an exported potential, of all members; see :class:`physrep.committee.Committee`."""

    @torch.jit.export
    def each(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        positions: Tensor,
        cell: Tensor,
        pbc: Tensor,
        total_charge: float,
    ) -> list[Energies]:
        """As ``energies``, of every member."""
        geometry = single_geometry(positions, cell, pbc, total_charge)
        return self.potential.each(types, edge_index, vectors, None, geometry)

    @torch.jit.export
    def member_readout(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """See :meth:`physrep.committee.Committee.member_readout`."""
        return self.potential.member_readout(h, types, edges)


class ExportedCommitteeCharges(ExportedCommittee):
    """With charges: the pieces of the long-range energy too, of all members at once."""

    @torch.jit.export
    def raw_charges(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """See :meth:`physrep.committee.Committee.raw_charges`."""
        return self.potential.raw_charges(h, types, edges)

    @torch.jit.export
    def sources(self, raw: Tensor, sums: Tensor, types: Tensor, total_charge: float) -> Tensor:
        """Sources of each member side by side; arguments as those of an exported potential with
        ``raw`` and ``sums`` of all members side by side.
        """
        columns: list[Tensor] = []
        n = raw.size(1) // self.potential.n_members
        for m, member in enumerate(self.potential.members):
            own, own_sums = raw[:, n * m : n * (m + 1)], sums[n * m : n * (m + 1)]
            assert member.long_range is not None
            columns.append(member.long_range.sources_of_raw(own, own_sums, types, total_charge))
        return torch.cat(columns, dim=1)

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
        """Sums of each member, one after the other; all members have the same number.

        positions: (n_own, 3) A, or (n_members, n_own, 3), a copy for each member, so
        that one backward pass gives the derivatives of each.
        """
        found: list[Tensor] = []
        n = sources.size(1) // self.potential.n_members
        for m, member in enumerate(self.potential.members):
            place = positions if positions.dim() == 2 else positions[m]
            own = sources[:, n * m : n * (m + 1)]
            assert member.long_range is not None
            found.append(member.long_range.sums(place, own, cell, pbc, n_atoms, rows))
        return torch.cat(found)

    @torch.jit.export
    def energy_of_sums(self, sums: Tensor, cell: Tensor, pbc: Tensor, n_atoms: int) -> Tensor:
        """The mean of the members' energies in eV, a scalar."""
        return self.member_energies_of_sums(sums, cell, pbc, n_atoms).mean()

    @torch.jit.export
    def member_energies_of_sums(
        self, sums: Tensor, cell: Tensor, pbc: Tensor, n_atoms: int
    ) -> Tensor:
        """(n_members,) eV."""
        found: list[Tensor] = []
        n = sums.size(0) // self.potential.n_members
        for m, member in enumerate(self.potential.members):
            own = sums[n * m : n * (m + 1)]
            assert member.long_range is not None
            found.append(member.long_range.energy_of_sums(own, cell, pbc, n_atoms))
        return torch.stack(found)

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
        """The mean of the members' energies in eV, a scalar."""
        arguments = (cell, pbc, n_atoms, rows)
        return self.member_induced_energies_of_sums(sums, positions, sources, *arguments).mean()

    @torch.jit.export
    def member_induced_energies_of_sums(
        self,
        sums: Tensor,
        positions: Tensor,
        sources: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor,
    ) -> Tensor:
        """(n_members,) eV; positions: as those of ``long_range_sums``."""
        found: list[Tensor] = []
        n = sums.size(0) // self.potential.n_members
        width = sources.size(1) // self.potential.n_members
        for m, member in enumerate(self.potential.members):
            place = positions if positions.dim() == 2 else positions[m]
            own, own_sums = sources[:, width * m : width * (m + 1)], sums[n * m : n * (m + 1)]
            assert member.long_range is not None
            found.append(
                member.long_range.induced_energy_of_sums(
                    own_sums, place, own, cell, pbc, n_atoms, rows
                )
            )
        return torch.stack(found)
