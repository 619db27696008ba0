"""What the baselines share: the contract's attributes and edges as torch_geometric wants them."""

import torch
from ase.data import chemical_symbols
from torch import Tensor

from physrep.config import ConfigError
from physrep.models.contract import AtomicModel
from physrep.nn.edges import Edges
from physrep.nn.radial import edge_lengths


class Baseline(AtomicModel):
    """A published model of another library behind :class:`physrep.models.contract.AtomicModel`.

    Baselines are fitted, saved and run in ASE as every model; they are not TorchScript.
    """

    def __init__(
        self, species: list[int], cutoff: float, n_layers: int, width: int, n_elements: int
    ) -> None:
        """n_elements: rows of the library's table of elements, which atomic numbers index.

        Raises:
            ConfigError: an element beyond that table.
        """
        super().__init__(species, cutoff, n_layers, width)
        beyond = [z for z in species if z >= n_elements]
        if beyond:
            raise ConfigError(
                f"{type(self).__name__} knows atomic numbers below {n_elements}, not {beyond[0]} "
                f"({chemical_symbols[beyond[0]]}); choose another model for these data"
            )
        # No buffer: an average of the parameters during a fit would also average its integers.
        self.species = list(species)

    def numbers(self, types: Tensor) -> Tensor:
        """Atomic numbers of types (n_atoms,)."""
        return torch.tensor(self.species, device=types.device).index_select(0, types)

    def envelope(self, distances: Tensor) -> Tensor:
        """How much a neighbour at a distance counts, (n_edges,) in A -> (n_edges,)."""
        raise NotImplementedError

    def expand(self, distances: Tensor) -> Tensor:
        """Edge features, (n_edges,) in A -> (n_edges, n_features)."""
        raise NotImplementedError

    def edges(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int, molecules: Tensor
    ) -> Edges:
        distances = edge_lengths(vectors)
        envelope, features = self.envelope(distances), self.expand(distances)
        i, j = edge_index
        return Edges(i, j, vectors, distances, envelope, features, n_centers, molecules)


def graph(edges: Edges) -> Tensor:
    """(2, n_edges), sources first: torch_geometric's messages go from neighbour to centre."""
    return torch.stack([edges.neighbors, edges.centers])
