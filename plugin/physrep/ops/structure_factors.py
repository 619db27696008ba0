"""Structure factors: the Fourier components of point charges in a periodic cell; and their
transpose, sums of waves at the atoms.
"""

import math

import torch
from torch import Tensor

from physrep.ops.operator import Operator


class StructureFactors(Operator):
    """S(n) = sum_i q_i exp(2 pi i n . f_i), real and imaginary part."""

    def forward(self, fractional: Tensor, charges: Tensor, indices: Tensor) -> Tensor:
        """The sums of these atoms, (n_k, 2) float64, differentiable twice by both.

        fractional: (n, 3) float64, coordinates f in units of the lattice vectors;
        charges: (n,) float64 in e;
        indices: (n_k, 3) int64, sorted by first, second and third, the third of each run of equal
        first and second ones without gaps.
        """
        raise NotImplementedError


class PortableStructureFactors(StructureFactors, form="portable"):
    """With PyTorch's own operators: sines for n (pairs of indices + third indices), and one product
    of matrices for the sum over atoms.
    """

    def forward(self, fractional: Tensor, charges: Tensor, indices: Tensor) -> Tensor:
        if indices.size(0) == 0:
            return (fractional.sum() + charges.sum()) * charges.new_zeros((0, 2))
        planar, axial, place = _split_waves(fractional, indices)
        n_pairs, n_third = planar.size(1), axial.size(1)
        left = torch.cat([torch.cos(planar), torch.sin(planar)], dim=1) * charges.unsqueeze(1)
        right = torch.cat([torch.cos(axial), torch.sin(axial)], dim=1)
        cc, cs, sc, ss = _quarters(left.t() @ right, n_pairs, n_third)
        # Real and imaginary parts at positive, then at negative third indices.
        real = torch.cat([cc - ss, cc + ss], dim=1).flatten()
        imaginary = torch.cat([sc + cs, sc - cs], dim=1).flatten()
        return torch.stack([real.index_select(0, place), imaginary.index_select(0, place)], dim=1)


class FusedStructureFactors(StructureFactors, form="fused"):
    """With physrep::structure_factors: right for any indices, fastest for sorted ones.

    Each index must be below 16384 in size.
    """

    def forward(self, fractional: Tensor, charges: Tensor, indices: Tensor) -> Tensor:
        return torch.ops.physrep.structure_factors(fractional, charges, indices)


class WaveSums(Operator):
    """p_i = sum_n g_n . (cos, sin)(2 pi n . f_i), the transpose of S, and dp/df."""

    def forward(self, fractional: Tensor, factors: Tensor, indices: Tensor) -> Tensor:
        """p in the first column, its slopes along f in the others, (n, 4) float64; differentiable
        twice by coordinates and factors.

        fractional: (n, 3) float64, coordinates f in units of the lattice vectors;
        factors: (n_k, 2) float64 g; indices: (n_k, 3) int64 n, as those of StructureFactors.
        """
        raise NotImplementedError


class PortableWaveSums(WaveSums, form="portable"):
    """With PyTorch's own operators, by the products that PortableStructureFactors has."""

    def forward(self, fractional: Tensor, factors: Tensor, indices: Tensor) -> Tensor:
        if indices.size(0) == 0:
            nothing = fractional.new_zeros((fractional.size(0), 4))
            return (fractional.sum() + factors.sum()) * nothing
        planar, axial, place = _split_waves(fractional, indices)
        n_pairs, n_third = planar.size(1), axial.size(1)
        # g, and what the slopes along the three axes make of it
        turned = torch.stack([factors[:, 1], -factors[:, 0]])
        along = (2.0 * math.pi * indices.to(factors.dtype)).t().unsqueeze(1) * turned
        rows = torch.cat([factors.t().unsqueeze(0), along])  # (4, 2, n_k)
        table = rows.new_zeros((4, 2, n_pairs * 2 * n_third)).index_add(2, place, rows)
        table = table.view(4, 2, n_pairs, 2 * n_third)
        plus, minus = table[..., :n_third], table[..., n_third:]
        even, odd = plus + minus, plus - minus
        # of cos and sin of the planar part: what multiplies cos and sin of the axial one
        of_cosines = torch.cat([even[:, 0], odd[:, 1]], dim=2)
        of_sines = torch.cat([even[:, 1], -odd[:, 0]], dim=2)
        right = torch.cat([torch.cos(axial), torch.sin(axial)], dim=1)
        sums = torch.cos(planar) * (right @ of_cosines.transpose(1, 2))
        sums = sums + torch.sin(planar) * (right @ of_sines.transpose(1, 2))
        return sums.sum(dim=2).t()


class FusedWaveSums(WaveSums, form="fused"):
    """With physrep::wave_sums, for the indices that FusedStructureFactors takes."""

    def forward(self, fractional: Tensor, factors: Tensor, indices: Tensor) -> Tensor:
        return torch.ops.physrep.wave_sums(fractional, factors, indices)


def _split_waves(fractional: Tensor, indices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """2 pi n . f in two parts: of the first two indices, (n_atoms, n_pairs), and of the third from
    0 on, (n_atoms, n_third); and where each index stands in (n_pairs, 2 n_third), whose second
    half is for negative third ones, (n_k,) int64.
    """
    first, second, third = indices.unbind(dim=1)
    n_second, n_third = int(second.abs().max()), int(third.abs().max()) + 1
    width = 2 * n_second + 1
    keys, pair_of = torch.unique_consecutive(first * width + second + n_second, return_inverse=True)
    turns = 2.0 * math.pi * fractional
    up_to = torch.arange(n_third, device=turns.device, dtype=turns.dtype)
    along_second = torch.remainder(keys, width)
    along_first = (keys - along_second).to(turns.dtype) / width
    pairs = torch.stack([along_first, along_second.to(turns.dtype) - n_second])
    column = torch.where(third < 0, n_third - third, third)
    return turns[:, :2] @ pairs, turns[:, 2:] * up_to, pair_of * (2 * n_third) + column


def _quarters(table: Tensor, n_rows: int, n_columns: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    upper, lower = table[:n_rows], table[n_rows:]
    return (
        upper[:, :n_columns],
        upper[:, n_columns:],
        lower[:, :n_columns],
        lower[:, n_columns:],
    )
