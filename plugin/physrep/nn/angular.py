"""Angular information without vectors between atoms: squared moments of the messages.

A layer that sums messages over distances alone cannot tell two arrangements with the same
distances apart. The moments A_lm = sum_j q_ij Y_lm(r_ij) can, and sum_m A_lm^2 is invariant under
rotation: a learned form of the power spectrum (Bartok et al., Phys. Rev. B 87, 184115, 2013), as
NeuralIL's descriptors are one with fixed functions.
"""

import math

import torch
from torch import Tensor, nn

from physrep.nn.scatter import sum_edges


class AngularMoments(nn.Module):
    """q / sqrt(1 + q) with q = sum_m (sum_j w_ij f_c(d_ij) v_c(h_j) Y_lm)^2, for each channel c and
    degree l: a square near zero, a length far from it, so that a large moment meets no parabola
    (with q alone a fit at the same learning rate threw itself out of its minimum).
    """

    def __init__(self, width: int, n_basis: int, channels: int, degree: int) -> None:
        super().__init__()
        self.degree = degree
        self.value = nn.Linear(width, channels, bias=False)
        self.filter = nn.Parameter(torch.randn(n_basis, channels) / math.sqrt(n_basis))
        self.n_out = degree * channels

    def forward(
        self, sent: Tensor, radial: Tensor, harmonics: Tensor, centers: Tensor, n_centers: int
    ) -> Tensor:
        """sent (n_edges, width): features of the neighbours; radial (n_edges, n_basis): basis times
        weight, which carries the envelope; harmonics (n_edges, 3 or 8) -> (n_centers, n_out)."""
        strength = (radial @ self.filter) * self.value(sent)
        products = harmonics.unsqueeze(2) * strength.unsqueeze(1)
        return self.power(sum_edges(products, centers, n_centers))

    def by_operator(
        self,
        h: Tensor,
        weights: Tensor,
        features: Tensor,
        columns: tuple[int, int],
        centers: Tensor,
        neighbors: Tensor,
        n_centers: int,
    ) -> Tensor:
        """The same from h (n_atoms, width), weights (n_edges, heads) and the features of the edges;
        columns: where the basis and the harmonics stand in them."""
        moments = torch.ops.physrep.messages(
            weights if weights.size(1) == 1 else weights.mean(dim=1, keepdim=True),
            None,
            self.value(h),
            features,
            self.filter,
            None,
            centers,
            neighbors,
            n_centers,
            columns[0],
            columns[1],
            self.degree * (self.degree + 2),
        )
        return torch.ops.physrep.invariants(moments)

    def power(self, moments: Tensor) -> Tensor:
        """Moments (n_centers, 3 or 8, channels) -> (n_centers, n_out)."""
        squares = moments * moments
        power = squares[:, :3].sum(dim=1)
        if self.degree == 2:
            power = torch.cat([power, squares[:, 3:].sum(dim=1)], dim=1)
        return power * torch.rsqrt(1.0 + power)
