"""A model for tests: edges in the embedding, neighbors in the readout, so all of the contract."""

import torch
from torch import Tensor, nn

from physrep.checkpoint import Checkpoint
from physrep.models.contract import AtomicModel
from physrep.nn.cutoffs import polynomial_envelope
from physrep.nn.edges import Edges
from physrep.nn.scatter import sum_edges
from physrep.potential import Potential


class PairReadout(AtomicModel):
    """h = emb + n_i; h += tanh(sum_j w_ij h_j W); E_i = sum_j w_ij h_i . h_j, w the envelope.

    ``largest``: a step with more centres than this raises, to fail on one rank and not on others.
    """

    def __init__(self, species: list[int], width: int, largest: int) -> None:
        super().__init__(species, 4.0, 2, width)
        self.readout_reads_neighbors = True
        self.largest = largest
        self.embedding = nn.Embedding(self.n_types, width)
        self.mix = nn.Linear(width, width)

    def edges(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int, molecules: Tensor
    ) -> Edges:
        distances = torch.sqrt((vectors * vectors).sum(dim=-1))
        envelope = polynomial_envelope(distances, self.cutoff)
        features = envelope.unsqueeze(-1)
        i, j = edge_index[0], edge_index[1]
        return Edges(i, j, vectors, distances, envelope, features, n_centers, molecules)

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        crowd = sum_edges(edges.features, edges.centers, edges.n_centers)
        return self.embedding(types[: edges.n_centers]) + 0.1 * crowd

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        if edges.n_centers > self.largest:
            raise ValueError("more than {} centres".format(self.largest))
        messages = h.index_select(0, edges.neighbors) * edges.features
        summed = sum_edges(messages, edges.centers, edges.n_centers)
        return h[: edges.n_centers] + torch.tanh(0.1 * self.mix(summed))

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        pairs = h.index_select(0, edges.centers) * h.index_select(0, edges.neighbors)
        energies = pairs.sum(dim=-1) * edges.envelope / h.size(1)
        return sum_edges(energies, edges.centers, edges.n_centers)


def pair_readout_checkpoint(width: int, largest: int = 10**9) -> Checkpoint:
    """Random parameters for C, H, N, O."""
    torch.manual_seed(3)
    potential = Potential(PairReadout([6, 1, 7, 8], width, largest), [6, 1, 7, 8])
    potential.set_dtype(torch.float64)
    return Checkpoint(potential, "pair_readout", {})
