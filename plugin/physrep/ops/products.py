"""Products of queries and keys along the edges, modulated by the distance."""

import torch
from torch import Tensor

from physrep.nn.activations import swish
from physrep.nn.edges import Edges
from physrep.ops.operator import Operator


class Products(Operator):
    """scale q_i . (k_j * swish(B_ij F + b)) of each head; B_ij are the first edge features."""

    def __init__(self, heads: int, scale: float) -> None:
        super().__init__()
        self.heads = heads
        self.scale = scale

    def forward(
        self, query: Tensor, key: Tensor, filters: Tensor, bias: Tensor, edges: Edges
    ) -> Tensor:
        """The products, (n_edges, heads).

        query: (n_centers, width); key: (n_atoms, width); filters: (n_basis, width) F;
        bias: (width,) b.
        """
        raise NotImplementedError


class PortableProducts(Products, form="portable"):
    """With PyTorch's own operators."""

    def forward(
        self, query: Tensor, key: Tensor, filters: Tensor, bias: Tensor, edges: Edges
    ) -> Tensor:
        by_distance = swish(torch.addmm(bias, edges.features[:, : filters.size(0)], filters))
        product = query.index_select(0, edges.centers) * key.index_select(0, edges.neighbors)
        by_head = (product * by_distance).view(-1, self.heads, query.size(1) // self.heads)
        return by_head.sum(dim=2) * self.scale


class FusedProducts(Products, form="fused"):
    """With physrep::products."""

    def forward(
        self, query: Tensor, key: Tensor, filters: Tensor, bias: Tensor, edges: Edges
    ) -> Tensor:
        i, j = edges.centers, edges.neighbors
        products = torch.ops.physrep.products(
            query, key, edges.features, filters, bias, i, j, self.heads
        )
        return products * self.scale
