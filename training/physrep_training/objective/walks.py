"""Structures that relax on the energy of the model being fitted, one step at every visit.

Random perturbations are what denoising learns from; a relaxation soon leaves them, for places that
no draw ever meets and where nothing holds it back. So the perturbed structures themselves are
relaxed by the model that is being fitted, and it learns at the places where it carries them (data
aggregation: Ross, Gordon and Bagnell, AISTATS 2011; the persistent chains of energy-based models:
T. Tieleman, ICML 2008). The forces that the loss needs anyway make the steps: they cost nothing.
"""

from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch import Tensor
from torch_geometric.data import Batch

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.probes.assembly import FunctionalGroup, smaller_side
from physrep_training.objective.loss_config import DenoiseTerm

STEP = 0.3  # of the predicted displacement to the minimum
LARGEST_STEP = 0.1  # A
LARGEST_DISPLACEMENT = 1.5  # A; beyond, the neighbour list may lack a pair


class Walks:
    """Displacements of the structures of a data set, by their place in it.

    A walk starts with noise, without rigid motion, some also with parts pulled off, and ends after
    ``term.visits`` visits or beyond 1.5 A; then it starts again.
    """

    def __init__(self, term: DenoiseTerm, species: list[int]) -> None:
        """species: atomic numbers of the types."""
        self.term = term
        self.species = np.array(species)
        self.parts: dict[int, list[FunctionalGroup]] = {}  # what may be pulled off
        self.kept: dict[int, Tensor] = {}  # (n_atoms, 3) A
        self.age: dict[int, int] = {}

    def displacements(self, batch: Batch, draw: torch.Generator) -> Tensor:
        """Current displacements of the walks, (n_atoms, 3) A."""
        displacements = [self._displacement(batch, k, draw) for k in range(batch.num_graphs)]
        return torch.cat(displacements).to(batch.vectors)

    def _displacement(self, batch: Batch, k: int, draw: torch.Generator) -> Tensor:
        place = int(batch.place[k])
        if place not in self.kept:
            positions = batch.positions[batch.ptr[k] : batch.ptr[k + 1]].double().cpu()
            self.kept[place] = perturbation(positions, self.term.noise, draw)
            self.age[place] = 0
            if self.term.pulled and float(torch.rand(1, generator=draw)) < self.term.pulled:
                start = self.kept[place] + self._pulled_off(batch, k, positions, draw)
                self.kept[place] = without_rigid_motion(start, positions)
        return self.kept[place]

    def _pulled_off(self, batch: Batch, k: int, positions: Tensor, draw: torch.Generator) -> Tensor:
        """One or two parts moved away from the rest, (n_atoms, 3) A."""
        place = int(batch.place[k])
        if place not in self.parts:
            types = batch.types[batch.ptr[k] : batch.ptr[k + 1]].cpu().numpy()
            atoms = Atoms(self.species[types], positions.numpy())
            self.parts[place] = removable_parts(atoms)
        apart, parts = torch.zeros_like(positions), self.parts[place]
        for _ in range(min(len(parts), 1 + int(torch.randint(2, (1,), generator=draw)))):
            part = parts[int(torch.randint(len(parts), (1,), generator=draw))]
            bond = positions[part.head] - positions[part.anchor]
            pull = self.term.pull * torch.rand(1, generator=draw, dtype=torch.float64)
            apart[part.atoms] += pull * bond / torch.linalg.norm(bond)
        return apart

    def advance(self, batch: Batch, displacement: Tensor, to_minimum: Tensor) -> None:
        """One step along the predicted displacements to the minimum, (n_atoms, 3) A."""
        step = STEP * to_minimum
        length = torch.linalg.norm(step, dim=1, keepdim=True)
        moved = displacement + step * (LARGEST_STEP / length.clamp(min=LARGEST_STEP))
        moved = moved.double().cpu()
        for k in range(batch.num_graphs):
            place, atoms = int(batch.place[k]), slice(batch.ptr[k], batch.ptr[k + 1])
            self.age[place] += 1
            far = not bool(moved[atoms].norm(dim=1).max() < LARGEST_DISPLACEMENT)  # also for NaN
            if far or self.age[place] >= self.term.visits:
                del self.kept[place]
            else:
                positions = batch.positions[atoms].double().cpu()
                self.kept[place] = without_rigid_motion(moved[atoms], positions)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: a resumed fit continues the same walks."""
        places = list(self.kept)
        displacements = [self.kept[place] for place in places]
        # Few tensors: of 100,000 in a file each would be an entry of its archive.
        return {
            "places": torch.tensor(places, dtype=torch.int64),
            "n_atoms": torch.tensor([len(apart) for apart in displacements], dtype=torch.int64),
            "displacements": torch.cat([torch.zeros(0, 3, dtype=torch.float64), *displacements]),
            "age": torch.tensor([self.age[place] for place in places], dtype=torch.int64),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`state_dict`; earlier releases wrote the dictionaries themselves."""
        if "kept" in state:
            self.kept, self.age = dict(state["kept"]), dict(state["age"])
            return
        places = state["places"].tolist()
        displacements = state["displacements"].split(state["n_atoms"].tolist())
        self.kept = dict(zip(places, (apart.clone() for apart in displacements), strict=True))
        self.age = dict(zip(places, state["age"].tolist(), strict=True))


def removable_parts(atoms: Atoms) -> list[FunctionalGroup]:
    """The smaller side of every bond that is in no ring, single hydrogens included."""
    pairs = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    sides = [smaller_side(pairs, len(atoms), i, j) for i, j in pairs.tolist()]
    return [side for side in sides if side is not None]


def perturbation(positions: Tensor, noise: float, draw: torch.Generator) -> Tensor:
    """Gaussian displacements (n_atoms, 3) A without rigid motion; their standard deviation is
    uniform between 0 and ``noise`` (A).
    """
    size = noise * torch.rand(1, generator=draw, dtype=torch.float64)
    drawn = torch.randn(positions.shape, generator=draw, dtype=torch.float64)
    return without_rigid_motion(size * drawn, positions)


def without_rigid_motion(displacement: Tensor, positions: Tensor) -> Tensor:
    """Displacements (n_atoms, 3) less their translation and infinitesimal rotation.

    Least squares: of a linear molecule or a single atom the rotations that do nothing stay out.
    """
    centred = positions - positions.mean(dim=0)
    displacement = displacement - displacement.mean(dim=0)
    turns = [torch.linalg.cross(axis.expand_as(centred), centred) for axis in torch.eye(3).double()]
    modes = torch.stack([turn.flatten() for turn in turns], dim=1)
    inverse = torch.linalg.pinv(modes, rtol=1e-8)
    flat = displacement.flatten()
    return (flat - modes @ (inverse @ flat)).view_as(displacement)
