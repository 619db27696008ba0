"""Charges on a mesh: each is spread over the nearest points by cardinal B-splines; and the
transpose, what atoms gather from a mesh.
"""

import math

import torch
from torch import Tensor, nn

from physrep.ops.operator import Operator


def spline_table(order: int) -> list[list[int]]:
    """Row j: (order - 1)! times the coefficients in t of M_order(t + j), 0 <= t < 1, ascending.

    M_p(u) = 1/(p-1)! sum_k (-1)^k binomial(p, k) max(u - k, 0)^(p-1), I. J. Schoenberg, Quart.
    Appl. Math. 4 (1946) 45; U. Essmann et al., J. Chem. Phys. 103 (1995) 8577, eq. 4.1.
    """
    degree = order - 1
    rows = [[0] * order for _ in range(order)]
    for j in range(order):
        for k in range(j + 1):
            sign = (-1) ** k * math.comb(order, k)
            for power in range(order):
                rows[j][power] += sign * math.comb(degree, power) * (j - k) ** (degree - power)
    return rows


class Splines(nn.Module):
    """B-splines of one order at the points of a mesh."""

    def __init__(self, order: int) -> None:
        """order: p, from 2 (linear) on; there are p - 2 continuous derivatives."""
        super().__init__()
        self.order = order
        self.table = spline_table(order)  # whole numbers: TorchScript's lists lose digits of others
        self.divisor = float(math.factorial(order - 1))

    def points(self, fractional: Tensor, sizes: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Of each atom the points of the mesh, (n, p^3) int64, the weights of p rows and columns,
        (n, p^2), and those of p layers, (n, p), whose products are the weights of the points.
        """
        counts = torch.tensor(sizes, device=fractional.device)
        scaled = fractional * counts
        base = torch.floor(scaled.detach())
        t = scaled - base
        powers = [torch.ones_like(t)]
        for _ in range(self.order - 1):
            powers.append(powers[-1] * t)
        table = torch.tensor(self.table, device=t.device).to(t.dtype) / self.divisor
        x, y, z = (torch.stack(powers, dim=2) @ table.t()).unbind(dim=1)  # (n, p) each
        offsets = torch.arange(self.order, device=t.device)
        points = base.to(torch.int64).unsqueeze(2) - offsets
        i, j, k = torch.remainder(points, counts.unsqueeze(1)).unbind(dim=1)
        plane = (i.unsqueeze(2) * sizes[1] + j.unsqueeze(1)).flatten(1)
        place = (plane.unsqueeze(2) * sizes[2] + k.unsqueeze(1)).flatten(1)
        return place, (x.unsqueeze(2) * y.unsqueeze(1)).flatten(1), z


class MeshSpread(Splines, Operator):
    """rho(m) = sum_i q_i prod_a M_p(f_ia N_a - m_a), m_a modulo N_a; M_p the B-spline of order p,
    which extends over p points.
    """

    def forward(self, fractional: Tensor, charges: Tensor, sizes: list[int]) -> Tensor:
        """The mesh, sizes[0] x sizes[1] x sizes[2], float64, differentiable twice by both.

        fractional: (n, 3) float64, coordinates f in units of the lattice vectors;
        charges: (n,) float64 in e; sizes: N_1, N_2, N_3, each at least p.
        """
        raise NotImplementedError


class PortableMeshSpread(MeshSpread, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, fractional: Tensor, charges: Tensor, sizes: list[int]) -> Tensor:
        place, planar, z = self.points(fractional, sizes)
        values = ((charges.unsqueeze(1) * planar).unsqueeze(2) * z.unsqueeze(1)).flatten()
        mesh = charges.new_zeros(sizes[0] * sizes[1] * sizes[2])
        return mesh.index_add(0, place.flatten(), values).view(sizes)


class FusedMeshSpread(MeshSpread, form="fused"):
    """With physrep::mesh_spread, for an order of at most 8."""

    def forward(self, fractional: Tensor, charges: Tensor, sizes: list[int]) -> Tensor:
        return torch.ops.physrep.mesh_spread(fractional, charges, sizes, self.order)


class MeshGather(Splines, Operator):
    """p_i = sum_m phi(m) prod_a M_p(f_ia N_a - m_a), the transpose of MeshSpread."""

    def forward(self, fractional: Tensor, mesh: Tensor) -> Tensor:
        """(n,) float64, differentiable twice by both.

        fractional: (n, 3) float64, coordinates f in units of the lattice vectors;
        mesh: (N_1, N_2, N_3) float64 phi, each size at least p.
        """
        raise NotImplementedError


class PortableMeshGather(MeshGather, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, fractional: Tensor, mesh: Tensor) -> Tensor:
        place, planar, z = self.points(fractional, list(mesh.shape))
        found = mesh.flatten().index_select(0, place.flatten()).view(-1, planar.size(1), z.size(1))
        return ((found * z.unsqueeze(1)).sum(dim=2) * planar).sum(dim=1)


class FusedMeshGather(MeshGather, form="fused"):
    """With physrep::mesh_gather, for an order of at most 8."""

    def forward(self, fractional: Tensor, mesh: Tensor) -> Tensor:
        return torch.ops.physrep.mesh_gather(fractional, mesh, self.order)
