"""Predictions: energy, forces, virial and charges of structures, from a potential's gradient."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from physrep.geometry import Geometry
from physrep.nn.scatter import sum_edges
from physrep.potential import Energies


class Prediction(NamedTuple):
    """energy: (n_structures,) eV, float64; atomic_energies: (n_atoms,) eV, float64, which add up to
    it; forces: (n_atoms, 3) eV/A; virial: (n_structures, 3, 3) eV, -dE/dstrain, symmetric;
    charges: (n_atoms,) e, float64, None for a potential without charges; polarizabilities:
    (n_atoms,) A^3, float64, None for one without polarization.

    Where a graph is kept for training, ``atomic_energies`` are those of short range alone.
    """

    energy: Tensor
    atomic_energies: Tensor
    forces: Tensor
    virial: Tensor
    charges: Tensor | None = None
    polarizabilities: Tensor | None = None


def predict(
    potential: Callable[..., Energies],
    types: Tensor,
    edge_index: Tensor,
    vectors: Tensor,
    structure: Tensor | None = None,
    n_structures: int = 1,
    create_graph: bool = False,
    geometry: Geometry | None = None,
) -> Prediction:
    """Energy, forces and virial of one structure or of a batch laid end to end.

    Args:
        potential: a Potential, or what else takes its arguments; with ``structure``, a Potential.
            Of a Committee, or what else has its ``each``, the result is the mean of the members'.
        types: (n_atoms,); edge_index: (2, n_edges) sorted by centre; vectors: (n_edges, 3) in A.
        structure: (n_atoms,) which structure each atom belongs to; None for a single one.
        create_graph: keep the graph, so that a loss of the forces can be differentiated.
        geometry: of the same atoms; read where the potential has charges.
    """
    arguments = types, edge_index, vectors, structure, n_structures, create_graph, geometry
    return mean_prediction(_predictions(potential, *arguments))


def predict_members(
    potential: Callable[..., Energies],
    types: Tensor,
    edge_index: Tensor,
    vectors: Tensor,
    geometry: Geometry | None = None,
) -> list[Prediction]:
    """What each member of a committee says of one structure, of another potential what it says;
    arguments as those of predict.
    """
    return _predictions(potential, types, edge_index, vectors, geometry=geometry)


def mean_prediction(members: list[Prediction]) -> Prediction:
    """Each of its fields the mean over the members."""
    if len(members) == 1:
        return members[0]
    charges = [one.charges for one in members if one.charges is not None]
    polar = [one.polarizabilities for one in members if one.polarizabilities is not None]
    return Prediction(
        torch.stack([one.energy for one in members]).mean(dim=0),
        torch.stack([one.atomic_energies for one in members]).mean(dim=0),
        torch.stack([one.forces for one in members]).mean(dim=0),
        torch.stack([one.virial for one in members]).mean(dim=0),
        torch.stack(charges).mean(dim=0) if charges else None,
        torch.stack(polar).mean(dim=0) if polar else None,
    )


def _predictions(
    potential: Callable[..., Energies],
    types: Tensor,
    edge_index: Tensor,
    vectors: Tensor,
    structure: Tensor | None = None,
    n_structures: int = 1,
    create_graph: bool = False,
    geometry: Geometry | None = None,
) -> list[Prediction]:
    """Of each member."""
    each = getattr(potential, "each", None) or partial(_alone, potential)
    vectors = vectors.detach().requires_grad_(True)
    if structure is None:
        batch, structure = None, torch.zeros_like(types)
    else:
        batch = structure
    with torch.enable_grad():
        place = None if geometry is None else _Place.of(geometry, structure)
        moved = None if place is None else place.strained
        found = each(types, edge_index, vectors, batch, moved)
        slopes = [
            _slopes(energies, vectors, place, create_graph, last=k + 1 == len(found))
            for k, energies in enumerate(found)
        ]
    listed = _Listed(edge_index, vectors.detach(), structure, n_structures)
    return [_prediction(*one, listed, create_graph) for one in zip(found, slopes, strict=True)]


def _alone(potential: Callable[..., Energies], *arguments: Any) -> list[Energies]:
    return [potential(*arguments)]


class _Listed(NamedTuple):
    """The structures that predictions are of."""

    edge_index: Tensor
    vectors: Tensor
    structure: Tensor
    n_structures: int


def _prediction(
    energies: Energies, slopes: "_Slopes", listed: _Listed, create_graph: bool
) -> Prediction:
    edge_index, vectors, structure, n_structures = listed
    forces = _forces(slopes, edge_index, structure.size(0))
    outer = -vectors.unsqueeze(2) * slopes.vectors.unsqueeze(1)
    virial = sum_edges(outer, structure.index_select(0, edge_index[0]), n_structures)
    atomic = energies.atomic
    if slopes.strains is not None:
        virial = virial - slopes.strains.to(virial.dtype)
    energy = total_energies(energies, structure, n_structures)
    sources = energies.sources
    if not create_graph:
        energy, atomic = energy.detach(), atomic.detach()
        sources = None if sources is None else sources.detach()
    if sources is not None and slopes.sources is not None:
        atomic = atomic + 0.5 * (sources * slopes.sources).sum(dim=1)
    charges = None if sources is None else sources[:, 0]
    symmetric = 0.5 * (virial + virial.transpose(1, 2))
    polarizabilities = energies.polarizabilities
    if not create_graph and polarizabilities is not None:
        polarizabilities = polarizabilities.detach()
    return Prediction(energy, atomic, forces, symmetric, charges, polarizabilities)


def energy_and_forces(
    potential: Callable[..., Energies],
    types: Tensor,
    edge_index: Tensor,
    vectors: Tensor,
    geometry: Geometry | None = None,
) -> tuple[Tensor, Tensor]:
    """Energy () eV and forces (n_atoms, 3) eV/A of one structure; arguments as those of predict."""
    leaves = [vectors.detach().requires_grad_(True)]
    if geometry is not None:
        leaves.append(geometry.positions.detach().requires_grad_(True))
        geometry = geometry._replace(positions=leaves[1])
    with torch.enable_grad():
        energies = potential(types, edge_index, leaves[0], None, geometry)
        energy = energies.atomic.sum()
        if energies.long_range is not None:
            energy = energy + energies.long_range.sum()
        slopes = torch.autograd.grad(energy, leaves, materialize_grads=True)
    return energy.detach(), _forces(_Slopes(*slopes), edge_index, types.size(0))


def total_energies(energies: Energies, structure: Tensor, n_structures: int) -> Tensor:
    """Energies of the structures, (n_structures,) eV, float64."""
    total = sum_edges(energies.atomic, structure, n_structures)
    long_range = energies.long_range
    return total if long_range is None else total + long_range


class _Place(NamedTuple):
    """A geometry whose derivatives are wanted: by positions and by a strain, which is zero."""

    positions: Tensor
    strains: Tensor
    strained: Geometry

    @classmethod
    def of(cls, geometry: Geometry, structure: Tensor) -> "_Place":
        positions = geometry.positions.detach().requires_grad_(True)
        strains = torch.zeros_like(geometry.cells).requires_grad_(True)
        of_atoms = strains.index_select(0, structure)
        shifts = torch.bmm(positions.unsqueeze(1), of_atoms).squeeze(1)
        cells = geometry.cells + torch.bmm(geometry.cells, strains)
        moved = geometry._replace(positions=positions + shifts, cells=cells)
        return cls(positions, strains, moved)


class _Slopes(NamedTuple):
    """Gradients of the energy; without charges those of the edge vectors alone."""

    vectors: Tensor
    positions: Tensor | None = None
    strains: Tensor | None = None
    sources: Tensor | None = None


def _forces(slopes: _Slopes, edge_index: Tensor, n_atoms: int) -> Tensor:
    by_edges = (sum_edges(slopes.vectors, ends, n_atoms) for ends in edge_index)
    forces = next(by_edges) - next(by_edges)
    return forces if slopes.positions is None else forces - slopes.positions.to(forces.dtype)


def _slopes(
    energies: Energies,
    vectors: Tensor,
    place: _Place | None,
    create_graph: bool,
    last: bool,
) -> _Slopes:
    """last: whether the leaves' own graph is not needed again."""
    leaves, total = [vectors], energies.atomic.sum()
    if energies.long_range is not None and place is not None:
        total = total + energies.long_range.sum()
        leaves += [place.positions, place.strains]
        if not create_graph:
            assert energies.sources is not None
            leaves.append(energies.sources)
    found = torch.autograd.grad(
        total,
        leaves,
        retain_graph=create_graph or not last,
        create_graph=create_graph,
        materialize_grads=True,
    )
    return _Slopes(*found)
