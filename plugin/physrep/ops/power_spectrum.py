"""NeuralIL's descriptors: the power spectrum of an atom's neighbourhood.

By the addition theorem the sum over pairs of neighbours is a product of sums over neighbours, O(n)
for each atom instead of O(n^2). Source: see :mod:`physrep.models.neuralil`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from physrep.nn.edges import Edges
from physrep.nn.harmonics import real_harmonics
from physrep.nn.scatter import sum_edges
from physrep.nn.spherical_bessel import radial_functions
from physrep.ops.operator import Operator


class SpectrumTables(NamedTuple):
    """Constants of the descriptors.

    roots, mixing: of :class:`physrep.nn.spherical_bessel.SphericalBesselBasis`; first, second:
    (n_pairs,) int64, the types of each pair of types, in the order of an upper triangle.
    """

    roots: Tensor
    mixing: Tensor
    first: Tensor
    second: Tensor


class PowerSpectrum(Operator):
    """p_i[t1 <= t2, l, n] = sum_m c_nlm^t1 c_nlm^t2, c_nlm^t = sum_{j of type t} g_nl(r_ij) Y_lm.

    Y is normalised on the sphere; n + l <= n_max.
    """

    def __init__(self, n_types: int, n_max: int, cutoff: float) -> None:
        """cutoff: A."""
        super().__init__()
        self.n_types = n_types
        self.n_max = n_max
        self.cutoff = cutoff

    def forward(self, types: Tensor, edges: Edges, tables: SpectrumTables) -> Tensor:
        """types (n_atoms,) -> (n_centers, n_pairs (n_max + 1) (n_max + 2) / 2) in A^-3."""
        raise NotImplementedError

    def by_equations(self, types: Tensor, edges: Edges, tables: SpectrumTables) -> Tensor:
        """The spectrum with PyTorch's own operators."""
        channels = edges.centers * self.n_types + types.index_select(0, edges.neighbors)
        terms = self.edge_terms(edges, tables)
        sums = sum_edges(terms, channels, edges.n_centers * self.n_types)
        sums = sums.view(edges.n_centers, self.n_types, terms.size(1))
        products = sums.index_select(1, tables.first) * sums.index_select(1, tables.second)
        spectrum: list[Tensor] = []
        start = 0
        for l in range(self.n_max + 1):
            n, n_m = self.n_max - l + 1, 2 * l + 1
            block = products[:, :, start : start + n * n_m]
            spectrum.append(block.view(edges.n_centers, -1, n, n_m).sum(dim=3))
            start += n * n_m
        return torch.cat(spectrum, dim=2).flatten(1)

    def edge_terms(self, edges: Edges, tables: SpectrumTables) -> Tensor:
        """g_nl Y_lm of each edge, columns ordered l, n, m -> (n_edges, n_terms)."""
        distances = edges.distances
        radial = radial_functions(distances, tables.roots, tables.mixing, self.n_max, self.cutoff)
        terms: list[Tensor] = []
        start = 0
        for l, harmonics in enumerate(
            real_harmonics(edges.vectors / distances.unsqueeze(-1), self.n_max)
        ):
            n = self.n_max - l + 1
            scaled = harmonics * ((2.0 * l + 1.0) / (4.0 * torch.pi)) ** 0.5
            functions = radial[:, start : start + n]
            terms.append((functions.unsqueeze(2) * scaled.unsqueeze(1)).flatten(1))
            start += n
        return torch.cat(terms, dim=1)


class PortablePowerSpectrum(PowerSpectrum, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, types: Tensor, edges: Edges, tables: SpectrumTables) -> Tensor:
        return self.by_equations(types, edges, tables)


class FusedPowerSpectrum(PowerSpectrum, form="fused"):
    """With physrep::power_spectrum on CPUs; on other devices PyTorch's own operators."""

    def forward(self, types: Tensor, edges: Edges, tables: SpectrumTables) -> Tensor:
        if edges.vectors.is_cuda:
            return self.by_equations(types, edges, tables)
        return torch.ops.physrep.power_spectrum(
            edges.vectors,
            types,
            edges.centers,
            edges.neighbors,
            edges.n_centers,
            tables.roots,
            tables.mixing,
            self.cutoff,
            self.n_types,
            self.n_max,
        )
