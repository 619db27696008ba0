"""From edge vectors to what layers read of them: radial waves, harmonics, distance, envelope."""

import torch
from torch import Tensor

from physrep.nn.cutoffs import polynomial_envelope
from physrep.nn.harmonics import real_harmonics
from physrep.nn.radial import bessel_waves, edge_lengths
from physrep.ops.operator import Operator


class EdgeBasis(Operator):
    """The radial basis of :class:`physrep.nn.radial.BesselBasis` and, side by side with it, the
    real spherical harmonics of degrees 1 to ``degree`` (0: none).
    """

    def __init__(self, cutoff: float, degree: int) -> None:
        """cutoff: A."""
        super().__init__()
        self.cutoff = cutoff
        self.degree = degree

    def forward(self, vectors: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """vectors (n_edges, 3) in A and frequencies (n_basis,) in 1/A, which may be none ->
        columns (n_edges, n_basis + n_harmonics), distances in A, polynomial envelope.
        """
        raise NotImplementedError


class PortableEdgeBasis(EdgeBasis, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, vectors: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        distances = edge_lengths(vectors)
        envelope = polynomial_envelope(distances, self.cutoff)
        if frequencies.size(0) == 0 and self.degree == 0:
            return vectors[:, :0], distances, envelope
        columns = bessel_waves(distances, envelope, frequencies, self.cutoff)
        if self.degree > 0:
            harmonics = real_harmonics(vectors / distances.unsqueeze(-1), self.degree)[1:]
            columns = torch.cat([columns] + harmonics, dim=1)
        return columns, distances, envelope


class FusedEdgeBasis(EdgeBasis, form="fused"):
    """With physrep::edge_basis."""

    def forward(self, vectors: Tensor, frequencies: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return torch.ops.physrep.edge_basis(vectors, frequencies, self.cutoff, self.degree)
