"""NeuralIL: spherical Bessel descriptors and a multilayer perceptron, the baseline of the thesis.

Source: Montes-Campos et al., J. Chem. Inf. Model. 62 (2022) 88; descriptors: Kocer et al., AIP
Advances 10 (2020) 015021. The model's learned repulsion is
:class:`physrep.pair.morse.MorseRepulsion` (``repulsion: morse``).
"""

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from physrep.config import StrictModel
from physrep.models.contract import AtomicModel
from physrep.models.readout import LAYER_NORM_EPS
from physrep.nn.activations import swish
from physrep.nn.cutoffs import polynomial_envelope
from physrep.nn.edges import Edges
from physrep.nn.radial import edge_lengths
from physrep.nn.spherical_bessel import SphericalBesselBasis
from physrep.ops.power_spectrum import PortablePowerSpectrum, SpectrumTables

PositiveInt = Annotated[int, Field(gt=0)]


class NeuralILConfig(StrictModel):
    """Settings of NeuralIL; the defaults are those of the published parameters."""

    cutoff: Annotated[float, Field(gt=0.5, le=20.0)] = 3.5
    """[A] Cutoff of the neighbours."""
    n_max: Annotated[int, Field(ge=0, le=8)] = 4
    """Largest degree and radial order of the descriptors: n + l <= n_max."""
    embedding: PositiveInt = 2
    """Learned numbers that stand for the element of the atom itself."""
    widths: Annotated[list[PositiveInt], Field(min_length=1)] = [64, 32, 16, 16, 16]
    """Hidden layers; all but the first have a LayerNorm."""
    published: bool = False
    """true keeps energies exactly as published, where an isolated atom has no fixed energy."""


class Descriptors(nn.Module):
    """The power spectrum with its constants; see :mod:`physrep.ops.power_spectrum`."""

    first: Tensor
    second: Tensor

    def __init__(self, n_types: int, n_max: int, cutoff: float) -> None:
        super().__init__()
        self.radial = SphericalBesselBasis(n_max, cutoff)
        first, second = torch.triu_indices(n_types, n_types).unbind(0)
        self.register_buffer("first", first)
        self.register_buffer("second", second)
        self.n_out = first.numel() * (n_max + 1) * (n_max + 2) // 2
        self.power_spectrum = PortablePowerSpectrum(n_types, n_max, cutoff)

    def forward(self, types: Tensor, edges: Edges) -> Tensor:
        """types (n_atoms,) -> (n_centers, n_out) in A^-3."""
        tables = SpectrumTables(self.radial.roots, self.radial.mixing, self.first, self.second)
        return self.power_spectrum(types, edges, tables)


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
        spectrum = Descriptors(len(species), config.n_max, config.cutoff)
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
        i, j = edge_index[0], edge_index[1]
        return Edges(i, j, vectors, distances, envelope, none, n_centers, molecules)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        descriptors = self.spectrum(types, edges)
        return torch.cat([descriptors, self.embedding(types[: edges.n_centers])], dim=1)

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        return h

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        return self.core(h[: edges.n_centers])
