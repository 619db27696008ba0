"""Invariants of vectors and moments that each atom has."""

import math

import torch
from torch import Tensor

from physrep.ops.operator import Operator


class VectorProducts(Operator):
    """Of A_1 and A_2, the moments of degree 1 and 2, t and u, vectors, for each channel:

        p = (t . A_1,  t . u,  sum_m A_2m S_2m(u)),   y = root(p),   d = gate u / sqrt(1 + u . u)

    with S_2m the solid harmonics of degree 2, so that the third is A_2 : u u, and root(p) = p /
    (1 + p^2)^(1/4), which is p near zero and a root of it far from there.
    """

    def forward(
        self, moments: Tensor, totals: Tensor, mixed: Tensor, gates: Tensor
    ) -> tuple[Tensor, Tensor]:
        """y (n, 3 channels) and d (n, 3, channels).

        moments: (n, 8, channels) A; totals, mixed: (n, 3, channels) t and u, their components in
        the order of the moments (z, x, y); gates: (n, channels).
        """
        raise NotImplementedError


class PortableVectorProducts(VectorProducts, form="portable"):
    """With PyTorch's own operators."""

    def forward(
        self, moments: Tensor, totals: Tensor, mixed: Tensor, gates: Tensor
    ) -> tuple[Tensor, Tensor]:
        z, x, y = mixed.unbind(dim=1)
        root3 = math.sqrt(3.0)
        solid = torch.stack(
            [
                z * z - 0.5 * (x * x + y * y),
                root3 * x * z,
                root3 * y * z,
                0.5 * root3 * (x * x - y * y),
                root3 * x * y,
            ],
            dim=1,
        )
        products = torch.cat(
            [
                (totals * moments[:, :3]).sum(dim=1),
                (totals * mixed).sum(dim=1),
                (moments[:, 3:] * solid).sum(dim=1),
            ],
            dim=1,
        )
        roots = products * torch.rsqrt(torch.sqrt(1.0 + products * products))
        scale = gates * torch.rsqrt(1.0 + (mixed * mixed).sum(dim=1))
        return roots, mixed * scale.unsqueeze(1)


class FusedVectorProducts(PortableVectorProducts, form="fused"):
    """With PyTorch's own operators."""
