"""Angular information without vectors between atoms: squared moments of the messages.

A layer that sums messages over distances alone cannot tell two arrangements with the same
distances apart. The moments A_lm = sum_j q_ij Y_lm(r_ij) can, and sum_m A_lm^2 is invariant under
rotation: a learned form of the power spectrum (Bartok et al., Phys. Rev. B 87, 184115, 2013), as
NeuralIL's descriptors are one with fixed functions.
"""

import torch
from torch import Tensor

from physrep.nn.edges import Edges
from physrep.nn.scatter import sum_edges
from physrep.ops.operator import Operator


class Invariants(Operator):
    """q / sqrt(1 + q) with q = sum_m (sum_j w_ij B_ij F v_j Y_lm)^2, for each channel and degree l.

    It is a square near zero and a length far from it, so that a large moment does not grow like a
    parabola (with q alone a fit at the same learning rate left its minimum). B_ij are the edge
    features from column ``basis_start`` on; Y_lm of degrees 1 to ``degree`` (1 or 2) those from
    ``harmonics_start`` on.
    """

    def __init__(self, degree: int, basis_start: int, harmonics_start: int) -> None:
        super().__init__()
        self.degree = degree
        self.basis_start = basis_start
        self.harmonics_start = harmonics_start
        self.n_harmonics = degree * (degree + 2)

    def forward(self, weights: Tensor, values: Tensor, filters: Tensor, edges: Edges) -> Tensor:
        """The invariants, (n_centers, degree * channels).

        weights: (n_edges, 1) w, which carry the envelope; values: (n_atoms, channels) v;
        filters: (n_basis, channels) F.
        """
        raise NotImplementedError


class PortableInvariants(Invariants, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, weights: Tensor, values: Tensor, filters: Tensor, edges: Edges) -> Tensor:
        basis = edges.features[:, self.basis_start : self.basis_start + filters.size(0)]
        strength = ((basis * weights) @ filters) * values.index_select(0, edges.neighbors)
        harmonics = edges.features[
            :, self.harmonics_start : self.harmonics_start + self.n_harmonics
        ]
        products = harmonics.unsqueeze(2) * strength.unsqueeze(1)
        return self.power(sum_edges(products, edges.centers, edges.n_centers))

    def power(self, moments: Tensor) -> Tensor:
        """Moments (n_centers, 3 or 8, channels) -> (n_centers, degree * channels)."""
        squares = moments * moments
        power = squares[:, :3].sum(dim=1)
        if self.degree == 2:
            power = torch.cat([power, squares[:, 3:].sum(dim=1)], dim=1)
        return power * torch.rsqrt(1.0 + power)


class FusedInvariants(Invariants, form="fused"):
    """With physrep::messages and physrep::invariants."""

    def forward(self, weights: Tensor, values: Tensor, filters: Tensor, edges: Edges) -> Tensor:
        moments = torch.ops.physrep.messages(
            weights,
            None,
            values,
            edges.features,
            filters,
            None,
            edges.centers,
            edges.neighbors,
            edges.n_centers,
            self.basis_start,
            self.harmonics_start,
            self.n_harmonics,
        )
        return torch.ops.physrep.invariants(moments)
