"""The Lennard-Jones potential as a model: what LAMMPS' own pair styles must agree with."""

import torch
from torch import Tensor

from physrep.checkpoint import Checkpoint
from physrep.models.contract import AtomicModel
from physrep.nn.edges import Edges
from physrep.nn.scatter import sum_edges
from physrep.potential import Potential

EPSILON, SIGMA, CUTOFF = 0.0104, 3.4, 8.0  # eV, A, A: argon


class LennardJones(AtomicModel):
    """U_i = 1/2 sum_j 4 epsilon ((sigma / d)^12 - (sigma / d)^6), cut and not shifted.

    The pair energies are summed in a step and travel as a feature, as messages of a network do.
    """

    def __init__(self) -> None:
        super().__init__([18], CUTOFF, 1, 1)
        self.epsilon, self.sigma = EPSILON, SIGMA
        self.published = True  # no energy of the isolated atom to subtract
        self.one = torch.nn.Parameter(torch.ones(1))  # carries the precision

    def edges(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int, molecules: Tensor
    ) -> Edges:
        square = (vectors * vectors).sum(dim=-1)
        sixth = (self.sigma * self.sigma / square) ** 3
        pairs = (4.0 * self.epsilon * self.one * sixth * (sixth - 1.0)).unsqueeze(-1)
        i, j = edge_index[0], edge_index[1]
        distances = torch.sqrt(square)
        return Edges(i, j, vectors, distances, distances, pairs, n_centers, molecules)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        return self.one * torch.zeros(
            [edges.n_centers, 1], dtype=edges.features.dtype, device=types.device
        )

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        summed = sum_edges(edges.features, edges.centers, edges.n_centers)
        return h[: edges.n_centers] + 0.5 * summed

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        return h.squeeze(-1)


def lennard_jones_checkpoint() -> Checkpoint:
    """Argon."""
    potential = Potential(LennardJones(), [18], "none")
    potential.set_dtype(torch.float64)
    return Checkpoint(potential, "lennard_jones", {})
