"""Electrostatic energy of smeared charges: isolated, periodic, or periodic in two directions.

    E = 1/2 sum_{i, j, S} k_C q_i q_j erf(r / (sqrt(2) sigma)) / r,  r = |r_j - r_i + S cell|

without i = j at S = 0: k_C / r between charges that are farther apart than a few sigma, finite at
r = 0. In a periodic cell the sum is one over reciprocal space, the part of long range of P. P.
Ewald, Ann. Phys. 369 (1921) 253:

    E / k_C = 1 / (2 V) sum_k G(k) |S(k)|^2 - sum_i q_i^2 / (sqrt(2 pi) sigma)
    G(k) = 4 pi exp(-sigma^2 k^2 / 2) / k^2,  G(0) = -2 pi sigma^2,  S(k) = sum_i q_i exp(i k r_i)

with conducting (tinfoil) boundary. G(0) is that of a uniform background which neutralises a net
charge; E and the sum of k_C q_i q_j erfc(r / (sqrt(2) sigma)) / r over all pairs and images are
together the energy of point charges.
"""

import math

import torch
from torch import Tensor, nn

from physrep.geometry import Geometry
from physrep.ops.mesh import PortableMeshSpread
from physrep.ops.structure_factors import PortableStructureFactors
from physrep.pair.all_pairs import all_pairs_energy
from physrep.pair.boundary import (
    SumCell,
    coulomb_kernel,
    free_axis,
    sphere_cell,
    sum_cell,
    uniform_kernel,
)
from physrep.pair.particle_mesh import mesh_factors, mesh_sizes, widest_spacing
from physrep.pair.reciprocal_lattice import half_sphere, longest_wave_vector
from physrep.units import COULOMB_CONSTANT

MESH_FROM = 1200  # atoms of a periodic structure, docs/theory.md
PAIRS_UP_TO = 1200  # atoms of an isolated structure
SPLINE_ORDER = 6
SPHERE_STEP = 4.0  # A


class Electrostatics(nn.Module):
    """The energy of charges in eV; no parameters, float64, TorchScript and eager.

    The method depends on ``pbc`` and the number of atoms alone, so that every engine takes the same
    one: all pairs of isolated atoms; structure factors of periodic ones; and, for many atoms of
    both kinds, structure factors from a mesh. All are differentiable twice by positions, charges
    and cells; dE/dq_i is the potential at the atom in V.

    Of a structure spread over processes, each computes ``charge_sums`` of its own atoms; their sum
    over the processes goes to ``energy_of_sums``.
    """

    def __init__(self, smearing: float, accuracy: float) -> None:
        """smearing: sigma in A. accuracy: the root mean square error of a force in eV/A, for
        charges of 1 e at random places, 0.1 per A^3.

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
        self.mesh_from = MESH_FROM
        self.pairs_up_to = PAIRS_UP_TO
        self.sphere_step = SPHERE_STEP
        # Half of the error may come from wave vectors beyond k_max, the rest from the mesh.
        self.k_max = longest_wave_vector(self.smearing, 0.5 * self.accuracy)
        # Of the |k| <= k_max alone: what a charge has with itself is left out on both sides.
        whole = 1.0 / (math.sqrt(2.0 * math.pi) * self.smearing)
        self.itself = whole * math.erf(self.smearing * self.k_max / math.sqrt(2.0))
        self.margin = math.sqrt(2.0) * self.smearing**2 * self.k_max
        self.spacing = widest_spacing(self.smearing, 0.8 * self.accuracy, SPLINE_ORDER, self.k_max)
        self.structure_factors = PortableStructureFactors()
        self.mesh_spread = PortableMeshSpread(SPLINE_ORDER)

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
            ValueError: periodic in one direction, a cell without volume, or a slab that is higher
                than its cell.
        """
        if not bool(pbc.any()):
            table = torch.cat([positions, charges.unsqueeze(1)], dim=1)
            if rows is not None:
                table = table.new_zeros((n_atoms, 4)).index_add(0, rows, table)
            return table.flatten()
        box = self.box_of(positions, cell, pbc)
        indices = half_sphere(box.cell, box.reciprocal, self.k_max)
        return self.lattice_sums(positions, charges, box, indices, n_atoms >= self.mesh_from)

    @torch.jit.export
    def energy_of_sums(self, sums: Tensor, cell: Tensor, pbc: Tensor, n_atoms: int) -> Tensor:
        """The energy of the whole structure in eV, a scalar; arguments as of ``charge_sums``."""
        if not bool(pbc.any()):
            table = sums.view(n_atoms, 4)
            return self.isolated_energy(table[:, :3], table[:, 3])
        box = sum_cell(cell, pbc, self.margin)
        return self.lattice_energy(sums, box, half_sphere(box.cell, box.reciprocal, self.k_max))

    def isolated_energy(self, positions: Tensor, charges: Tensor) -> Tensor:
        """In eV, a scalar, of (n_atoms, 3) and (n_atoms,)."""
        if charges.size(0) > self.pairs_up_to:
            box = sphere_cell(positions, self.margin, self.sphere_step)
            indices = half_sphere(box.cell, box.reciprocal, self.k_max)
            sums = self.lattice_sums(positions, charges, box, indices, True)
            return self.lattice_energy(sums, box, indices)
        together = torch.zeros(charges.size(0), dtype=torch.int64, device=charges.device)
        energies = all_pairs_energy(positions, charges, together, 1, self.smearing)
        return self.coulomb * energies.sum()

    def lattice_sums(
        self, positions: Tensor, charges: Tensor, box: SumCell, indices: Tensor, on_mesh: bool
    ) -> Tensor:
        """sum q, sum q^2 and the structure factors at ``indices``, (2 + 2 n_k,)."""
        fractional = positions @ box.reciprocal.t()
        fractional = fractional - torch.floor(fractional.detach())
        if on_mesh:
            sizes = mesh_sizes(box.cell, self.spacing, self.mesh_spread.order)
            mesh = self.mesh_spread(fractional, charges, sizes)
            factors = mesh_factors(mesh, indices, self.mesh_spread.order)
        else:
            factors = self.structure_factors(fractional, charges, indices)
        moments = torch.stack([charges.sum(), (charges * charges).sum()])
        return torch.cat([moments, factors.flatten()])

    def lattice_energy(self, sums: Tensor, box: SumCell, indices: Tensor) -> Tensor:
        """In eV, a scalar, from ``lattice_sums``."""
        total, squares, factors = sums[0], sums[1], sums[2:].view(-1, 2)
        kernel = coulomb_kernel(indices, box, self.smearing)
        half = (kernel @ (factors * factors)).sum()
        uniform = 0.5 * uniform_kernel(box, self.smearing) * total * total
        itself = self.itself * squares
        return self.coulomb * ((half + uniform) / box.volume - itself)

    def box_of(self, positions: Tensor, cell: Tensor, pbc: Tensor) -> SumCell:
        """``sum_cell``; raises ValueError as well where a slab is higher than its cell."""
        box = sum_cell(cell, pbc, self.margin)
        if box.periods == 3:
            return box
        reach = float(box.reach.detach())
        heights = (positions.detach() @ box.cell[2].detach()) / (2.0 * reach)
        room = reach - self.margin
        if heights.size(0) > 0 and float(heights.max() - heights.min()) > room:
            raise ValueError(
                "electrostatics: the atoms span {} A along the direction without period, and "
                "cell vector {} only {} A: give a longer one, it sets no period".format(
                    float(heights.max() - heights.min()), free_axis(pbc) + 1, room
                )
            )
        return box

    def forward(self, charges: Tensor, structure: Tensor, geometry: Geometry) -> Tensor:
        """Energies (n_structures,) in eV.

        Args:
            charges: (n_atoms,) in e; structure: (n_atoms,) int64, ascending.

        Raises:
            ValueError: see ``charge_sums``.
        """
        counts = torch.bincount(structure, minlength=geometry.cells.size(0))
        by_pairs = ~geometry.pbc.any(dim=1) & (counts <= self.pairs_up_to)
        if bool(by_pairs.all()):
            return self.energies_by_pairs(geometry.positions, charges, structure, counts.size(0))
        energies = self.energies_one_by_one(charges, counts, by_pairs, geometry)
        if bool(by_pairs.any()):
            here = torch.nonzero(by_pairs.index_select(0, structure)).squeeze(-1)
            energies = energies + self.energies_by_pairs(
                geometry.positions.index_select(0, here),
                charges.index_select(0, here),
                structure.index_select(0, here),
                counts.size(0),
            )
        return energies

    def energies_by_pairs(
        self, positions: Tensor, charges: Tensor, structure: Tensor, n_structures: int
    ) -> Tensor:
        """(n_structures,) in eV of the isolated structures."""
        return self.coulomb * all_pairs_energy(
            positions, charges, structure, n_structures, self.smearing
        )

    def energies_one_by_one(
        self, charges: Tensor, counts: Tensor, skipped: Tensor, geometry: Geometry
    ) -> Tensor:
        """(n_structures,) in eV, 0 for those that are ``skipped``."""
        sizes: list[int] = counts.tolist()
        energies: list[Tensor] = []
        first = 0
        for k, n_atoms in enumerate(sizes):
            if n_atoms == 0 or bool(skipped[k]):
                energies.append(charges.new_zeros(()))
            else:
                x = geometry.positions[first : first + n_atoms]
                q = charges[first : first + n_atoms]
                energies.append(self.structure_energy(x, q, geometry.cells[k], geometry.pbc[k]))
            first += n_atoms
        return torch.stack(energies)

    def structure_energy(
        self, positions: Tensor, charges: Tensor, cell: Tensor, pbc: Tensor
    ) -> Tensor:
        """In eV, a scalar, of one structure."""
        if not bool(pbc.any()):
            return self.isolated_energy(positions, charges)
        box = self.box_of(positions, cell, pbc)
        indices = half_sphere(box.cell, box.reciprocal, self.k_max)
        on_mesh = charges.size(0) >= self.mesh_from
        sums = self.lattice_sums(positions, charges, box, indices, on_mesh)
        return self.lattice_energy(sums, box, indices)
