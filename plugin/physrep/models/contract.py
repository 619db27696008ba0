"""The contract every model keeps: what goes in, what comes out, in which pieces.

A model turns types and edges into atomic energies in three kinds of pieces,

    h = embed(types, edges);  h = step(k, h, edges) for k < n_layers;  readout(h, types, edges)

because LAMMPS on several ranks must carry ``h`` from rank to rank between them. ``types`` and the
``h`` that goes into a piece hold all atoms (own atoms first, then ghosts); what comes out of a
piece holds the first ``n_centers`` atoms only, the ones whose edges are here. In one process
without ghosts both numbers are the same.
"""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from physrep.nn.edges import Edges


class AtomicModel(nn.Module):
    """Base class: the attributes that engines and exports read.

    Attributes:
        cutoff: in A; n_layers: number of ``step`` calls; width: columns of ``h``; n_scalars: how
        many of them, the first ones, no rotation changes;
        readout_reads_neighbors: whether ``h`` of ghosts is needed by ``readout`` too;
        published: a form kept exactly as published, exempt from our rules of smoothness and from
        the rule that an isolated atom has its reference energy;
        molecular: for whole isolated molecules only: something in it sees all atoms of a molecule
        at once, so that it is neither periodic nor size-extensive nor split among ranks.
    """

    def __init__(self, species: list[int], cutoff: float, n_layers: int, width: int) -> None:
        """species: atomic numbers; type t is the element species[t]."""
        super().__init__()
        self.n_types = len(species)
        self.cutoff = cutoff
        self.n_layers = n_layers
        self.width = self.n_scalars = width
        self.readout_reads_neighbors = False
        self.published = False
        self.molecular = False

    def edges(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, n_centers: int, molecules: Tensor
    ) -> Edges:
        """types (n_atoms,), edge_index (2, n_edges), vectors (n_edges, 3) in A, molecules
        (n_centers,) -> Edges with the model's features.
        """
        raise NotImplementedError

    def embed(self, types: Tensor, edges: Edges) -> Tensor:
        """types (n_atoms,) -> features (n_centers, width)."""
        raise NotImplementedError

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        """Layer ``k``: (n_atoms, width) -> (n_centers, width)."""
        raise NotImplementedError

    def readout(self, h: Tensor, types: Tensor, edges: Edges) -> Tensor:
        """(n_atoms, width) -> atomic energies (n_centers,) in units of the potential's scale."""
        raise NotImplementedError


class LayeredModel(AtomicModel):
    """A model whose steps are the modules in ``self.layers``, each (h, edges) -> h."""

    if TYPE_CHECKING:  # TorchScript reads annotations and does not know this one
        layers: nn.ModuleList

    def step(self, k: int, h: Tensor, edges: Edges) -> Tensor:
        out = h
        for i, layer in enumerate(self.layers):  # TorchScript indexes modules by constants only
            if i == k:
                out = layer(h, edges)
        return out
