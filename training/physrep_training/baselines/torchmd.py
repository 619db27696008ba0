"""TorchMD-Net's equivariant transformer (ET); the blocks are those of its package, torchmd-net.

Source: Thoelke and De Fabritiis, ICLR 2022 (arXiv 2202.02541). The package is pure Python, but it
imports NVIDIA's warp (400 MB) for its neighbour lists, which are not used here. So it is optional:
pip install torchmd-net.
"""

import warnings
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from physrep.config import ConfigError, StrictModel
from physrep.nn.cutoffs import cosine_envelope
from physrep.nn.edges import Edges
from physrep_training.baselines.base import Baseline

PositiveInt = Annotated[int, Field(gt=0)]
ELEMENTS = 100  # rows of the package's embedding


class TorchMDConfig(StrictModel):
    """Settings of the ET; the defaults are those of the published QM9 fits."""

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 5.0
    """[A] Cutoff of the neighbours."""
    n_layers: PositiveInt = 8
    """Attention layers."""
    features: Annotated[int, Field(gt=1)] = 256
    """Width: features of an atom."""
    heads: PositiveInt = 8
    """Attention heads, which split the width."""
    n_basis: PositiveInt = 64
    """Radial functions."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.features % self.heads:
            raise ValueError(
                f"features ({self.features}) must be a multiple of heads ({self.heads})"
            )
        return self


class TorchMDET(Baseline):
    """Attention with distances in keys and values, on scalars (n, F) and vectors (n, 3, F).

    ``h`` holds both, scalars first. Vectors are not cut off, as published: energies jump when a
    pair crosses the cutoff.
    """

    def __init__(self, config: TorchMDConfig, species: list[int]) -> None:
        """Raises ConfigError where the package torchmd-net is not installed."""
        features = config.features
        super().__init__(species, config.cutoff, config.n_layers, 4 * features, ELEMENTS)
        self.published = True
        self.features = features
        try:
            from torchmdnet.models.output_modules import EquivariantScalar
            from torchmdnet.models.torchmd_et import TorchMD_ET
        except ImportError as error:
            raise ConfigError(
                f"model = 'torchmd-et' needs the package torchmd-net ({error}): "
                "pip install torchmd-net"
            ) from None
        self.net = TorchMD_ET(
            hidden_channels=features,
            num_layers=config.n_layers,
            num_rbf=config.n_basis,
            num_heads=config.heads,
            cutoff_upper=config.cutoff,
            max_z=ELEMENTS,
        )
        self.output = EquivariantScalar(features)

    def envelope(self, distances: Tensor) -> Tensor:
        return cosine_envelope(distances, self.cutoff)

    def expand(self, distances: Tensor) -> Tensor:
        return self.net.distance_expansion(distances)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        z = self.numbers(types)
        # The package sums the neighbours of row 0 here and sends from row 0 in its attention; its
        # lists hold both directions, so does ours.
        index = torch.stack([edges.centers, edges.neighbors])
        own = self.net.embedding(z)
        x = self.net.neighbor_embedding(z, own, index, edges.distances, edges.features)
        return torch.cat([x, x.new_zeros(x.size(0), 3 * self.features)], dim=1)[: edges.n_centers]

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        x, vectors = self._split(h)
        # Each atom also attends to itself, at distance 0 and without direction.
        atoms = torch.arange(h.size(0), device=h.device)
        zero = edges.distances.new_zeros(h.size(0))
        distances = torch.cat([edges.distances, zero])
        units = edges.vectors / edges.distances.unsqueeze(-1)
        # From centre to neighbour here as in the package, whose vectors are r_source - r_target.
        directions = torch.cat([units, units.new_zeros(h.size(0), 3)])
        index = torch.stack(
            [torch.cat([edges.neighbors, atoms]), torch.cat([edges.centers, atoms])]
        )
        basis = torch.cat([edges.features, self.net.distance_expansion(zero)])
        dx, dv = self.net.attention_layers[k](x, vectors, index, distances, basis, directions)
        return torch.cat([x + dx, (vectors + dv).flatten(1)], dim=1)[: edges.n_centers]

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        x, vectors = self._split(h[: edges.n_centers])
        with warnings.catch_warnings():  # isolated atoms have no vectors, and need none
            warnings.filterwarnings("ignore", message="Skipping gradients")
            # z, positions and batch, the last three, are not read.
            return self.output.pre_reduce(self.net.out_norm(x), vectors, x, x, x).squeeze(-1)

    def _split(self, h: Tensor) -> tuple[Tensor, Tensor]:
        vectors = h[:, self.features :].reshape(h.size(0), 3, self.features)
        return h[:, : self.features], vectors
