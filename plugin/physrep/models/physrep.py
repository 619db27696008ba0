"""PhysRep: a Transformer over atoms whose attention reads distances, with a physics head.

Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023). Where the paper
is silent the attention is that of TorchMD-Net's Transformer (Thoelke and De Fabritiis, ICLR 2022):
LayerNorm before the projections, SiLU instead of a softmax, no feed-forward part, a residual.
"""

import math
from typing import Annotated, Final, Literal, Self

import torch
from ase.data import chemical_symbols
from pydantic import Field, model_validator
from torch import Tensor, nn

from physrep.config import StrictModel
from physrep.electronegativity import electronegativity
from physrep.models.contract import Edges, LayeredModel
from physrep.nn.activations import swish
from physrep.nn.cutoffs import cosine_envelope, polynomial_envelope
from physrep.nn.radial import ElementBasis
from physrep.nn.scatter import sum_edges
from physrep.pair.physics_head import PairEnergy

PositiveInt = Annotated[int, Field(gt=0)]


class PhysRepConfig(StrictModel):
    """Settings of PhysRep in its local form (a cutoff everywhere, no [CLS] token).

    Attributes:
        cutoff: A. n_layers, features, heads: attention blocks, width, heads that split the width.
        n_basis: radial functions of each element.
        envelope: ``polynomial`` (C2) or the paper's ``cosine``, whose force derivative jumps at
            the cutoff.
        head: ``physics`` adds the pair energies to those of the atoms; ``atoms`` leaves them out.
        published_pairs: the pair parameters as published, which allow an attractive core.
    """

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 5.0
    n_layers: PositiveInt = 6
    features: PositiveInt = 256
    heads: PositiveInt = 16
    n_basis: PositiveInt = 16
    envelope: Literal["polynomial", "cosine"] = "polynomial"
    head: Literal["physics", "atoms"] = "physics"
    published_pairs: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.features % self.heads:
            raise ValueError(
                f"features ({self.features}) must be a multiple of heads ({self.heads})"
            )
        return self


class AtomEmbedding(nn.Module):
    """x_i = W [s_i; sum_j U (s_j * V psi_ij)], s = [embedding, electronegativity] (eqs. 1, 4)."""

    def __init__(self, species: list[int], features: int, n_basis: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(species), features)
        values = [electronegativity(chemical_symbols[z]) for z in species]
        self.register_buffer("electronegativity", torch.tensor(values).unsqueeze(1))
        self.filter = nn.Linear(n_basis, features + 1, bias=False)
        self.neighbor = nn.Linear(features + 1, features, bias=False)
        self.join = nn.Linear(2 * features + 1, features)

    def forward(self, types: Tensor, edges: Edges) -> Tensor:
        """types (n_atoms,) -> (n_centers, features)."""
        table = torch.cat([self.embedding.weight, self.electronegativity], dim=1)
        sent = table.index_select(0, types.index_select(0, edges.neighbors))
        sums = sum_edges(sent * self.filter(edges.features), edges.centers, edges.n_centers)
        own = table.index_select(0, types[: edges.n_centers])
        return self.join(torch.cat([own, self.neighbor(sums)], dim=1))


class AttentionBlock(nn.Module):
    """x_i <- x_i + O sum_j a_ij v_j * D^V_ij,  a_ij = SiLU(q_i . (k_j * D^K_ij)) envelope, by head.

    D^K and D^V are SiLU of linear maps of the radial basis.
    """

    def __init__(self, features: int, heads: int, n_basis: int) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = features // heads
        self.norm = nn.LayerNorm(features)
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.distance_key = nn.Linear(n_basis, features)
        self.distance_value = nn.Linear(n_basis, features)
        self.output = nn.Linear(features, features)
        self.scale = 1.0 / math.sqrt(self.head_width)

    def forward(self, x: Tensor, edges: Edges) -> Tensor:
        """(n_atoms, features) -> (n_centers, features)."""
        normed = self.norm(x)
        own = normed[: edges.n_centers]
        query = self.query(own).index_select(0, edges.centers)
        key = self.key(normed).index_select(0, edges.neighbors)
        product = query * key * swish(self.distance_key(edges.features))
        logits = product.view(-1, self.heads, self.head_width).sum(dim=2) * self.scale
        weights = swish(logits) * edges.envelope.unsqueeze(-1)
        value = self.value(normed).index_select(0, edges.neighbors)
        value = value * swish(self.distance_value(edges.features))
        spread = weights.repeat_interleave(self.head_width, dim=1)
        message = sum_edges(value * spread, edges.centers, edges.n_centers)
        return x[: edges.n_centers] + self.output(message)


class PhysRep(LayeredModel):
    """Embedding, attention blocks, energies of atoms and pairs; see :class:`PhysRepConfig`."""

    physics: Final[bool]

    def __init__(self, config: PhysRepConfig, species: list[int]) -> None:
        super().__init__(species, config.cutoff, config.n_layers, config.features)
        self.physics = config.head == "physics"
        self.readout_reads_neighbors = self.physics
        self.cosine = config.envelope == "cosine"
        features, n_basis = config.features, config.n_basis
        self.basis = ElementBasis(self.n_types, n_basis, config.cutoff)
        self.embedding = AtomEmbedding(species, features, n_basis)
        self.layers = nn.ModuleList(
            AttentionBlock(features, config.heads, n_basis) for _ in range(config.n_layers)
        )
        self.norm = nn.LayerNorm(features)
        self.atom = nn.Linear(features, 1)
        if self.physics:
            self.pair = PairEnergy(features, config.published_pairs)

    def edges(self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int) -> Edges:
        distances = torch.sqrt((vectors * vectors).sum(dim=-1))
        if self.cosine:
            envelope = cosine_envelope(distances, self.cutoff)
        else:
            envelope = polynomial_envelope(distances, self.cutoff)
        centers, neighbors = edge_index[0], edge_index[1]
        features = self.basis(distances, envelope, types.index_select(0, centers))
        return Edges(centers, neighbors, vectors, distances, envelope, features, n_centers)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        return self.embedding(types, edges)

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        x = self.norm(h)
        energies = self.atom(x[: edges.n_centers]).squeeze(-1)
        if self.physics:
            pairs = self.pair(x, edges.distances, edges.envelope, edges.centers, edges.neighbors)
            energies = energies + 0.5 * sum_edges(pairs, edges.centers, edges.n_centers)
        return energies
