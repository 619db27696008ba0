"""Potential: model, species, reference energies and repulsion -> energy, forces, virial."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from ase.data import chemical_symbols
from torch import Tensor, nn

from physrep import ops
from physrep.config import ConfigError
from physrep.models.contract import AtomicModel
from physrep.models.guarded import GuardedEdges, GuardedModel
from physrep.nn.scatter import sum_edges
from physrep.pair.morse import MorseRepulsion
from physrep.pair.zbl import ZBL

REPULSIONS = ("zbl", "morse", "none")


class Prediction(NamedTuple):
    """energy: (n_structures,) eV, float64; atomic_energies: (n_atoms,) eV, float64;
    forces: (n_atoms, 3) eV/A; virial: (n_structures, 3, 3) eV, -dE/dstrain, symmetric.
    """

    energy: Tensor
    atomic_energies: Tensor
    forces: Tensor
    virial: Tensor


def make_repulsion(name: str, species: list[int], cutoff: float) -> nn.Module | None:
    """The pair energy of that name, one of REPULSIONS.

    Raises:
        ConfigError: unknown name.
    """
    if name not in REPULSIONS:
        raise ConfigError(f"repulsion = {name!r}: unknown; choose one of {', '.join(REPULSIONS)}")
    if name == "morse":
        return MorseRepulsion(len(species), cutoff)
    return ZBL(species) if name == "zbl" else None


class Potential(GuardedModel):
    """Atomic energies in eV from types and edges.

        E_i = g_i (scale (y_i - y_iso) + shift_type (1 - exp(-n_i))) + E0_type + 1/2 sum_j R_ij

    y is the model's readout and y_iso its readout of the isolated atom; n_i is the sum of the
    envelopes of the atom's edges, so that the shift (the mean cohesive energy) vanishes with the
    last neighbour: an isolated atom has exactly its reference energy. R is the repulsion: ZBL,
    fixed, or Morse, learned. With one, the guard acts (:class:`GuardedModel`), and g_i falls from 1
    to 0 where two atoms come nearer than any of their elements in the training data; without one
    g_i is 1. Published forms keep E_i = scale y_i + shift_type + E0_type + 1/2 sum_j R_ij.

    The pieces ``edges``, ``embed``, ``step`` and ``readout`` are the exported ones, see
    :mod:`physrep.models.contract`.
    """

    scale: Tensor
    shift: Tensor
    reference_energies: Tensor
    __jit_unused_properties__ = ["symbols", "dtype"]

    def __init__(self, model: AtomicModel, species: list[int], repulsion: str = "zbl") -> None:
        """species: atomic numbers; type t is the element species[t]. repulsion: of REPULSIONS."""
        super().__init__(model, guarded=repulsion != "none" and not model.published)
        self.species = list(species)
        self.cutoff = model.cutoff
        self.width = model.width
        self.readout_reads_neighbors = model.readout_reads_neighbors
        self.published = model.published
        self.molecular = model.molecular
        self.repulsion_name = repulsion
        self.repulsion = make_repulsion(repulsion, species, model.cutoff)
        self.ops = "portable"
        n_types = len(species)
        double = torch.float64
        self.register_buffer("scale", torch.ones((), dtype=double))
        self.register_buffer("shift", torch.zeros(n_types, dtype=double))
        self.register_buffer("reference_energies", torch.zeros(n_types, dtype=double))

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols of the types, in order."""
        return [chemical_symbols[z] for z in self.species]

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the model's arithmetic (energies are always summed in float64)."""
        return next(self.model.parameters()).dtype

    @torch.jit.unused
    def set_dtype(self, dtype: torch.dtype) -> None:
        """Change the model's precision; scale, shift and reference energies stay float64."""
        self.model.to(dtype)
        if self.repulsion is not None:
            self.repulsion.to(dtype)
        self.isolated_readouts = self.isolated_readouts.to(dtype)

    @torch.jit.unused
    def use_ops(self, name: str) -> "Potential":
        """Compute with the operators of that form, see :mod:`physrep.ops`: ``portable``, or
        ``fused`` (up to second derivatives). The results differ by round-off.

        Raises:
            ConfigError: unknown name. OperatorsMissing: ``fused`` where they are not installed.
        """
        if name not in ops.FORMS:
            raise ConfigError(f"ops = {name!r}: unknown; choose one of {', '.join(ops.FORMS)}")
        if name == "fused":
            ops.require("ops = 'fused'")
        ops.use_form(self, name)
        self.ops = name
        return self

    def readout(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """Features (n_atoms, width) -> atomic energies (n_centers,) in eV, float64."""
        shown = edges.shown
        own_types = types[: shown.n_centers]
        y = self.model.readout(h, types, shown)
        shift = self.shift.index_select(0, own_types)
        if not self.published:
            y = y - self.isolated().index_select(0, own_types)
            coordination = sum_edges(shown.envelope, shown.centers, shown.n_centers)
            shift = shift * (1.0 - torch.exp(-coordination.to(shift.dtype)))
        energies = self.scale * y.to(self.scale.dtype) + shift
        share = edges.share
        if share is not None:
            energies = energies * share
        energies = energies + self.reference_energies.index_select(0, own_types)
        if self.repulsion is not None:
            ends = (types.index_select(0, shown.centers), types.index_select(0, shown.neighbors))
            pairs = 0.5 * self.repulsion(edges.separations, ends[0], ends[1])
            energies = energies + sum_edges(pairs, shown.centers, shown.n_centers)
        return energies

    def forward(
        self, types: Tensor, edge_index: Tensor, vectors: Tensor, molecules: Tensor | None = None
    ) -> Tensor:
        """Atomic energies, (n_atoms,) eV; arguments as those of :meth:`edges`."""
        edges = self.edges(types, edge_index, vectors, types.size(0), molecules)
        h = self.embed(types, edges)
        for k in range(self.n_layers):
            h = self.step(k, h, edges)
        return self.readout(h, types, edges)


def predict(
    potential: Callable[..., Tensor],
    types: Tensor,
    edge_index: Tensor,
    vectors: Tensor,
    structure: Tensor | None = None,
    n_structures: int = 1,
    create_graph: bool = False,
) -> Prediction:
    """Energy, forces and virial of one structure or of a batch laid end to end.

    Args:
        potential: a Potential, or what else makes (types, edge_index, vectors) atomic energies;
            with ``structure``, a Potential.
        types: (n_atoms,); edge_index: (2, n_edges) sorted by centre; vectors: (n_edges, 3) in A.
        structure: (n_atoms,) which structure each atom belongs to; None for a single one.
        create_graph: keep the graph, so that a loss of the forces can be differentiated.
    """
    vectors = vectors.detach().requires_grad_(True)
    with torch.enable_grad():
        batch = () if structure is None else (structure,)
        atomic_energies = potential(types, edge_index, vectors, *batch)
        (slope,) = torch.autograd.grad(
            atomic_energies.sum(), vectors, create_graph=create_graph, materialize_grads=True
        )
    if not create_graph:
        atomic_energies = atomic_energies.detach()
    n_atoms = types.size(0)
    forces = sum_edges(slope, edge_index[0], n_atoms) - sum_edges(slope, edge_index[1], n_atoms)
    if structure is None:
        structure = torch.zeros_like(types)
    energy = sum_edges(atomic_energies, structure, n_structures)
    outer = -vectors.detach().unsqueeze(2) * slope.unsqueeze(1)
    virial = sum_edges(outer, structure.index_select(0, edge_index[0]), n_structures)
    return Prediction(energy, atomic_energies, forces, 0.5 * (virial + virial.transpose(1, 2)))
