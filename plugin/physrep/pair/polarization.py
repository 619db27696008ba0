"""Electrostatic energy of smeared charges and of the dipoles that they induce at the atoms.

    E = E_charges - 1/2 sum_i a_i |F_i|^2 / k_C,    F_i = -grad of the potential at atom i

with polarizabilities a_i >= 0 in A^3. The potential is that of the charges alone, smeared as in
:mod:`physrep.pair.electrostatics` but more widely: the fields within a molecule and of its nearest
neighbours are left to the network. Dipoles do not act on each other, which the polarizabilities,
read from the surroundings, make up for (direct polarization, the first step of B. T. Thole, Chem.
Phys. 59 (1981) 341). An atom sees its own images, not itself. For given polarizabilities E is
quadratic in the charges.
"""

import torch
from torch import Tensor

from physrep.geometry import Geometry
from physrep.ops.mesh import PortableMeshGather
from physrep.ops.structure_factors import PortableWaveSums
from physrep.pair.all_pairs import Pairs, pairs_of, smeared_inverse_slope
from physrep.pair.boundary import SumCell, sphere_cell, sum_cell
from physrep.pair.electrostatics import Electrostatics
from physrep.pair.particle_mesh import mesh_sizes, meshes_of_factors, widest_spacing
from physrep.pair.reciprocal_lattice import (
    half_sphere,
    longest_wave_vector,
    squares_of,
    wave_vectors,
)
from physrep.pair.smeared_sum import SPLINE_ORDER


class PolarElectrostatics(Electrostatics):
    """That energy in eV. The weights are (n_atoms, 2): charges in e and polarizabilities in A^3.

    Of a structure spread over processes, Electrostatics has the energy of the charges, and each
    process adds ``induced_energy_of_sums`` of its own atoms.
    """

    def __init__(self, smearing: float, accuracy: float, field: float) -> None:
        """smearing, accuracy: as those of Electrostatics; the accuracy is that of the charges
        alone, and dipoles of 1 A^3 at every atom may double the error. field: width of the
        smearing of the field in A, at least ``smearing``.

        Raises:
            ValueError: as Electrostatics; a narrower field.
        """
        super().__init__(smearing, accuracy, field)
        if field < smearing:
            raise ValueError(f"field = {field}: give at least smearing = {smearing}")
        self.field = float(field)
        # A field that is smeared more widely needs fewer wave vectors and a coarser mesh.
        self.field_k_max = min(longest_wave_vector(field, 0.5 * accuracy), self.k_max)
        self.field_spacing = widest_spacing(field, 0.8 * accuracy, SPLINE_ORDER, self.field_k_max)
        self.wave_sums = PortableWaveSums()
        self.mesh_gather = PortableMeshGather(SPLINE_ORDER)

    def energies_by_pairs(
        self, positions: Tensor, weights: Tensor, structure: Tensor, n_structures: int
    ) -> Tensor:
        """(n_structures,) in eV of isolated structures."""
        pairs, charges = pairs_of(positions, structure, n_structures), weights[:, 0]
        slopes = self.slopes_of_pairs(pairs, positions, charges)
        induced = self.induced_energies(slopes, weights[:, 1])
        energies = self.energies_of_pairs(pairs, charges, structure, n_structures)
        return energies.index_add(0, structure, induced)

    def energy_in_box(
        self, positions: Tensor, weights: Tensor, box: SumCell, on_mesh: bool
    ) -> Tensor:
        """In eV, a scalar."""
        indices = half_sphere(box.cell, box.reciprocal, self.k_max)
        sums = self.lattice_sums(positions, weights[:, 0], box, indices, on_mesh)
        slopes = self.lattice_slopes(sums, positions, box, indices, on_mesh)
        induced = self.induced_energies(slopes, weights[:, 1]).sum()
        return self.lattice_energy(sums, box, indices) + induced

    @torch.jit.export
    def induced_energy_of_sums(
        self,
        sums: Tensor,
        positions: Tensor,
        polarizabilities: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor | None,
    ) -> Tensor:
        """Of dipoles at these atoms, in eV, a scalar.

        Args:
            sums: (n_sums,), ``sums`` added up over all atoms; polarizabilities: (n_own,) in A^3;
            the others: as those of ``sums``.
        """
        slopes = self.slopes_of_sums(sums, positions, cell, pbc, n_atoms, rows)
        return self.induced_energies(slopes, polarizabilities).sum()

    @torch.jit.export
    def induced_dipoles(self, weights: Tensor, structure: Tensor, geometry: Geometry) -> Tensor:
        """mu_i = a_i F_i / k_C, (n_atoms, 3) in e A; arguments as those of ``forward``."""
        sizes: list[int] = torch.bincount(structure, minlength=geometry.cells.size(0)).tolist()
        slopes: list[Tensor] = []
        first = 0
        for k, n_atoms in enumerate(sizes):
            x = geometry.positions[first : first + n_atoms]
            q = weights[first : first + n_atoms, 0]
            cell, pbc = geometry.cells[k], geometry.pbc[k]
            sums = self.sums(x, q, cell, pbc, n_atoms, None)
            slopes.append(self.slopes_of_sums(sums, x, cell, pbc, n_atoms, None))
            first += n_atoms
        return torch.cat(slopes) * weights[:, 1:] * (-1.0 / self.coulomb)

    def induced_energies(self, slopes: Tensor, polarizabilities: Tensor) -> Tensor:
        """(n,) in eV, from slopes of the potential, (n, 3) in V/A."""
        return (slopes * slopes).sum(dim=1) * polarizabilities * (-0.5 / self.coulomb)

    @torch.jit.export
    def slopes_of_sums(
        self,
        sums: Tensor,
        positions: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor | None,
    ) -> Tensor:
        """Slopes of the potential at these atoms, (n_own, 3) in V/A; arguments as above."""
        if bool(pbc.any()):
            box = sum_cell(cell, pbc, self.margin)
            indices = half_sphere(box.cell, box.reciprocal, self.k_max)
            return self.lattice_slopes(sums, positions, box, indices, n_atoms >= self.mesh_from)
        table = sums.view(n_atoms, 4)
        if n_atoms > self.pairs_up_to:
            box = sphere_cell(table[:, :3], self.margin, self.sphere_step)
            indices = half_sphere(box.cell, box.reciprocal, self.k_max)
            whole = self.lattice_sums(table[:, :3], table[:, 3], box, indices, True)
            return self.lattice_slopes(whole, positions, box, indices, True)
        together = torch.zeros(n_atoms, dtype=torch.int64, device=sums.device)
        pairs = pairs_of(table[:, :3], together, 1)
        slopes = self.slopes_of_pairs(pairs, table[:, :3], table[:, 3])
        return slopes if rows is None else slopes.index_select(0, rows)

    def slopes_of_pairs(self, pairs: Pairs, positions: Tensor, charges: Tensor) -> Tensor:
        """Slopes of the potential at the atoms of isolated structures, (n_atoms, 3) in V/A."""
        i, j, squares = pairs
        apart = positions.index_select(0, j) - positions.index_select(0, i)
        along = 2.0 * self.coulomb * smeared_inverse_slope(squares, self.field)
        pulls = along.unsqueeze(1) * apart
        of_i = charges.index_select(0, i).unsqueeze(1) * pulls
        of_j = charges.index_select(0, j).unsqueeze(1) * pulls
        return torch.zeros_like(positions).index_add(0, j, of_i).index_add(0, i, -of_j)

    def lattice_slopes(
        self, sums: Tensor, positions: Tensor, box: SumCell, indices: Tensor, on_mesh: bool
    ) -> Tensor:
        """The same from ``lattice_sums`` of all atoms, at atoms of any number."""
        fractional = positions @ box.reciprocal.t()
        fractional = fractional - torch.floor(fractional.detach())
        k2 = squares_of(wave_vectors(indices, box.reciprocal))
        long = torch.nonzero(k2.detach() <= self.field_k_max * self.field_k_max).squeeze(-1)
        indices, k2 = indices.index_select(0, long), k2.index_select(0, long)
        wider = torch.exp(-0.5 * (self.field * self.field - self.smearing * self.smearing) * k2)
        kernel = self.kernel(indices, box) * wider * (2.0 / box.volume)
        waves = sums[2:].view(-1, 2).index_select(0, long)
        waves = waves * kernel.unsqueeze(1)  # their sum is the potential
        if not on_mesh:
            return self.wave_sums(fractional, waves, indices)[:, 1:] @ box.reciprocal
        sizes = mesh_sizes(box.cell, self.field_spacing, self.mesh_gather.order)
        turned = torch.stack([waves[:, 1], -waves[:, 0]], dim=1)
        along = wave_vectors(indices, box.reciprocal).t().unsqueeze(2) * turned
        meshes = meshes_of_factors(along, indices, sizes, self.mesh_gather.order)
        columns: list[Tensor] = []
        for mesh in meshes.unbind():
            columns.append(self.mesh_gather(fractional, mesh))  # noqa: PERF401 (TorchScript)
        return torch.stack(columns, dim=1)
