"""PhysRep: a Transformer over atoms whose attention reads distances, with a physics head.

Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023).
"""

from typing import Annotated, Final, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from physrep.config import StrictModel
from physrep.models.contract import LayeredModel
from physrep.models.physrep_layers import AtomEmbedding, AttentionBlock, ElementHead
from physrep.nn.adjacency import CovalentAdjacency
from physrep.nn.cutoffs import cosine_envelope, polynomial_envelope
from physrep.nn.edges import Edges, own_rows
from physrep.nn.radial import ElementBasis, edge_lengths
from physrep.nn.scatter import sum_edges
from physrep.pair.physics_head import PairEnergy

PositiveInt = Annotated[int, Field(gt=0)]


class PhysRepConfig(StrictModel):
    """Settings of PhysRep. Without ``cls`` it is local: a cutoff everywhere, any system and engine.

    The defaults are those of the paper, whose fits ran on GPUs for days;
    training/configs/physrep_ean.yaml is small enough for MD on a CPU.
    """

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 5.0
    """[A] Cutoff of the neighbours."""
    n_layers: PositiveInt = 6
    """Attention blocks."""
    features: PositiveInt = 256
    """Width: features of an atom."""
    heads: PositiveInt = 16
    """Attention heads, which split the width."""
    n_basis: PositiveInt = 16
    """Radial functions of each element."""
    basis_decay: Annotated[float, Field(gt=0.0, le=5.0)] = 1.0
    """[1/A] Decay of the exponential in the radial functions; smaller values spread them more
    evenly over the distances up to the cutoff."""
    envelope: Literal["polynomial", "cosine"] = "polynomial"
    """Cutoff function: ``polynomial`` has continuous second derivatives; the force derivative of
    the published ``cosine`` jumps at the cutoff."""
    head: Literal["physics", "atoms", "molecule"] = "physics"
    """``physics`` adds pair energies (Coulomb, Lennard-Jones) to those of the atoms; ``atoms`` has
    no pair energies; ``molecule`` reads the energy from the [CLS] token."""
    published_pairs: bool = False
    """Pair parameters as published, which allow an attractive core."""
    cls: bool = False
    """Add a [CLS] token, which sees all atoms: for whole isolated molecules only."""
    adjacency: bool = False
    """The attention also reads which atoms are bonded."""
    masking: bool = False
    """Elements can be hidden and guessed, for loss.mask."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.features % self.heads:
            raise ValueError(
                f"features ({self.features}) must be a multiple of heads ({self.heads})"
            )
        if self.head == "molecule" and not self.cls:
            raise ValueError("head molecule reads the [CLS] token: set cls to true")
        return self


class PhysRep(LayeredModel):
    """Embedding, attention blocks, energies of atoms and pairs; see :class:`PhysRepConfig`."""

    physics: Final[bool]
    reads_token: Final[bool]
    token: Final[bool]
    bonded: Final[bool]

    def __init__(self, config: PhysRepConfig, species: list[int]) -> None:
        features, n_basis = config.features, config.n_basis
        width = 2 * features if config.cls else features
        super().__init__(species, config.cutoff, config.n_layers, width)
        self.features = features
        self.physics, self.reads_token = config.head == "physics", config.head == "molecule"
        self.token, self.bonded = config.cls, config.adjacency
        self.molecular = config.cls
        self.masking = config.masking
        self.readout_reads_neighbors = self.physics
        self.cosine = config.envelope == "cosine"
        n_types = self.n_types + int(config.masking)  # the last one is [MASK]
        self.basis = ElementBasis(n_types, n_basis, config.cutoff, config.basis_decay)
        self.embedding = AtomEmbedding(species, features, n_basis, config.masking)
        self.layers = nn.ModuleList(
            AttentionBlock(features, config.heads, n_basis, config.cls, config.adjacency)
            for _ in range(config.n_layers)
        )
        self.norm = nn.LayerNorm(features)
        if config.cls:
            self.first_token = nn.Parameter(torch.randn(features))
        if config.adjacency:
            self.adjacency = CovalentAdjacency(species, config.masking)
        if self.reads_token:
            self.molecule = nn.Linear(features, 1)
        else:
            self.atom = nn.Linear(features, 1)
        if self.physics:
            self.pair = PairEnergy(features, config.published_pairs)
        self.elements = ElementHead(species, features) if config.masking else None

    def edges(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int, molecules: Tensor
    ) -> Edges:
        distances = edge_lengths(vectors)
        if self.cosine:
            envelope = cosine_envelope(distances, self.cutoff)
        else:
            envelope = polynomial_envelope(distances, self.cutoff)
        centers, neighbors = edge_index[0], edge_index[1]
        center_types = types.index_select(0, centers)
        features = self.basis(distances, envelope, center_types)
        if self.bonded:
            bonded = self.adjacency(distances, center_types, types.index_select(0, neighbors))
            features = torch.cat([features, bonded.unsqueeze(1)], dim=1)
        return Edges(
            centers, neighbors, vectors, distances, envelope, features, n_centers, molecules
        )

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        x = self.embedding(types, edges)
        if self.token:
            x = torch.cat([x, self.first_token.unsqueeze(0).expand_as(x)], dim=1)
        return x

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        if self.reads_token:
            return self.of_molecule(h[:, self.features :], edges)
        x = self.norm(h[:, : self.features])
        energies = self.atom(own_rows(x, edges)).squeeze(-1)
        if self.physics:
            pairs = self.pair(x, edges.distances, edges.envelope, edges.centers, edges.neighbors)
            energies = energies + 0.5 * sum_edges(pairs, edges.centers, edges.n_centers)
        return energies

    def of_molecule(self, token: Tensor, edges: Edges) -> Tensor:
        """f_mol([CLS]) in equal parts to the atoms of the molecule, (n_centers,)."""
        energies = F.leaky_relu(self.molecule(self.norm(token))).squeeze(-1)
        n_atoms = sum_edges(torch.ones_like(energies), edges.molecules, edges.n_centers)
        return energies / n_atoms.index_select(0, edges.molecules)

    @torch.jit.unused
    def encode(self, types: Tensor, edges: Edges) -> Tensor:
        """What the heads read, (n_atoms, features); type n_types is a hidden element."""
        h = self.embed(types, edges)
        for k in range(self.n_layers):
            h = self.step(k, h, edges)
        return self.norm(h[:, : self.features])

    @torch.jit.unused
    def element_logits(self, types: Tensor, edges: Edges) -> Tensor:
        """Logits of the elements 1 to 64, (n_atoms, 64)."""
        assert self.elements is not None, "the model has no element head: set masking to true"
        return self.elements(self.encode(types, edges))
