"""Long-range energy of a potential with charges: Coulomb and, optionally, polarization and
dispersion.
"""

import torch
from torch import Tensor, nn

from physrep.geometry import Geometry
from physrep.pair.dispersion import Dispersion
from physrep.pair.electrostatics import Electrostatics
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.pair.polarization import PolarElectrostatics
from physrep.pair.shifted_charges import shifted_charges


class LongRange(nn.Module):
    """The energy in eV of sources, (n_atoms, 1 or 2): charges in e and, with dispersion, square
    roots of C6 in eV^(1/2) A^3. It is quadratic in them. With polarization it depends on the
    polarizabilities of the atoms too, (n_atoms,) in A^3. TorchScript and eager, float64.
    """

    def __init__(self, settings: ElectrostaticsConfig, n_types: int) -> None:
        """n_types: of the potential."""
        super().__init__()
        width, accuracy = settings.smearing, settings.accuracy
        field = 0.0 if settings.polarization is None else settings.polarization.smearing
        self.electrostatics = Electrostatics(width, accuracy, field)
        self.polarization: PolarElectrostatics | None = None
        if field > 0.0:
            self.polarization = PolarElectrostatics(width, accuracy, field)
        self.dispersion: Dispersion | None = None
        if settings.dispersion != "none":
            self.dispersion = Dispersion(width, accuracy, n_types)

    @torch.jit.export
    def sources(self, charges: Tensor, types: Tensor) -> Tensor:
        """Of atoms with these charges in e, (n_atoms,), and types, (n_atoms,) int64."""
        columns = [charges]
        dispersion = self.dispersion
        if dispersion is not None:
            columns.append(dispersion.of_types(types))
        return torch.stack(columns, dim=1)

    @torch.jit.export
    def sources_of_raw(
        self, raw: Tensor, sums: Tensor, types: Tensor, total_charge: float
    ) -> Tensor:
        """Sources and, with polarization, polarizabilities in the last column, (n_own, 1 to 3), of
        atoms of one structure.

        Args:
            raw: (n_own, 2 or 3), see :class:`physrep.models.charge_readout.ChargeReadout`; sums: of
            raw over all atoms of the structure; types: (n_own,) int64; total_charge: in e.
        """
        one = torch.zeros(raw.size(0), dtype=torch.int64, device=raw.device)
        totals = torch.full([1], total_charge, dtype=torch.float64, device=raw.device)
        sources = self.sources(shifted_charges(raw, sums.unsqueeze(0), totals, one), types)
        return torch.cat([sources, raw[:, 2:]], dim=1)

    def forward(
        self,
        sources: Tensor,
        polarizabilities: Tensor | None,
        structure: Tensor,
        geometry: Geometry,
    ) -> Tensor:
        """Energies (n_structures,) in eV.

        Args:
            polarizabilities: None without polarization.
            structure: (n_atoms,) int64, ascending.

        Raises:
            ValueError: see :meth:`physrep.pair.smeared_sum.SmearedSum.sums`.
        """
        polarization = self.polarization
        if polarization is not None and polarizabilities is not None:
            weights = torch.stack([sources[:, 0], polarizabilities], dim=1)
            energies = polarization(weights, structure, geometry)
        else:
            energies = self.electrostatics(sources[:, 0], structure, geometry)
        dispersion = self.dispersion
        if dispersion is not None:
            energies = energies + dispersion(sources[:, 1], structure, geometry)
        return energies

    @torch.jit.export
    def induced_dipoles(
        self,
        charges: Tensor,
        polarizabilities: Tensor | None,
        structure: Tensor,
        geometry: Geometry,
    ) -> Tensor:
        """(n_atoms, 3) in e A, 0 without polarization; arguments as those of ``forward``."""
        polarization = self.polarization
        if polarization is None or polarizabilities is None:
            return torch.zeros_like(geometry.positions)
        weights = torch.stack([charges, polarizabilities], dim=1)
        return polarization.induced_dipoles(weights, structure, geometry)

    @torch.jit.export
    def sums(
        self,
        positions: Tensor,
        sources: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor | None,
    ) -> Tensor:
        """Of atoms of one structure, see :meth:`physrep.pair.smeared_sum.SmearedSum.sums`."""
        found = self.electrostatics.sums(positions, sources[:, 0], cell, pbc, n_atoms, rows)
        dispersion = self.dispersion
        if dispersion is None:
            return found
        other = dispersion.sums(positions, sources[:, 1], cell, pbc, n_atoms, rows)
        return torch.cat([found, other])

    @torch.jit.export
    def energy_of_sums(self, sums: Tensor, cell: Tensor, pbc: Tensor, n_atoms: int) -> Tensor:
        """In eV, a scalar, from ``sums`` added up over all atoms."""
        dispersion = self.dispersion
        if dispersion is None:
            return self.electrostatics.energy_of_sums(sums, cell, pbc, n_atoms)
        n = sums.size(0) - dispersion.n_sums(cell, pbc, n_atoms)
        coulomb = self.electrostatics.energy_of_sums(sums[:n], cell, pbc, n_atoms)
        return coulomb + dispersion.energy_of_sums(sums[n:], cell, pbc, n_atoms)

    @torch.jit.export
    def induced_energy_of_sums(
        self,
        sums: Tensor,
        positions: Tensor,
        sources: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor | None,
    ) -> Tensor:
        """Of the dipoles at atoms of one structure, in eV, a scalar; 0 without polarization.

        Args:
            sums: (n_sums,), added up over all atoms; sources: as ``sources_of_raw`` gives them;
            the others: as those of ``sums``.
        """
        polarization = self.polarization
        if polarization is None:
            return sums.new_zeros(())
        n = sums.size(0)
        dispersion = self.dispersion
        if dispersion is not None:
            n = n - dispersion.n_sums(cell, pbc, n_atoms)
        return polarization.induced_energy_of_sums(
            sums[:n], positions, sources[:, -1], cell, pbc, n_atoms, rows
        )
