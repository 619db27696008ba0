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
    """With PyTorch's own operators.

    The exponential is split into that of the first two indices and that of the third: sines for
    n (pairs of indices + third indices), and one product of matrices for the sum over atoms.
    """

    def forward(self, fractional: Tensor, charges: Tensor, indices: Tensor) -> Tensor:
        if indices.size(0) == 0:
            return (fractional.sum() + charges.sum()) * charges.new_zeros((0, 2))
        first, second, third = indices.unbind(dim=1)
        n_second, n_third = int(second.abs().max()), int(third.abs().max()) + 1
        width = 2 * n_second + 1
        keys, pair_of = torch.unique_consecutive(
            first * width + second + n_second, return_inverse=True
        )
        n_pairs = keys.size(0)
        turns = 2.0 * math.pi * fractional
        up_to = torch.arange(n_third, device=turns.device, dtype=turns.dtype)
        along_second = torch.remainder(keys, width)
        along_first = (keys - along_second).to(turns.dtype) / width
        pairs = torch.stack([along_first, along_second.to(turns.dtype) - n_second])
        planar = turns[:, :2] @ pairs
        axial = turns[:, 2:] * up_to
        left = torch.cat([torch.cos(planar), torch.sin(planar)], dim=1) * charges.unsqueeze(1)
        right = torch.cat([torch.cos(axial), torch.sin(axial)], dim=1)
        cc, cs, sc, ss = _quarters(left.t() @ right, n_pairs, n_third)
        # Real and imaginary parts at positive, then at negative third indices.
        real = torch.cat([cc - ss, cc + ss], dim=1).flatten()
        imaginary = torch.cat([sc + cs, sc - cs], dim=1).flatten()
        column = torch.where(third < 0, n_third - third, third)
        place = pair_of * (2 * n_third) + column
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
    """With PyTorch's own operators: a sine for each atom and index."""

    def forward(self, fractional: Tensor, factors: Tensor, indices: Tensor) -> Tensor:
        turns = 2.0 * math.pi * indices.to(factors.dtype)
        phases = fractional @ turns.t()
        cosines, sines = torch.cos(phases), torch.sin(phases)
        sums = cosines @ factors[:, 0] + sines @ factors[:, 1]
        slopes = cosines @ (factors[:, 1:] * turns) - sines @ (factors[:, :1] * turns)
        return torch.cat([sums.unsqueeze(1), slopes], dim=1)


class FusedWaveSums(WaveSums, form="fused"):
    """With physrep::wave_sums, for the indices that FusedStructureFactors takes."""

    def forward(self, fractional: Tensor, factors: Tensor, indices: Tensor) -> Tensor:
        return torch.ops.physrep.wave_sums(fractional, factors, indices)


def _quarters(table: Tensor, n_rows: int, n_columns: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    upper, lower = table[:n_rows], table[n_rows:]
    return (
        upper[:, :n_columns],
        upper[:, n_columns:],
        lower[:, :n_columns],
        lower[:, n_columns:],
    )
