"""A model within the reach of its training data: the guard wraps it, in its own precision."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from physrep.models.contract import AtomicModel
from physrep.nn.edges import Edges
from physrep.nn.radial import edge_lengths
from physrep.pair.guard import acts_on, network_share, shown_vectors
from physrep.pair.overlap import kept_apart, overlaps


class GuardedEdges(NamedTuple):
    """What the pieces of a potential read of a neighbour list.

    shown: the edges as the model sees them, none shorter than the training data supports;
    separations: (n_edges,) A, the true distances; share: (n_centers,) in [0, 1], float64, the share
    of the model's energy that counts, None where the guard does not act and all of it does.
    """

    shown: Edges
    separations: Tensor
    share: Tensor | None


class GuardedModel(nn.Module):
    """A model with the guard of :mod:`physrep.pair.guard` around it.

    Where two atoms come nearer than the training data support of their elements, the model is shown
    longer distances, and its energies of both atoms fade.

    Attributes:
        shortest_distances: (n_types, n_types) A, down to which the training data support each pair
            of types; 0 where unknown. The guard acts below 0.9 of it.
        isolated_readouts: (n_types,), see :meth:`isolated`.
    """

    isolated_readouts: Tensor
    shortest_distances: Tensor

    def __init__(self, model: AtomicModel, guarded: bool) -> None:
        """guarded: whether the guard may act at all."""
        super().__init__()
        self.model = model
        self.n_types = model.n_types
        self.n_layers = model.n_layers
        self.guarded = guarded
        self.baked = False
        self.register_buffer("isolated_readouts", torch.zeros(self.n_types))
        shortest = torch.zeros(self.n_types, self.n_types, dtype=torch.float64)
        self.register_buffer("shortest_distances", shortest)

    def edges(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        n_centers: int,
        molecules: Tensor | None = None,
    ) -> GuardedEdges:
        """The neighbour list as the other pieces read it.

        Args:
            types: (n_atoms,); edge_index: (2, n_edges) sorted by centre; vectors: (n_edges, 3) A.
            molecules: (n_centers,) which molecule each atom belongs to; None for a single one.
        """
        if molecules is None:
            molecules = torch.zeros_like(types[:n_centers])
        vectors = vectors.to(self.isolated_readouts.dtype)
        if overlaps(vectors):  # in trial positions of minimisers alone
            vectors = kept_apart(vectors, edge_index[0], edge_index[1])
        if self.guarded:
            centers, neighbors = edge_index[0], edge_index[1]
            shortest = self.shortest_of(types, centers, neighbors)
            limits = shortest.to(vectors.dtype)
            if acts_on(vectors, limits):  # hardly ever
                lengthened = shown_vectors(vectors, limits)
                shown = self.model.edges(types, edge_index, lengthened, n_centers, molecules)
                separations = edge_lengths(vectors)
                near = separations.to(shortest.dtype)
                share = network_share(near, shortest, centers, n_centers)
                return GuardedEdges(shown, separations, share)
        edges = self.model.edges(types, edge_index, vectors, n_centers, molecules)
        return GuardedEdges(edges, edges.distances, None)

    def shortest_of(self, types: Tensor, centers: Tensor, neighbors: Tensor) -> Tensor:
        """Shortest distance that the data support of the elements of each edge, (n_edges,) A."""
        ends = types.index_select(0, centers), types.index_select(0, neighbors)
        return self.shortest_distances[ends[0], ends[1]]

    def embed(self, types: Tensor, edges: GuardedEdges) -> Tensor:
        """types (n_atoms,) -> features (n_centers, width)."""
        return self.model.embed(types, edges.shown)

    def step(self, k: int, h: Tensor, edges: GuardedEdges) -> Tensor:
        """Layer k: (n_atoms, width) -> (n_centers, width)."""
        return self.model.step(k, h, edges.shown)

    def isolated(self) -> Tensor:
        """The model's readout of one isolated atom of each type, (n_types,); a published form's
        energies do not need them.
        """
        if not self.needs_isolated():
            return self.isolated_readouts
        types = torch.arange(self.n_types, device=self.isolated_readouts.device)
        none = torch.zeros(2, 0, dtype=torch.int64, device=types.device)
        vectors = self.isolated_readouts.new_zeros(0, 3)
        edges = self.model.edges(types, none, vectors, types.size(0), types)  # each its molecule
        h = self.model.embed(types, edges)
        for k in range(self.n_layers):
            h = self.model.step(k, h, edges)
        return self.model.readout(h, types, edges)

    def needs_isolated(self) -> bool:
        """Whether the isolated atoms' readouts follow from the parameters, which may change."""
        return not self.baked and not self.model.published

    def with_isolated(self, types: Tensor, molecules: Tensor) -> tuple[Tensor, Tensor]:
        """Types and molecules (n_atoms,) of atoms, and where they are needed behind them those of
        one isolated atom of each type: one pass through the model serves both.
        """
        if not self.needs_isolated():
            return types, molecules
        alone = torch.arange(self.n_types, device=types.device)
        after = alone + molecules.max() + 1 if molecules.size(0) > 0 else alone
        return torch.cat([types, alone]), torch.cat([molecules, after])

    def bake(self) -> None:
        """Keep the isolated-atom readouts as numbers: for exports, whose parameters are fixed."""
        self.baked = False
        with torch.no_grad():
            self.isolated_readouts.copy_(self.isolated())
        self.baked = True
