"""Potential: model, species, reference energies, repulsion, charges -> energies."""

from typing import Any, NamedTuple

import torch
from ase.data import chemical_symbols
from torch import Tensor, nn

from physrep import ops
from physrep.config import ConfigError
from physrep.geometry import Geometry
from physrep.models.charge_readout import ChargeReadout
from physrep.models.contract import AtomicModel
from physrep.models.guarded import GuardedEdges, GuardedModel
from physrep.nn.edges import own_rows
from physrep.nn.scatter import sum_edges
from physrep.pair.dispersion import Dispersion
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.pair.long_range import LongRange
from physrep.pair.morse import MorseRepulsion
from physrep.pair.shifted_charges import shifted_charges
from physrep.pair.zbl import ZBL

REPULSIONS = ("zbl", "morse", "none")


class Energies(NamedTuple):
    """What a potential says of a structure or of a batch laid end to end.

    atomic: (n_atoms,) eV, float64, with reference energies, without ``long_range``.
    sources: (n_atoms, 1 or 2), float64: charges in e and, for a potential with dispersion, square
        roots of C6 in eV^(1/2) A^3; None for a potential without charges.
    long_range: (n_structures,) eV, float64, the energy of the sources, which is quadratic in them:
        Coulomb, polarization and dispersion; None without charges.
    polarizabilities: (n_atoms,) A^3, float64; None for a potential without polarization.
    """

    atomic: Tensor
    sources: Tensor | None
    long_range: Tensor | None
    polarizabilities: Tensor | None = None


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
    __jit_unused_properties__ = ["symbols", "dtype", "electrostatics_settings", "dispersion"]

    def __init__(
        self,
        model: AtomicModel,
        species: list[int],
        repulsion: str = "zbl",
        electrostatics: ElectrostaticsConfig | None = None,
    ) -> None:
        """species: atomic numbers; type t is the element species[t]. repulsion: of REPULSIONS.

        Raises:
            ConfigError: unknown repulsion; charges for a published form.
        """
        super().__init__(model, guarded=repulsion != "none" and not model.published)
        self.species = list(species)
        self.cutoff = model.cutoff
        self.width, self.n_scalars = model.width, model.n_scalars
        self.readout_reads_neighbors = model.readout_reads_neighbors
        self.published = model.published
        self.molecular = model.molecular
        self.repulsion_name = repulsion
        self.repulsion = make_repulsion(repulsion, species, model.cutoff)
        self.ops = "portable"
        n_types = len(species)
        self._charges = electrostatics
        self.charged = electrostatics is not None
        self.long_range: LongRange | None = None
        self.charge_readout: ChargeReadout | None = None
        if electrostatics is not None:
            if model.published:
                raise ConfigError(
                    "electrostatics: the published form has no charges; leave electrostatics out, "
                    "or set model.smooth to true"
                )
            learned = electrostatics.shift == "learned"
            polar = electrostatics.polarization is not None
            self.charge_readout = ChargeReadout(model.n_scalars, n_types, learned, polar)
            self.long_range = LongRange(electrostatics, n_types)
        double = torch.float64
        self.register_buffer("scale", torch.ones((), dtype=double))
        self.register_buffer("shift", torch.zeros(n_types, dtype=double))
        self.register_buffer("reference_energies", torch.zeros(n_types, dtype=double))

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols of the types, in order."""
        return [chemical_symbols[z] for z in self.species]

    @property
    def electrostatics_settings(self) -> dict[str, Any] | None:
        """Settings of the charges as files keep them; None without charges."""
        return None if self._charges is None else self._charges.model_dump(mode="json")

    @property
    def dispersion(self) -> Dispersion | None:
        """Dispersion beside the charges; None without."""
        return None if self.long_range is None else self.long_range.dispersion

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
        if self.charge_readout is not None:
            self.charge_readout.to(dtype)
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
        y = self.model.readout(h, types, edges.shown)
        return self.energies_of(y, self.isolated(), types, edges)

    def energies_of(
        self, y: Tensor, isolated: Tensor, types: Tensor, edges: GuardedEdges
    ) -> Tensor:
        """The model's readouts of atoms (n_centers,) and of one isolated atom of each type
        (n_types,) -> atomic energies (n_centers,) in eV, float64.
        """
        shown = edges.shown
        own_types = types[: shown.n_centers]
        shift = self.shift.index_select(0, own_types)
        if not self.published:
            y = y - isolated.index_select(0, own_types)
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

    def raw_charges(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """Features (n_atoms, width) -> raw charges in e, weights of the shift and, with
        polarization, polarizabilities in A^3: (n_centers, 2 or 3).

        Where the guard lets the network fade, its charges and polarizabilities fade with it.
        """
        assert self.charge_readout is not None
        n_centers = edges.shown.n_centers
        scalars = own_rows(h, edges.shown)[:, : self.n_scalars]
        raw = self.charge_readout(scalars, types[:n_centers])
        share = edges.share
        if share is not None:
            columns = list(raw.unbind(dim=1))
            columns[0] = columns[0] * share
            if len(columns) > 2:
                columns[2] = columns[2] * share
            raw = torch.stack(columns, dim=1)
        return raw

    def forward(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        molecules: Tensor | None = None,
        geometry: Geometry | None = None,
    ) -> Energies:
        """Energies of the atoms, and with charges those and what follows from them.

        Args:
            types, edge_index, vectors, molecules: as those of :meth:`edges`.
            geometry: needed with charges alone. Its positions and the ``vectors`` are two views of
                the same atoms; what depends on both is differentiated with respect to both.
        """
        n_atoms = types.size(0)
        structure = torch.zeros_like(types) if molecules is None else molecules
        all_types, all_molecules = self.with_isolated(types, structure)
        edges = self.edges(all_types, edge_index, vectors, all_types.size(0), all_molecules)
        h = self.embed(all_types, edges)
        for k in range(self.n_layers):
            h = self.step(k, h, edges)
        y = self.model.readout(h, all_types, edges.shown)
        isolated = y[n_atoms:] if y.size(0) > n_atoms else self.isolated()
        atomic = self.energies_of(y, isolated, all_types, edges)[:n_atoms]
        long_range = self.long_range
        if long_range is None:
            return Energies(atomic, None, None)
        if geometry is None:
            raise ValueError("physrep: this potential has charges and needs the geometry")
        raw = self.raw_charges(h, all_types, edges)[:n_atoms]
        totals = geometry.total_charges
        sums = sum_edges(raw, structure, totals.size(0))
        charges = shifted_charges(raw, sums, totals, structure)
        sources = long_range.sources(charges, types)
        polarizabilities = raw[:, 2] if raw.size(1) > 2 else None
        energies = long_range(sources, polarizabilities, structure, geometry)
        return Energies(atomic, sources, energies, polarizabilities)
