"""Radial bases: what an edge of length d looks like to a network."""

import math

import torch
from torch import Tensor, nn


class BesselBasis(nn.Module):
    """envelope(d) sqrt(2 / r_c) sin(n pi d / r_c) / d, n = 1..n_basis.

    Source: Gasteiger et al., DimeNet, ICLR 2020, eq. 7.
    """

    def __init__(self, n_basis: int, cutoff: float) -> None:
        super().__init__()
        self.norm = math.sqrt(2.0 / cutoff)
        frequencies = torch.arange(1, n_basis + 1, dtype=torch.float64) * math.pi / cutoff
        self.register_buffer("frequencies", frequencies.to(torch.get_default_dtype()))

    def forward(self, distances: Tensor, envelope: Tensor) -> Tensor:
        """(n_edges,) distances in A and their envelope -> (n_edges, n_basis)."""
        waves = torch.sin(distances.unsqueeze(-1) * self.frequencies)
        return waves * (self.norm * envelope / distances).unsqueeze(-1)


class DistanceFeature(nn.Module):
    """One number per edge: ``distance``, ``distance_squared`` (what the published JAT reads)
    or ``inverse_smooth`` = 1 / sqrt(1 + d^2), which is finite at contact.

    The envelope is left to the attention weights, so that the published form stays exact.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, distances: Tensor) -> Tensor:
        """(n_edges,) distances in A -> (n_edges, 1)."""
        squared = distances * distances
        if self.kind == "distance":
            value = distances
        elif self.kind == "distance_squared":
            value = squared
        else:
            value = torch.rsqrt(1.0 + squared)
        return value.unsqueeze(-1)
