"""Committee: potentials of the same liquid as one, whose energy is the mean of theirs.

Where the members disagree, none of them is to be trusted (query by committee: Seung, Opper and
Sompolinsky, COLT 1992; of interatomic potentials: Artrith and Behler, Phys. Rev. B 85, 045439
(2012)). :mod:`physrep.deviation` measures by how much.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from physrep.config import ConfigError
from physrep.geometry import Geometry
from physrep.models.guarded import GuardedEdges
from physrep.nn.edges import Edges
from physrep.potential import Energies, Potential

# eV. References of fits to one set of labels differ by some meV; of two methods, by far more.
SAME_LEVEL = 0.5


class Committee(nn.Module):
    """Energies of all members and their mean; in eV, from types and edges as of a Potential.

    Each member keeps its own guard, charges and long-range energy; the energy is the mean of the
    members' energies, so that forces and virial are the means of theirs, and the charges that
    are reported are the means of theirs. Features and raw charges of the members stand side by
    side, in the order of the members, so that the pieces below are called as those of a Potential.

    Attributes:
        members: the potentials; n_members: how many; n_layers: the largest number of steps;
        width: columns of ``h``, of all members; shortest_distances: (n_types, n_types) A, the
        shortest that any member knows of; others as those of a Potential.
    """

    if TYPE_CHECKING:  # TorchScript reads annotations and does not know this one
        members: Any
    shortest_distances: Tensor
    __jit_unused_properties__ = [
        "symbols",
        "dtype",
        "electrostatics_settings",
        "reference_energies",
    ]

    def __init__(self, members: Sequence[Potential], names: Sequence[str] = ()) -> None:
        """names: of the members, for errors; "member 1" and so on where not given.

        Raises:
            ConfigError: no members, or members that cannot be averaged.
        """
        super().__init__()
        _check_form(members, _called(members, names))
        first = members[0]
        self.members = nn.ModuleList(members)
        self.n_members = len(members)
        self.species = list(first.species)
        self.n_types = first.n_types
        self.cutoff = first.cutoff
        self.charged = first.charged
        self.published = first.published
        self.molecular = first.molecular
        self.readout_reads_neighbors = any(one.readout_reads_neighbors for one in members)
        self.guarded = any(one.guarded for one in members)
        self.n_layers = max(one.n_layers for one in members)
        self.widths = [one.width for one in members]
        self.width = sum(self.widths)
        self.n_features = [_feature_columns(one) for one in members]
        self.ops = first.ops
        self.register_buffer("shortest_distances", _shortest(members))

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols of the types, in order."""
        return self.members[0].symbols

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the members' arithmetic."""
        return self.members[0].dtype

    @property
    def electrostatics_settings(self) -> dict[str, Any] | None:
        """Settings of the charges as files keep them; None without charges."""
        return self.members[0].electrostatics_settings

    @property
    def reference_energies(self) -> Tensor:
        """(n_types,) eV, the means of the members'."""
        return torch.stack([one.reference_energies for one in self.members]).mean(dim=0)

    @torch.jit.unused
    def set_dtype(self, dtype: torch.dtype) -> None:
        """As that of a Potential, for all members."""
        for one in self.members:
            one.set_dtype(dtype)

    @torch.jit.unused
    def use_ops(self, name: str) -> "Committee":
        """As that of a Potential, for all members."""
        for one in self.members:
            one.use_ops(name)
        self.ops = name
        return self

    @torch.jit.unused
    def bake(self) -> None:
        """As that of a Potential, for all members."""
        for one in self.members:
            one.bake()

    def each(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        molecules: Tensor | None = None,
        geometry: Geometry | None = None,
    ) -> list[Energies]:
        """Energies of every member; arguments as those of :meth:`Potential.forward`."""
        found: list[Energies] = []
        for one in self.members:
            found.append(one(types, edge_index, vectors, molecules, geometry))  # noqa: PERF401
        return found

    def forward(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        molecules: Tensor | None = None,
        geometry: Geometry | None = None,
    ) -> Energies:
        """The means. The sources of all members stand side by side, member by member."""
        polarizabilities: list[Tensor] = []
        atomic: list[Tensor] = []
        sources: list[Tensor] = []
        long_range: list[Tensor] = []
        for energies in self.each(types, edge_index, vectors, molecules, geometry):
            atomic.append(energies.atomic)
            source, apart = energies.sources, energies.long_range
            if source is not None and apart is not None:
                sources.append(source)
                long_range.append(apart)
            polar = energies.polarizabilities
            if polar is not None:
                polarizabilities.append(polar)
        mean = torch.stack(atomic).mean(dim=0)
        if len(sources) == 0:
            return Energies(mean, None, None)
        distant, side_by_side = torch.stack(long_range).mean(dim=0), torch.cat(sources, dim=1)
        if len(polarizabilities) == 0:
            return Energies(mean, side_by_side, distant)
        return Energies(mean, side_by_side, distant, torch.stack(polarizabilities).mean(dim=0))

    def edges(
        self,
        types: Tensor,
        edge_index: Tensor,
        vectors: Tensor,
        n_centers: int,
        molecules: Tensor | None = None,
    ) -> GuardedEdges:
        """The neighbour list as the members read it, side by side: vectors (n_edges, 3 n_members),
        distances, envelope and separations (n_edges, n_members), features of all members, share
        (n_centers, n_members).

        vectors: (n_edges, 3) A; or (n_edges, 3 n_members), a copy for each member, so
        that one backward pass gives the derivatives of each.
        """
        found: list[GuardedEdges] = []
        for m, one in enumerate(self.members):
            own = vectors if vectors.size(1) == 3 else vectors[:, 3 * m : 3 * m + 3]
            found.append(one.edges(types, edge_index, own, n_centers, molecules))
        return _side_by_side(found)

    def _apart(self, edges: GuardedEdges) -> list[GuardedEdges]:
        """What ``edges`` has put side by side."""
        shown, n = edges.shown, self.n_members
        vectors = shown.vectors.chunk(n, dim=1)
        features = shown.features.split(self.n_features, dim=1)
        distances, envelopes = shown.distances.unbind(1), shown.envelope.unbind(1)
        separations = edges.separations.unbind(1)
        found: list[GuardedEdges] = []
        for m in range(n):
            own = Edges(
                shown.centers,
                shown.neighbors,
                vectors[m].contiguous(),
                distances[m].contiguous(),
                envelopes[m].contiguous(),
                features[m].contiguous(),
                shown.n_centers,
                shown.molecules,
            )
            share = edges.share
            if share is not None:
                share = share[:, m]
            found.append(GuardedEdges(own, separations[m].contiguous(), share))
        return found

    def embed(self, types: Tensor, edges: GuardedEdges) -> Tensor:
        """types (n_atoms,) -> features (n_centers, width)."""
        columns: list[Tensor] = []
        seen = self._apart(edges)
        for m, one in enumerate(self.members):
            columns.append(one.embed(types, seen[m]))
        return torch.cat(columns, dim=1)

    def step(self, k: int, h: Tensor, edges: GuardedEdges) -> Tensor:
        """Layer k: (n_atoms, width) -> (n_centers, width). Members with fewer layers wait."""
        columns: list[Tensor] = []
        seen, own = self._apart(edges), h.split(self.widths, dim=1)
        for m, one in enumerate(self.members):
            if k < one.n_layers:
                columns.append(one.step(k, own[m].contiguous(), seen[m]))
            else:
                columns.append(own[m][: edges.shown.n_centers])
        return torch.cat(columns, dim=1)

    def readout(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """Features (n_atoms, width) -> mean atomic energies (n_centers,) in eV, float64."""
        return self.member_readout(h, types, edges).mean(dim=1)

    def member_readout(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """Features (n_atoms, width) -> atomic energies (n_centers, n_members) in eV, float64."""
        columns: list[Tensor] = []
        seen, own = self._apart(edges), h.split(self.widths, dim=1)
        for m, one in enumerate(self.members):
            columns.append(one.readout(own[m].contiguous(), types, seen[m]))
        return torch.stack(columns, dim=1)

    def raw_charges(self, h: Tensor, types: Tensor, edges: GuardedEdges) -> Tensor:
        """As those of a Potential, those of all members side by side."""
        columns: list[Tensor] = []
        seen, own = self._apart(edges), h.split(self.widths, dim=1)
        for m, one in enumerate(self.members):
            columns.append(one.raw_charges(own[m].contiguous(), types, seen[m]))
        return torch.cat(columns, dim=1)


def _side_by_side(found: list[GuardedEdges]) -> GuardedEdges:
    """The edges of all members in one."""
    first = found[0].shown
    vectors: list[Tensor] = []
    distances: list[Tensor] = []
    envelopes: list[Tensor] = []
    features: list[Tensor] = []
    separations: list[Tensor] = []
    shares: list[Tensor] = []
    guarded = False
    for one in found:
        shown, share = one.shown, one.share
        vectors.append(shown.vectors)
        distances.append(shown.distances)
        envelopes.append(shown.envelope)
        features.append(shown.features)
        separations.append(one.separations)
        if share is None:
            shares.append(
                torch.ones(shown.n_centers, dtype=torch.float64, device=vectors[0].device)
            )
        else:
            guarded = True
            shares.append(share)
    edges = Edges(
        first.centers,
        first.neighbors,
        torch.cat(vectors, dim=1),
        torch.stack(distances, dim=1),
        torch.stack(envelopes, dim=1),
        torch.cat(features, dim=1),
        first.n_centers,
        first.molecules,
    )
    every_share: Tensor | None = None
    if guarded:
        every_share = torch.stack(shares, dim=1)
    return GuardedEdges(edges, torch.stack(separations, dim=1), every_share)


def _feature_columns(one: Potential) -> int:
    """How many features an edge of this potential has."""
    types, index = torch.zeros(1, dtype=torch.int64), torch.zeros(2, 0, dtype=torch.int64)
    with torch.no_grad():
        edges = one.model.edges(types, index, one.isolated_readouts.new_zeros(0, 3), 1, types)
    return edges.features.size(1)


def check_members(members: Sequence[Potential], names: Sequence[str] = ()) -> None:
    """Refuse potentials, with their parameters, whose mean or deviation has no meaning.

    Raises:
        ConfigError: none at all; other elements, another cutoff, precision or form, other settings
            of the charges, another level of theory; the same potential twice.
    """
    called = _called(members, names)
    _check_form(members, called)
    for k, other in enumerate(members[1:], start=1):
        _check_level(members[0], other, called[0], called[k])
        for j, earlier in enumerate(members[:k]):
            if _same_parameters(earlier, other):
                raise ConfigError(
                    f"{called[j]} and {called[k]} hold the same parameters, and of them a "
                    "committee learns nothing; give fits with other seeds"
                )


def _called(members: Sequence[Potential], names: Sequence[str]) -> list[str]:
    return list(names) or [f"member {k + 1}" for k in range(len(members))]


def _check_form(members: Sequence[Potential], called: Sequence[str]) -> None:
    if not members:
        raise ConfigError("a committee needs members: give checkpoints of fits to the same data")
    for k, other in enumerate(members[1:], start=1):
        for what, value_of in _MUST_AGREE.items():
            ours, theirs = value_of(members[0]), value_of(other)
            if ours != theirs:
                raise ConfigError(
                    f"members of a committee must agree in their {what}: {called[0]} has {ours}, "
                    f"{called[k]} has {theirs}; make it of fits that differ in run.seed alone"
                )


_MUST_AGREE: dict[str, Callable[[Potential], Any]] = {
    "elements and their order": lambda one: " ".join(one.symbols),
    "cutoff (A)": lambda one: one.cutoff,
    "electrostatics": lambda one: one.electrostatics_settings or "none",
    "form (published or not)": lambda one: one.published,
    "reach (whole molecules or local)": lambda one: one.molecular,
    "precision": lambda one: str(one.dtype).removeprefix("torch."),
}


def _check_level(first: Potential, other: Potential, name: str, other_name: str) -> None:
    apart = (first.reference_energies - other.reference_energies).abs()
    k = int(apart.argmax())
    if not float(apart[k]) <= SAME_LEVEL:
        values = [float(one.reference_energies[k]) for one in (first, other)]
        raise ConfigError(
            f"members of a committee must be fitted to labels of one method: the reference energy "
            f"of {first.symbols[k]} is {values[0]:.3f} eV in {name} and {values[1]:.3f} eV in "
            f"{other_name} (allowed {SAME_LEVEL:g} eV apart)"
        )


def _same_parameters(one: Potential, other: Potential) -> bool:
    ours, theirs = dict(one.named_parameters()), dict(other.named_parameters())
    return ours.keys() == theirs.keys() and all(
        torch.equal(value, theirs[name]) for name, value in ours.items()
    )


def _shortest(members: Sequence[Potential]) -> Tensor:
    """The smallest known of each pair of types; 0 where no member knows one."""
    tables = torch.stack([one.shortest_distances for one in members])
    known = torch.where(tables > 0.0, tables, torch.inf).amin(dim=0)
    return torch.where(torch.isinf(known), 0.0, known)
