"""CGCNN: gated convolutions over a graph of neighbours; the layer is torch_geometric's CGConv.

Source: Xie and Grossman, PRL 120 (2018) 145301: eq. 5 (the gated convolution), 64 features and 3
convolutions; radius 8 A, Gaussians every 0.2 A of width 0.2 A and a hidden layer of 128 as in the
code published with it (github.com/txie-93/cgcnn).

Different here: an atom's first features are learned for each element instead of mapped from a
table of its properties, all neighbours within the radius count instead of the nearest 12 (a choice
that jumps), and energies are summed over atoms instead of averaged, so that they are extensive.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch_geometric.nn import CGConv

from physrep.config import StrictModel
from physrep.nn.edges import Edges
from physrep_training.baselines.base import Baseline, graph

PositiveInt = Annotated[int, Field(gt=0)]
ELEMENTS = 119  # no table of the library: all that ASE knows


class CGCNNConfig(StrictModel):
    """Settings of CGCNN; the defaults are those of the published code."""

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 8.0
    """[A] Cutoff of the neighbours."""
    features: PositiveInt = 64
    """Width: features of an atom."""
    n_layers: PositiveInt = 3
    """Convolutions."""
    hidden: PositiveInt = 128
    """Width of the readout."""
    spacing: Annotated[float, Field(gt=0.01, le=1.0)] = 0.2
    """[A] Distance between the centres of the Gaussians, and their width."""
    batch_norm: bool = True
    """Normalise the summed messages over the batch, as published; needs run.batch_size > 1."""


class GaussianDistance(nn.Module):
    """exp(-(d - mu_k)^2 / spacing^2), mu_k = 0, spacing, ... up to the cutoff."""

    centers: Tensor

    def __init__(self, cutoff: float, spacing: float) -> None:
        super().__init__()
        self.spacing = spacing
        self.n_out = int(cutoff / spacing + 1e-6) + 1
        self.register_buffer("centers", torch.arange(self.n_out) * spacing)

    def forward(self, distances: Tensor) -> Tensor:
        """(n_edges,) in A -> (n_edges, n_out)."""
        apart = (distances.unsqueeze(-1) - self.centers) / self.spacing
        return torch.exp(-apart * apart)


class CGCNN(Baseline):
    """h_i <- h_i + sum_j sigmoid(W_f z_ij) * softplus(W_s z_ij), z_ij = [h_i, h_j, Gaussians].

    No cutoff function: energies jump when a pair crosses the cutoff, as published.
    """

    def __init__(self, config: CGCNNConfig, species: list[int]) -> None:
        features = config.features
        super().__init__(species, config.cutoff, config.n_layers, features, ELEMENTS)
        self.published = True
        self.embedding = nn.Embedding(self.n_types, features)
        self.expansion = GaussianDistance(config.cutoff, config.spacing)
        self.layers = nn.ModuleList(
            CGConv(features, self.expansion.n_out, batch_norm=config.batch_norm)
            for _ in range(config.n_layers)
        )
        self.head = nn.Sequential(
            nn.Softplus(),
            nn.Linear(features, config.hidden),
            nn.Softplus(),
            nn.Linear(config.hidden, 1),
        )

    def envelope(self, distances: Tensor) -> Tensor:
        return torch.ones_like(distances)

    def expand(self, distances: Tensor) -> Tensor:
        return self.expansion(distances)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        return self.embedding(types[: edges.n_centers])

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        return self.layers[k](h, graph(edges), edges.features)[: edges.n_centers]

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        return self.head(h[: edges.n_centers]).squeeze(-1)
