"""SchNet: continuous-filter convolutions over distances; the blocks are torch_geometric's.

Source: Schuett et al., NIPS 2017 (arXiv 1706.08566) and J. Chem. Phys. 148 (2018) 241722. The
cosine cutoff in the filters (C1: the force derivative jumps) is torch_geometric's and SchNetPack's.
"""

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch_geometric.nn.models import SchNet as Published

from physrep.config import StrictModel
from physrep.nn.cutoffs import cosine_envelope
from physrep.nn.edges import Edges
from physrep_training.baselines.base import Baseline, graph

PositiveInt = Annotated[int, Field(gt=0)]
ELEMENTS = 100  # rows of torch_geometric's embedding


class SchNetConfig(StrictModel):
    """Settings of SchNet; the defaults are torch_geometric's, those of the published QM9 fits."""

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 10.0
    """[A] Cutoff of the neighbours."""
    features: Annotated[int, Field(gt=1)] = 128
    """Width: features of an atom."""
    filters: PositiveInt = 128
    """Width of the filters."""
    n_layers: PositiveInt = 6
    """Interaction blocks."""
    n_gaussians: Annotated[int, Field(gt=1)] = 50
    """Gaussians of the distance between 0 and the cutoff."""


class SchNet(Baseline):
    """h_i <- h_i + W_2 ssp(sum_j W_1 h_j * filter(d_ij)), then an energy of each atom.

    torch_geometric's neighbour list (at most 32 neighbours, needs torch_cluster) is not used.
    """

    def __init__(self, config: SchNetConfig, species: list[int]) -> None:
        super().__init__(species, config.cutoff, config.n_layers, config.features, ELEMENTS)
        self.net = Published(
            hidden_channels=config.features,
            num_filters=config.filters,
            num_interactions=config.n_layers,
            num_gaussians=config.n_gaussians,
            cutoff=config.cutoff,
        )

    def envelope(self, distances: Tensor) -> Tensor:
        return cosine_envelope(distances, self.cutoff)

    def expand(self, distances: Tensor) -> Tensor:
        return self.net.distance_expansion(distances)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        return self.net.embedding(self.numbers(types[: edges.n_centers]))

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        change = self.net.interactions[k](h, graph(edges), edges.distances, edges.features)
        return (h + change)[: edges.n_centers]

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        own = h[: edges.n_centers]
        return self.net.lin2(self.net.act(self.net.lin1(own))).squeeze(-1)
