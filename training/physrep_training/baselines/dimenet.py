"""DimeNet++: messages on bonds that see the angle to other bonds; the blocks are torch_geometric's.

Source: Gasteiger et al., DimeNet, ICLR 2020 (arXiv 2003.03123), and DimeNet++ (arXiv 2011.14115).
Made here: the list of triplets (torch_geometric's needs torch_sparse, which ships as source only)
and the basis of distance and angle, which is the published one, but without its two weaknesses:
torch_geometric takes 20 s to derive its formulas, and an angle of 0 or pi (acetylene) has no second
derivative there.
"""

import math
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from scipy.special import spherical_jn
from torch import Tensor, nn
from torch.nn.functional import silu
from torch_geometric.nn.models.dimenet import (
    BesselBasisLayer,
    EmbeddingBlock,
    Envelope,
    InteractionPPBlock,
    OutputPPBlock,
)

from physrep.config import StrictModel
from physrep.nn.cutoffs import polynomial_envelope
from physrep.nn.edges import Edges
from physrep.nn.spherical_bessel import spherical_bessel_roots
from physrep_training.baselines.base import Baseline

PositiveInt = Annotated[int, Field(gt=0)]
ELEMENTS = 95  # rows of torch_geometric's embedding
SAME_ATOM = 1e-3  # A; two atoms are never that near


class DimeNetConfig(StrictModel):
    """Settings of DimeNet++; the defaults are the published ones."""

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 5.0
    """[A] Cutoff of the neighbours."""
    n_layers: PositiveInt = 4
    """Interaction blocks."""
    features: PositiveInt = 128
    """Width of a message."""
    interaction_features: PositiveInt = 64
    """Inner width of an interaction (int_emb_size)."""
    basis_features: PositiveInt = 8
    """Inner width of the basis (basis_emb_size)."""
    output_features: PositiveInt = 256
    """Inner width of the output (out_emb_channels)."""
    n_spherical: Annotated[int, Field(gt=0, le=10)] = 7
    """Angular functions."""
    n_radial: Annotated[int, Field(gt=0, le=32)] = 6
    """Radial functions."""
    envelope_exponent: Annotated[int, Field(ge=1)] = 5
    """p - 1 of the envelope, which has continuous second derivatives at the cutoff."""
    n_before_skip: Annotated[int, Field(ge=0)] = 1
    """Residual layers before the skip connection."""
    n_after_skip: Annotated[int, Field(ge=0)] = 2
    """Residual layers after the skip connection."""
    n_output_layers: Annotated[int, Field(ge=0)] = 3
    """Layers of an output block."""


def triplets(edges: Edges) -> tuple[Tensor, Tensor]:
    """All pairs of edges k -> j -> i without the way back (k = i, the same image).

    Edges are sorted by centre, so the messages into j are a block of neighbouring rows.

    Returns:
        Positions of the edges (j, k) and (i, j) in the list, each (n_triplets,).
    """
    device = edges.centers.device
    into = torch.bincount(edges.centers, minlength=edges.n_centers)
    first = torch.cumsum(into, 0) - into
    n_here = into.index_select(0, edges.neighbors)
    ji = torch.repeat_interleave(n_here)
    start = first.index_select(0, edges.neighbors) - torch.cumsum(n_here, 0) + n_here
    kj = torch.arange(ji.size(0), device=device) + start.index_select(0, ji)
    vectors = edges.vectors.detach()
    there = vectors.index_select(0, ji) + vectors.index_select(0, kj)  # r_k - r_i
    same = edges.neighbors.index_select(0, kj) == edges.centers.index_select(0, ji)
    back = same & ((there * there).sum(dim=-1) < SAME_ATOM**2)
    kept = torch.nonzero(~back).squeeze(-1)
    return kj.index_select(0, kept), ji.index_select(0, kept)


class SphericalBasis(nn.Module):
    """u(d) j_l(z_ln d / r_c) / norm_ln * Y_l0(angle), l-major (DimeNet eq. 6, by recursion).

    Y_l0 is a polynomial of the cosine, whose derivatives exist at 0 and pi too. j_l is computed in
    float64: the recursion loses 6 digits for l = 6 at the length of a C-H bond.
    """

    def __init__(self, n_spherical: int, n_radial: int, cutoff: float, exponent: int) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.n_spherical = n_spherical
        self.envelope = Envelope(exponent)
        roots = [spherical_bessel_roots(l, n_radial) for l in range(n_spherical)]
        norms = [np.sqrt(2.0) / np.abs(spherical_jn(l + 1, z)) for l, z in enumerate(roots)]
        self._roots, self._norms = np.array(roots), np.array(norms)  # stay float64 in any cast

    def forward(self, distances: Tensor, cosines: Tensor, kj: Tensor) -> Tensor:
        """(n_edges,) A, cosines and edges (j, k) of triplets (n_triplets,) -> (n_triplets, l n)."""
        radial = self.radial(distances).index_select(0, kj)
        return (radial * self.angular(cosines).unsqueeze(-1)).flatten(1)

    def radial(self, distances: Tensor) -> Tensor:
        """(n_edges,) -> (n_edges, n_spherical, n_radial)."""
        share = distances.double() / self.cutoff
        roots, norms = (torch.from_numpy(a).to(share.device) for a in (self._roots, self._norms))
        x = share[:, None, None] * roots
        lower = torch.sin(x) / x
        current = (lower - torch.cos(x)) / x
        columns = [lower[:, 0]]
        for l in range(1, self.n_spherical):
            columns.append(current[:, l])
            lower, current = current, (2.0 * l + 1.0) * current / x - lower
        scaled = torch.stack(columns, dim=1) * norms * self.envelope(share)[:, None, None]
        return scaled.to(distances.dtype)

    def angular(self, cosines: Tensor) -> Tensor:
        """sqrt((2 l + 1) / 4 pi) P_l(cosine), (n_triplets, n_spherical)."""
        legendre = [torch.ones_like(cosines), cosines]
        for l in range(2, self.n_spherical):
            legendre.append(((2 * l - 1) * cosines * legendre[-1] - (l - 1) * legendre[-2]) / l)
        scaled = [p * math.sqrt((2 * l + 1) / (4 * math.pi)) for l, p in enumerate(legendre)]
        return torch.stack(scaled[: self.n_spherical], dim=1)


class DimeNetPlusPlus(Baseline):
    """m_ji <- f(m_ji, sum_k m_kj * basis(d_kj, angle_kji)); energies from the messages into i.

    The state lives on edges, which the contract's steps do not carry: ``embed`` makes the atomic
    energies as a whole, ``readout`` only hands them on. So it knows no ghost atoms.
    """

    def __init__(self, config: DimeNetConfig, species: list[int]) -> None:
        super().__init__(species, config.cutoff, n_layers=0, width=1, n_elements=ELEMENTS)
        radial, spherical, exponent = config.n_radial, config.n_spherical, config.envelope_exponent
        self.distance_basis = BesselBasisLayer(radial, config.cutoff, exponent)
        self.angle_basis = SphericalBasis(spherical, radial, config.cutoff, exponent)
        self.start = EmbeddingBlock(radial, config.features, silu)
        self.interactions = nn.ModuleList(
            InteractionPPBlock(
                config.features,
                config.interaction_features,
                config.basis_features,
                spherical,
                radial,
                config.n_before_skip,
                config.n_after_skip,
                silu,
            )
            for _ in range(config.n_layers)
        )
        self.outputs = nn.ModuleList(
            OutputPPBlock(
                radial, config.features, config.output_features, 1, config.n_output_layers, silu
            )
            for _ in range(config.n_layers + 1)
        )

    def envelope(self, distances: Tensor) -> Tensor:
        return polynomial_envelope(distances, self.cutoff)

    def expand(self, distances: Tensor) -> Tensor:
        return self.distance_basis(distances)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        kj, ji = triplets(edges)
        units = edges.vectors / edges.distances.unsqueeze(-1)
        cosines = (units.index_select(0, kj) * units.index_select(0, ji)).sum(dim=-1)
        angles = self.angle_basis(edges.distances, cosines, kj)
        centers, rbf, n = edges.centers, edges.features, edges.n_centers
        messages = self.start(self.numbers(types), rbf, centers, edges.neighbors)
        energies = self.outputs[0](messages, rbf, centers, n)
        for interaction, output in zip(self.interactions, self.outputs[1:], strict=True):
            messages = interaction(messages, rbf, angles, kj, ji)
            energies = energies + output(messages, rbf, centers, n)
        return energies

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        return h

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        return h[: edges.n_centers].squeeze(-1)
