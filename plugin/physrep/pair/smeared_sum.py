"""Sums over all pairs of atoms and their images whose interaction is smooth where they coincide.

    E = 1/2 sum_{i, j, S} w_i w_j f(|r_j - r_i + S cell|)

without i = j at S = 0. In a periodic cell it is a sum over reciprocal space, with F the Fourier
transform of f:

    E = 1 / (2 V) sum_k F(k) |S(k)|^2 - 1/2 f(0) sum_i w_i^2,  S(k) = sum_i w_i exp(i k r_i)
"""

import torch
from torch import Tensor, nn

from physrep.geometry import Geometry
from physrep.ops.mesh import PortableMeshSpread
from physrep.ops.structure_factors import PortableStructureFactors
from physrep.pair.boundary import SumCell, free_axis, sphere_cell, sum_cell
from physrep.pair.particle_mesh import mesh_factors, mesh_sizes
from physrep.pair.reciprocal_lattice import half_sphere

MESH_FROM = 1200  # atoms of a periodic structure, docs/theory.md
PAIRS_UP_TO = 1200  # atoms of an isolated structure
SPLINE_ORDER = 6
SPHERE_STEP = 4.0  # A


class SmearedSum(nn.Module):
    """Such an energy in eV; no parameters, float64, TorchScript and eager.

    The method depends on ``pbc`` and the number of atoms alone, so that every engine takes the same
    one: all pairs of isolated atoms; structure factors of periodic ones; and, for many atoms of
    both kinds, structure factors from a mesh. All are differentiable twice by positions, weights
    and cells.

    Of a structure spread over processes, each computes ``sums`` of its own atoms; their sum over
    the processes goes to ``energy_of_sums``.
    """

    def __init__(self, k_max: float, spacing: float, margin: float, itself: float) -> None:
        """k_max: the longest wave vector in 1/A. spacing: of the mesh in A. margin: in A, how far
        the smearing blurs what is cut off. itself: 1/2 f(0) of the k up to k_max alone, eV for
        weights of 1: what an atom has with itself is left out on both sides.
        """
        super().__init__()
        self.mesh_from = MESH_FROM  # TorchScript reads no global numbers
        self.pairs_up_to = PAIRS_UP_TO
        self.sphere_step = SPHERE_STEP
        self.k_max = k_max
        self.spacing = spacing
        self.margin = margin
        self.itself = itself
        self.structure_factors = PortableStructureFactors()
        self.mesh_spread = PortableMeshSpread(SPLINE_ORDER)

    def kernel(self, indices: Tensor, box: SumCell) -> Tensor:
        """F at k = 2 pi n B, (n_k,) in eV A^3 for weights of 1; indices: (n_k, 3) int64 n."""
        raise NotImplementedError

    def uniform(self, box: SumCell) -> Tensor:
        """F at k = 0, a scalar."""
        raise NotImplementedError

    def energies_by_pairs(
        self, positions: Tensor, weights: Tensor, structure: Tensor, n_structures: int
    ) -> Tensor:
        """(n_structures,) in eV of isolated structures, every pair of their atoms."""
        raise NotImplementedError

    @torch.jit.export
    def sums(
        self,
        positions: Tensor,
        weights: Tensor,
        cell: Tensor,
        pbc: Tensor,
        n_atoms: int,
        rows: Tensor | None,
    ) -> Tensor:
        """What ``energy_of_sums`` needs to know of these atoms, (n_sums,): add it up over all.

        Args:
            positions: (n_own, 3) in A; weights: (n_own,), of the atoms of this process.
            cell: (3, 3) in A; pbc: (3,) bool; n_atoms: of the whole structure.
            rows: (n_own,) int64, where each atom stands in the whole structure; None: 0, 1, ...

        Raises:
            ValueError: periodic in one direction, a cell without volume, or a slab that is higher
                than its cell.
        """
        if not bool(pbc.any()):
            table = torch.cat([positions, weights.unsqueeze(1)], dim=1)
            if rows is not None:
                table = table.new_zeros((n_atoms, 4)).index_add(0, rows, table)
            return table.flatten()
        box = self.box_of(positions, cell, pbc)
        indices = half_sphere(box.cell, box.reciprocal, self.k_max)
        return self.lattice_sums(positions, weights, box, indices, n_atoms >= self.mesh_from)

    @torch.jit.export
    def n_sums(self, cell: Tensor, pbc: Tensor, n_atoms: int) -> int:
        """How many ``sums`` gives; arguments as those of ``sums``."""
        if not bool(pbc.any()):
            return 4 * n_atoms
        box = sum_cell(cell, pbc, self.margin)
        return 2 + 2 * half_sphere(box.cell, box.reciprocal, self.k_max).size(0)

    @torch.jit.export
    def energy_of_sums(self, sums: Tensor, cell: Tensor, pbc: Tensor, n_atoms: int) -> Tensor:
        """The energy of the whole structure in eV, a scalar; arguments as of ``sums``."""
        if not bool(pbc.any()):
            table = sums.view(n_atoms, 4)
            return self.isolated_energy(table[:, :3], table[:, 3])
        box = sum_cell(cell, pbc, self.margin)
        return self.lattice_energy(sums, box, half_sphere(box.cell, box.reciprocal, self.k_max))

    def isolated_energy(self, positions: Tensor, weights: Tensor) -> Tensor:
        """In eV, a scalar, of (n_atoms, 3) and (n_atoms,)."""
        if weights.size(0) > self.pairs_up_to:
            box = sphere_cell(positions, self.margin, self.sphere_step)
            return self.energy_in_box(positions, weights, box, True)
        together = torch.zeros(weights.size(0), dtype=torch.int64, device=weights.device)
        return self.energies_by_pairs(positions, weights, together, 1).sum()

    def lattice_sums(
        self, positions: Tensor, weights: Tensor, box: SumCell, indices: Tensor, on_mesh: bool
    ) -> Tensor:
        """sum w, sum w^2 and the structure factors at ``indices``, (2 + 2 n_k,)."""
        fractional = positions @ box.reciprocal.t()
        fractional = fractional - torch.floor(fractional.detach())
        if on_mesh:
            sizes = mesh_sizes(box.cell, self.spacing, self.mesh_spread.order)
            mesh = self.mesh_spread(fractional, weights, sizes)
            factors = mesh_factors(mesh, indices, self.mesh_spread.order)
        else:
            factors = self.structure_factors(fractional, weights, indices)
        moments = torch.stack([weights.sum(), (weights * weights).sum()])
        return torch.cat([moments, factors.flatten()])

    def lattice_energy(self, sums: Tensor, box: SumCell, indices: Tensor) -> Tensor:
        """In eV, a scalar, from ``lattice_sums``."""
        total, squares, factors = sums[0], sums[1], sums[2:].view(-1, 2)
        half = (self.kernel(indices, box) @ (factors * factors)).sum()
        uniform = 0.5 * self.uniform(box) * total * total
        return (half + uniform) / box.volume - self.itself * squares

    def energy_in_box(
        self, positions: Tensor, weights: Tensor, box: SumCell, on_mesh: bool
    ) -> Tensor:
        """In eV, a scalar, of one structure whose sum is taken in that cell."""
        indices = half_sphere(box.cell, box.reciprocal, self.k_max)
        sums = self.lattice_sums(positions, weights, box, indices, on_mesh)
        return self.lattice_energy(sums, box, indices)

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

    def forward(self, weights: Tensor, structure: Tensor, geometry: Geometry) -> Tensor:
        """Energies (n_structures,) in eV.

        Args:
            weights: (n_atoms,); structure: (n_atoms,) int64, ascending.

        Raises:
            ValueError: see ``sums``.
        """
        counts = torch.bincount(structure, minlength=geometry.cells.size(0))
        by_pairs = ~geometry.pbc.any(dim=1) & (counts <= self.pairs_up_to)
        if bool(by_pairs.all()):
            return self.energies_by_pairs(geometry.positions, weights, structure, counts.size(0))
        energies = self.energies_one_by_one(weights, counts, by_pairs, geometry)
        if bool(by_pairs.any()):
            here = torch.nonzero(by_pairs.index_select(0, structure)).squeeze(-1)
            energies = energies + self.energies_by_pairs(
                geometry.positions.index_select(0, here),
                weights.index_select(0, here),
                structure.index_select(0, here),
                counts.size(0),
            )
        return energies

    def energies_one_by_one(
        self, weights: Tensor, counts: Tensor, skipped: Tensor, geometry: Geometry
    ) -> Tensor:
        """(n_structures,) in eV, 0 for those that are ``skipped``."""
        sizes: list[int] = counts.tolist()
        energies: list[Tensor] = []
        first = 0
        for k, n_atoms in enumerate(sizes):
            if n_atoms == 0 or bool(skipped[k]):
                energies.append(weights.new_zeros(()))
            else:
                x = geometry.positions[first : first + n_atoms]
                w = weights[first : first + n_atoms]
                energies.append(self.structure_energy(x, w, geometry.cells[k], geometry.pbc[k]))
            first += n_atoms
        return torch.stack(energies)

    def structure_energy(
        self, positions: Tensor, weights: Tensor, cell: Tensor, pbc: Tensor
    ) -> Tensor:
        """In eV, a scalar, of one structure."""
        if not bool(pbc.any()):
            return self.isolated_energy(positions, weights)
        box = self.box_of(positions, cell, pbc)
        return self.energy_in_box(positions, weights, box, weights.size(0) >= self.mesh_from)
