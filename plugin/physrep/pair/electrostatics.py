"""Electrostatic energy of smeared charges, isolated or periodic.

    E = 1/2 sum_{i, j, S} k_C q_i q_j erf(r / (sqrt(2) sigma)) / r,  r = |r_j - r_i + S cell|

without i = j at S = 0: k_C / r between charges that are farther apart than a few sigma, finite at
r = 0. In a periodic cell the sum is that over reciprocal space (P. P. Ewald, Ann. Phys. 369 (1921)
253, its part of long range) with conducting (tinfoil) boundary; a net charge Q is neutralised by a
uniform background of point-like charge:

    E / k_C = (2 pi / V) sum_{k != 0} exp(-sigma^2 k^2 / 2) / k^2 |S(k)|^2
              - sum_i q_i^2 / (sqrt(2 pi) sigma) - pi sigma^2 Q^2 / V

so that E and the sum of k_C q_i q_j erfc(r / (sqrt(2) sigma)) / r over all pairs and images is the
energy of point charges.
"""

import math

import torch
from torch import Tensor, nn

from physrep.geometry import Geometry
from physrep.ops.structure_factors import PortableStructureFactors
from physrep.pair.all_pairs import all_pairs_energy
from physrep.pair.reciprocal_lattice import (
    half_sphere,
    longest_wave_vector,
    volume_of,
    wave_vectors,
)
from physrep.units import COULOMB_CONSTANT


class Electrostatics(nn.Module):
    """The energy of charges in eV; no parameters, float64, TorchScript and eager.

    The method depends on ``pbc`` and the number of atoms alone, so that every engine takes the same
    one: all pairs of isolated atoms, structure factors in periodic cells. All are differentiable
    twice by positions, charges and cells; dE/dq_i is the potential at the atom in V.

    Of a structure spread over processes, each computes ``charge_sums`` of its own atoms; their sum
    over the processes goes to ``energy_of_sums``.
    """

    def __init__(self, smearing: float, accuracy: float) -> None:
        """smearing: sigma in A. accuracy: of a force in eV/A, see ``truncation_error``.

        Raises:
            ValueError: one of them is not positive.
        """
        super().__init__()
        if not smearing > 0.0:
            raise ValueError(f"smearing = {smearing}: give a width in A, larger than 0")
        if not accuracy > 0.0:
            raise ValueError(f"accuracy = {accuracy}: give a force in eV/A, larger than 0")
        self.smearing = float(smearing)
        self.accuracy = float(accuracy)
        self.coulomb = COULOMB_CONSTANT  # TorchScript reads no global numbers
        self.k_max = longest_wave_vector(self.smearing, self.accuracy)
        self.structure_factors = PortableStructureFactors()

    @torch.jit.export
    def charge_sums(
        self,
        positions: Tensor,
        charges: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor | None,
    ) -> Tensor:
        """What ``energy_of_sums`` needs to know of these atoms, (n_sums,): add it up over all.

        Args:
            positions: (n_own, 3) in A; charges: (n_own,) in e, of the atoms of this process.
            cell: (3, 3) in A; pbc: (3,) bool; n_atoms: of the whole structure.
            rows: (n_own,) int64, where each atom stands in the whole structure; None: 0, 1, ...

        Raises:
            ValueError: periodic in one or two directions, or a cell without volume.
        """
        if not bool(pbc.any()):
            table = torch.cat([positions, charges.unsqueeze(1)], dim=1)
            if rows is not None:
                table = table.new_zeros((n_atoms, 4)).index_add(0, rows, table)
            return table.flatten()
        self.check_periods(pbc)
        volume_of(cell)
        fractional = positions @ torch.linalg.inv(cell)
        fractional = fractional - torch.floor(fractional.detach())
        factors = self.structure_factors(fractional, charges, half_sphere(cell, self.k_max))
        moments = torch.stack([charges.sum(), (charges * charges).sum()])
        return torch.cat([moments, factors.flatten()])

    @torch.jit.export
    def energy_of_sums(self, sums: Tensor, cell: Tensor, pbc: Tensor, n_atoms: int) -> Tensor:
        """The energy of the whole structure in eV, a scalar; arguments as of ``charge_sums``."""
        if not bool(pbc.any()):
            table = sums.view(n_atoms, 4)
            whole = torch.zeros(n_atoms, dtype=torch.int64, device=sums.device)
            energies = all_pairs_energy(table[:, :3], table[:, 3], whole, 1, self.smearing)
            return self.coulomb * energies.sum()
        return self.coulomb * self.lattice_energy(sums[0], sums[1], sums[2:].view(-1, 2), cell)

    def lattice_energy(
        self, total: Tensor, squares: Tensor, factors: Tensor, cell: Tensor
    ) -> Tensor:
        """In e^2/A from sum q, sum q^2 and S(k) of the half sphere, (n_k, 2)."""
        square = self.smearing * self.smearing
        volume = volume_of(cell)
        vectors = wave_vectors(half_sphere(cell, self.k_max), cell)
        k2 = (vectors * vectors).sum(dim=1)
        weights = torch.exp(-0.5 * square * k2) / k2
        both_halves = (4.0 * math.pi) * (weights * (factors * factors).sum(dim=1)).sum() / volume
        itself = squares / (math.sqrt(2.0 * math.pi) * self.smearing)
        background = math.pi * square * total * total / volume
        return both_halves - itself - background

    def check_periods(self, pbc: Tensor) -> None:
        """Raise ValueError where there is no method."""
        if not bool(pbc.all()):
            raise ValueError(
                "electrostatics: pbc = {}: a structure is periodic in all three directions "
                "or in none; set pbc to T T T, with vacuum in the cell where there is "
                "no period".format(pbc)
            )

    def forward(self, charges: Tensor, structure: Tensor, geometry: Geometry) -> Tensor:
        """Energies (n_structures,) in eV.

        Args:
            charges: (n_atoms,) in e; structure: (n_atoms,) int64, ascending.

        Raises:
            ValueError: see ``charge_sums``.
        """
        n_structures = geometry.cells.size(0)
        periodic = geometry.pbc.any(dim=1)
        energies = charges.new_zeros(n_structures)
        if not bool(periodic.all()):
            here = torch.nonzero(~periodic.index_select(0, structure)).squeeze(-1)
            isolated = all_pairs_energy(
                geometry.positions.index_select(0, here),
                charges.index_select(0, here),
                structure.index_select(0, here),
                n_structures,
                self.smearing,
            )
            energies = energies + self.coulomb * isolated
        if bool(periodic.any()):
            energies = energies + self.periodic_energies(charges, structure, geometry)
        return energies

    def periodic_energies(self, charges: Tensor, structure: Tensor, geometry: Geometry) -> Tensor:
        """(n_structures,) in eV, 0 for the isolated ones."""
        counts: list[int] = torch.bincount(structure, minlength=geometry.cells.size(0)).tolist()
        energies: list[Tensor] = []
        first = 0
        for k, n_atoms in enumerate(counts):
            cell, pbc = geometry.cells[k], geometry.pbc[k]
            if n_atoms > 0 and bool(pbc.any()):
                x = geometry.positions[first : first + n_atoms]
                q = charges[first : first + n_atoms]
                sums = self.charge_sums(x, q, cell, pbc, n_atoms, None)
                energies.append(self.energy_of_sums(sums, cell, pbc, n_atoms))
            else:
                energies.append(charges.new_zeros(()))
            first += n_atoms
        return torch.stack(energies)
