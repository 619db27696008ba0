"""Sums over the neighbours that keep directions: moments of the messages."""

import torch
from torch import Tensor

from physrep.nn.edges import Edges
from physrep.nn.scatter import sum_edges
from physrep.ops.operator import Operator


class Moments(Operator):
    """A_lm = sum_j w_ij B_ij F v_j Y_lm(r_ij), for each channel, of degrees 1 to ``degree``.

    B_ij are the edge features from column ``basis_start`` on; Y_lm those from ``harmonics_start``
    on.
    """

    def __init__(self, degree: int, basis_start: int, harmonics_start: int) -> None:
        """degree: 1 or 2."""
        super().__init__()
        self.degree = degree
        self.basis_start = basis_start
        self.harmonics_start = harmonics_start
        self.n_harmonics = degree * (degree + 2)

    def forward(self, weights: Tensor, values: Tensor, filters: Tensor, edges: Edges) -> Tensor:
        """The moments, (n_centers, 3 or 8, channels): three components of degree 1, then five.

        weights: (n_edges, 1) w, which carry the envelope; values: (n_atoms, channels) v;
        filters: (n_basis, channels) F.
        """
        raise NotImplementedError


class PortableMoments(Moments, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, weights: Tensor, values: Tensor, filters: Tensor, edges: Edges) -> Tensor:
        basis = edges.features[:, self.basis_start : self.basis_start + filters.size(0)]
        strength = ((basis * weights) @ filters) * values.index_select(0, edges.neighbors)
        harmonics = edges.features[
            :, self.harmonics_start : self.harmonics_start + self.n_harmonics
        ]
        products = harmonics.unsqueeze(2) * strength.unsqueeze(1)
        return sum_edges(products, edges.centers, edges.n_centers)


class FusedMoments(Moments, form="fused"):
    """With physrep::messages."""

    def forward(self, weights: Tensor, values: Tensor, filters: Tensor, edges: Edges) -> Tensor:
        return torch.ops.physrep.messages(
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
