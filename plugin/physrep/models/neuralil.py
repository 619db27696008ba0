"""NeuralIL: spherical Bessel descriptors and a multilayer perceptron, the baseline of the thesis.

Source: Montes-Campos et al., J. Chem. Inf. Model. 62 (2022) 88; descriptors: Kocer et al., AIP
Advances 10 (2020) 015021. The power spectrum is a sum over pairs of neighbours; by the addition
theorem it is a product of sums over neighbours, O(n) for each atom instead of O(n^2). The model's
learned repulsion is :class:`physrep.pair.morse.MorseRepulsion` (``repulsion: morse``).
"""

from itertools import pairwise
from typing import Annotated, Final

import torch
from pydantic import Field
from torch import Tensor, nn

from physrep.config import StrictModel
from physrep.models.contract import AtomicModel, Edges, make_edges
from physrep.nn.activations import swish
from physrep.nn.cutoffs import polynomial_envelope
from physrep.nn.harmonics import real_harmonics
from physrep.nn.mlp import LAYER_NORM_EPS
from physrep.nn.radial import edge_lengths
from physrep.nn.scatter import sum_edges
from physrep.nn.spherical_bessel import SphericalBesselBasis

PositiveInt = Annotated[int, Field(gt=0)]


class NeuralILConfig(StrictModel):
    """Settings of NeuralIL; the defaults are those of the published parameters.

    Attributes:
        cutoff: A. n_max: largest degree and radial order of the descriptors (n + l <= n_max).
        embedding: numbers that stand for the element of the atom itself.
        widths: of the hidden layers; all but the first have a LayerNorm.
        published: true keeps the energy exactly as published, with an isolated atom anywhere.
    """

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 3.5
    n_max: Annotated[int, Field(ge=0, le=8)] = 4
    embedding: PositiveInt = 2
    widths: Annotated[list[PositiveInt], Field(min_length=1)] = [64, 32, 16, 16, 16]
    published: bool = False


class PowerSpectrum(nn.Module):
    """p_i[t1 <= t2, l, n] = sum_m c_nlm^t1 c_nlm^t2, c_nlm^t = sum_{j of type t} g_nl(r_ij) Y_lm.

    Y is normalised on the sphere; pairs of types stand in the order of an upper triangle.
    """

    fused: Final[bool]

    def __init__(self, n_types: int, n_max: int, cutoff: float) -> None:
        super().__init__()
        self.fused = False  # see Potential.use_ops
        self.n_types = n_types
        self.n_max = n_max
        self.radial = SphericalBesselBasis(n_max, cutoff)
        first, second = torch.triu_indices(n_types, n_types).unbind(0)
        self.register_buffer("first", first)
        self.register_buffer("second", second)
        self.n_out = first.numel() * (n_max + 1) * (n_max + 2) // 2

    def forward(self, edges: Edges, types: Tensor) -> Tensor:
        """Edges and types (n_atoms,) -> (n_centers, n_out) in A^-3."""
        if self.fused and not edges.vectors.is_cuda:
            return torch.ops.physrep.power_spectrum(
                edges.vectors,
                types,
                edges.centers,
                edges.neighbors,
                edges.n_centers,
                self.radial.roots,
                self.radial.mixing,
                self.radial.cutoff,
                self.n_types,
                self.n_max,
            )
        channels = edges.centers * self.n_types + types.index_select(0, edges.neighbors)
        terms = self.edge_terms(edges.vectors, edges.distances)
        sums = sum_edges(terms, channels, edges.n_centers * self.n_types)
        sums = sums.view(edges.n_centers, self.n_types, terms.size(1))
        products = sums.index_select(1, self.first) * sums.index_select(1, self.second)
        spectrum: list[Tensor] = []
        start = 0
        for l in range(self.n_max + 1):
            n, n_m = self.n_max - l + 1, 2 * l + 1
            block = products[:, :, start : start + n * n_m]
            spectrum.append(block.view(edges.n_centers, -1, n, n_m).sum(dim=3))
            start += n * n_m
        return torch.cat(spectrum, dim=2).flatten(1)

    def edge_terms(self, vectors: Tensor, distances: Tensor) -> Tensor:
        """g_nl Y_lm of each edge, columns ordered l, n, m -> (n_edges, n_terms)."""
        radial = self.radial(distances)
        terms: list[Tensor] = []
        start = 0
        for l, harmonics in enumerate(
            real_harmonics(vectors / distances.unsqueeze(-1), self.n_max)
        ):
            n = self.n_max - l + 1
            scaled = harmonics * ((2.0 * l + 1.0) / (4.0 * torch.pi)) ** 0.5
            functions = radial[:, start : start + n]
            terms.append((functions.unsqueeze(2) * scaled.unsqueeze(1)).flatten(1))
            start += n
        return torch.cat(terms, dim=1)


class Core(nn.Module):
    """swish(inlet), swish(LayerNorm(stage)) for each further width, swish(outlet)."""

    def __init__(self, n_in: int, widths: list[int]) -> None:
        super().__init__()
        self.inlet = nn.Linear(n_in, widths[0])
        pairs = list(pairwise(widths))
        self.stages = nn.ModuleList(nn.Linear(a, b) for a, b in pairs)
        self.norms = nn.ModuleList(nn.LayerNorm(b, eps=LAYER_NORM_EPS) for _, b in pairs)
        self.outlet = nn.Linear(widths[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n_atoms, n_in) -> (n_atoms,)."""
        x = swish(self.inlet(x))
        for stage, norm in zip(self.stages, self.norms):  # noqa: B905 (TorchScript has no strict=)
            x = swish(norm(stage(x)))
        return swish(self.outlet(x)).squeeze(-1)


class NeuralIL(AtomicModel):
    """Power spectrum and embedding of an atom -> its energy; no layers between atoms."""

    def __init__(self, config: NeuralILConfig, species: list[int]) -> None:
        spectrum = PowerSpectrum(len(species), config.n_max, config.cutoff)
        width = spectrum.n_out + config.embedding
        super().__init__(species, config.cutoff, n_layers=0, width=width)
        self.published = config.published
        self.spectrum = spectrum
        self.embedding = nn.Embedding(self.n_types, config.embedding)
        self.core = Core(width, config.widths)

    def edges(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int, molecules: Tensor
    ) -> Edges:
        distances = edge_lengths(vectors)
        envelope = polynomial_envelope(distances, self.cutoff)
        none = vectors[:, :0]  # the descriptors are made of the vectors themselves
        return make_edges(edge_index, vectors, distances, envelope, none, n_centers, molecules)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        descriptors = self.spectrum(edges, types)
        return torch.cat([descriptors, self.embedding(types[: edges.n_centers])], dim=1)

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        return h

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        return self.core(h[: edges.n_centers])
