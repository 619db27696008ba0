"""Radial bases: what an edge of length d looks like to a network."""

import math

import torch
from torch import Tensor, nn


def edge_lengths(vectors: Tensor) -> Tensor:
    """(n_edges, 3) in A -> (n_edges,)."""
    return torch.linalg.vector_norm(vectors, dim=-1)


def bessel_waves(distances: Tensor, envelope: Tensor, frequencies: Tensor, cutoff: float) -> Tensor:
    """envelope(d) sqrt(2 / r_c) sin(k d) / d for each frequency k.

    Args:
        distances: (n_edges,) in A; envelope: (n_edges,); frequencies: (n_basis,) in 1/A; cutoff: A.

    Returns:
        (n_edges, n_basis).
    """
    waves = torch.sin(distances.unsqueeze(-1) * frequencies)
    return waves * (math.sqrt(2.0 / cutoff) * envelope / distances).unsqueeze(-1)


class BesselBasis(nn.Module):
    """envelope(d) sqrt(2 / r_c) sin(n pi d / r_c) / d, n = 1..n_basis.

    Source: Gasteiger et al., DimeNet, ICLR 2020, eq. 7.
    """

    frequencies: Tensor

    def __init__(self, n_basis: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        frequencies = torch.arange(1, n_basis + 1, dtype=torch.float64) * math.pi / cutoff
        self.register_buffer("frequencies", frequencies.to(torch.get_default_dtype()))

    def forward(self, distances: Tensor, envelope: Tensor) -> Tensor:
        """(n_edges,) distances in A and their envelope -> (n_edges, n_basis)."""
        return bessel_waves(distances, envelope, self.frequencies, self.cutoff)


class ElementBasis(nn.Module):
    """envelope(d) exp(-beta_zk (exp(-a d) - mu_zk)^2), learned for each element z of the centre.

    Source: PhysRep (UAI 2023), eq. 2, where a = 1 / A; the start is that of PhysNet (Unke and
    Meuwly, J. Chem. Theory Comput. 15 (2019) 3678): equal widths, centres uniform in [0, 1].
    At a = 1 / A few of the functions tell one distance beyond 2 A from another; ``decay`` is a.
    """

    def __init__(self, n_types: int, n_basis: int, cutoff: float, decay: float = 1.0) -> None:
        super().__init__()
        self.decay = decay
        width = (2.0 / n_basis * (1.0 - math.exp(-decay * cutoff))) ** -2
        self.beta = nn.Parameter(torch.full((n_types, n_basis), width))
        self.mu = nn.Parameter(torch.linspace(0.0, 1.0, n_basis).repeat(n_types, 1))

    def forward(self, distances: Tensor, envelope: Tensor, center_types: Tensor) -> Tensor:
        """(n_edges,) distances in A, envelope, types of the centres -> (n_edges, n_basis)."""
        apart = torch.exp(-self.decay * distances).unsqueeze(-1) - self.mu.index_select(
            0, center_types
        )
        widths = self.beta.index_select(0, center_types)
        return envelope.unsqueeze(-1) * torch.exp(-widths * apart * apart)


class DistancePowers(nn.Module):
    """f, f^2, ..., f^n of one number per edge: f is ``distance``, ``distance_squared`` (what the
    published JAT reads) or ``inverse_smooth`` = 1 / sqrt(1 + d^2), which is finite at contact.

    The envelope is left to the attention weights, so that the published form stays exact.
    """

    def __init__(self, kind: str, n_powers: int = 1) -> None:
        super().__init__()
        self.kind = kind
        self.n_powers = n_powers

    def forward(self, distances: Tensor) -> Tensor:
        """(n_edges,) distances in A -> (n_edges, n_powers)."""
        squared = distances * distances
        if self.kind == "distance":
            value = distances
        elif self.kind == "distance_squared":
            value = squared
        else:
            value = torch.rsqrt(1.0 + squared)
        powers = [value]
        for _ in range(self.n_powers - 1):
            powers.append(powers[-1] * value)
        return torch.stack(powers, dim=1)
