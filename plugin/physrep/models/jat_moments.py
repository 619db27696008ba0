"""What the directions of the neighbours add to JAT's messages: moments, and vectors of atoms."""

import math
from typing import Final

import torch
from torch import Tensor, nn

from physrep.models.jat_config import EdgeColumns, JATConfig
from physrep.nn.edges import Edges, own_rows
from physrep.ops.invariants import PortableInvariants
from physrep.ops.messages import MessageInputs, PortableMessages
from physrep.ops.moments import PortableMoments
from physrep.ops.vector_products import PortableVectorProducts


def normal(rows: int, columns: int) -> Tensor:
    """(rows, columns) numbers of variance 1 / rows."""
    return torch.randn(rows, columns) / math.sqrt(rows)


class AngularMoments(nn.Module):
    """Rotation invariants of the messages, weighted by the mean of the heads: moments, as
    :class:`physrep.ops.moments.Moments` has them, squared.
    """

    def __init__(self, config: JATConfig, columns: EdgeColumns) -> None:
        super().__init__()
        channels = config.angular_features
        self.value = nn.Linear(config.features, channels, bias=False)
        self.filter = nn.Parameter(normal(config.n_basis, channels))
        self.n_out = config.degree * channels
        self.moments = PortableMoments(config.degree, columns.basis_start, columns.harmonics_start)
        self.invariants = PortableInvariants()

    def forward(self, h: Tensor, weights: Tensor, edges: Edges) -> Tensor:
        """h (n_atoms, width), weights (n_edges, heads) -> (n_centers, n_out)."""
        weights = mean_of_heads(weights)
        return self.invariants(self.moments(weights, self.value(h), self.filter, edges))


class VectorMoments(nn.Module):
    """The same for atoms that carry vectors v, one for each channel, from layer to layer.

        t_i = A_1 + sum_j w_ij (B_ij F_v) v_j W_s + v_i W_o,   u_i = t_i W_u
        v_i <- v_i + tanh(g(h_i)) u_i / sqrt(1 + u_i . u_i)

    with A_1 the moments of degree 1 and B_ij the radial basis. Products of A, t and u join the
    messages (:class:`physrep.ops.vector_products.VectorProducts`). Vectors sent to neighbours are
    what equivariant networks of degree 1 have (K. T. Schuett, O. T. Unke, M. Gastegger, PaiNN,
    ICML 2021); with the third kind of product an atom sees four bodies at once.
    """

    first: Final[bool]

    def __init__(self, config: JATConfig, columns: EdgeColumns, first: bool) -> None:
        """first: of the layers, where the vectors are still zero."""
        super().__init__()
        channels = config.angular_features
        self.channels = channels
        self.first = first
        self.n_out = 5 * channels
        self.value = nn.Linear(config.features, channels, bias=False)
        self.filter = nn.Parameter(normal(config.n_basis, channels))
        self.moments = PortableMoments(config.degree, columns.basis_start, columns.harmonics_start)
        self.mixing = nn.Parameter(normal(channels, channels))
        self.gate = nn.Linear(config.features, channels)
        self.products = PortableVectorProducts()
        if not first:
            self.sent = nn.Parameter(normal(channels, channels))
            self.kept = nn.Parameter(normal(channels, channels))
            self.vector_filter = nn.Parameter(normal(config.n_basis, channels))
            self.messages = PortableMessages(1, columns.basis_start)

    def carried(self, vectors: Tensor, weights: Tensor, edges: Edges) -> Tensor:
        """What the vectors of neighbours and the own ones add to A_1, (n_centers, 3, channels)."""
        sent = (vectors @ self.sent).flatten(1)
        inputs = MessageInputs(weights, None, self.vector_filter.repeat(1, 3), None)
        found = self.messages(sent, inputs, edges).view(-1, 3, self.channels)
        return found + vectors[: edges.n_centers] @ self.kept

    def forward(
        self, h: Tensor, vectors: Tensor, weights: Tensor, edges: Edges
    ) -> tuple[Tensor, Tensor]:
        """h (n_atoms, width), vectors (n_atoms, 3 channels), weights (n_edges, heads) -> invariants
        (n_centers, n_out) and the new vectors of the centres.
        """
        weights = mean_of_heads(weights)
        moments = self.moments(weights, self.value(h), self.filter, edges)
        totals = moments[:, :3]
        if not self.first:
            shaped = vectors.view(-1, 3, self.channels)
            totals = totals + self.carried(shaped, weights, edges)
        gates = torch.tanh(self.gate(own_rows(h, edges)))
        found, change = self.products(moments, totals, totals @ self.mixing, gates)
        return found.flatten(1), vectors[: edges.n_centers] + change.flatten(1)


def mean_of_heads(weights: Tensor) -> Tensor:
    """(n_edges, heads) -> (n_edges, 1)."""
    return weights.mean(dim=1, keepdim=True) if weights.size(1) > 1 else weights
