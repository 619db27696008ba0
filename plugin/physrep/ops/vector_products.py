"""Invariants of the moments and vectors that an atom has."""

import math

import torch
from torch import Tensor

from physrep.ops.operator import Operator


class VectorProducts(Operator):
    """Of A_1 and A_2, moments of degree 1 and 2, and vectors t and u, for each channel:

        p = (A_1 . A_1,  A_2 . A_2,  t . A_1,  t . u,  A_2 . S(u)),   y = p (1 + p^2)^(-1/4)
        d = gate u / sqrt(1 + u . u)

    with S the solid harmonics of degree 2. y is p near zero and a root of it far from there.
    """

    def forward(
        self, moments: Tensor, totals: Tensor, mixed: Tensor, gates: Tensor
    ) -> tuple[Tensor, Tensor]:
        """y (n, 5, channels) and d (n, 3, channels).

        moments: (n, 8, channels) A, as :class:`physrep.ops.moments.Moments` has them; totals,
        mixed: (n, 3, channels) t and u, components in the order z, x, y of the moments; gates:
        (n, channels).
        """
        raise NotImplementedError


class PortableVectorProducts(VectorProducts, form="portable"):
    """With PyTorch's own operators."""

    def forward(
        self, moments: Tensor, totals: Tensor, mixed: Tensor, gates: Tensor
    ) -> tuple[Tensor, Tensor]:
        first, second = moments[:, :3], moments[:, 3:]
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
        products = torch.stack(
            [
                (first * first).sum(dim=1),
                (second * second).sum(dim=1),
                (totals * first).sum(dim=1),
                (totals * mixed).sum(dim=1),
                (second * solid).sum(dim=1),
            ],
            dim=1,
        )
        roots = products * torch.rsqrt(torch.sqrt(1.0 + products * products))
        scale = gates * torch.rsqrt(1.0 + (mixed * mixed).sum(dim=1))
        return roots, mixed * scale.unsqueeze(1)


class FusedVectorProducts(VectorProducts, form="fused"):
    """With physrep::vector_products."""

    def forward(
        self, moments: Tensor, totals: Tensor, mixed: Tensor, gates: Tensor
    ) -> tuple[Tensor, Tensor]:
        return torch.ops.physrep.vector_products(moments, totals, mixed, gates)
