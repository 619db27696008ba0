"""Structures on their way down the model's own energy: what a stable structure must lie below.

The bound of PhysRep (UAI 2023, eq. 8) draws random perturbations. Those are stiff: bonds are
stretched, the energy rises, and the term is met while soft directions lead down to structures that
no draw ever meets. Here the perturbed structures are relaxed by the model, a few steps at every
visit, so that they go where its relaxations and its MD would go (the negative samples of energy-
based models: persistent contrastive divergence, T. Tieleman, ICML 2008).
"""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch

from physrep.nn.scatter import sum_edges
from physrep.potential import Potential, predict
from physrep_training.edges import moved, within
from physrep_training.loss_config import BasinTerm

RATE, MOMENTUM = 0.01, 0.9  # A^2/eV: stable up to curvatures of 380 eV/A^2
LARGEST_STEP = 0.1  # A
LARGEST_DISPLACEMENT = 1.5  # A; beyond, the neighbour list may lack a pair


class Walks:
    """Displacements and velocities of the structures of a data set, by their place in it.

    A walk starts with noise, without rigid motion, and ends after ``term.visits`` visits or beyond
    1.5 A; then it starts anew.
    """

    def __init__(self, term: BasinTerm) -> None:
        self.term = term
        self.kept: dict[int, Tensor] = {}  # (n_atoms, 6): displacement, velocity
        self.age: dict[int, int] = {}

    def advance(self, potential: Potential, batch: Batch, draw: torch.Generator) -> Tensor:
        """A few steps down; returns the displacements, (n_atoms, 3) A."""
        state = torch.cat([self._state(batch, k, draw) for k in range(batch.num_graphs)])
        state = state.to(batch.vectors)
        displacement, velocity = state[:, :3], state[:, 3:]
        for _ in range(self.term.steps):
            velocity = MOMENTUM * velocity + RATE * forces_at(potential, batch, displacement)
            length = torch.linalg.norm(velocity, dim=1, keepdim=True)
            velocity = velocity * (LARGEST_STEP / length.clamp(min=LARGEST_STEP))
            displacement = displacement + velocity
        self._keep(batch, torch.cat([displacement, velocity], dim=1).cpu())
        return displacement

    def _state(self, batch: Batch, k: int, draw: torch.Generator) -> Tensor:
        place = int(batch.place[k])
        if place not in self.kept:
            positions = batch.positions[batch.ptr[k] : batch.ptr[k + 1]].double().cpu()
            noise = torch.randn(positions.shape, generator=draw, dtype=torch.float64)
            noise = without_rigid_motion(self.term.noise * noise, positions)
            self.kept[place] = torch.cat([noise, torch.zeros_like(noise)], dim=1)
            self.age[place] = 0
        return self.kept[place]

    def _keep(self, batch: Batch, state: Tensor) -> None:
        for k in range(batch.num_graphs):
            place, own = int(batch.place[k]), state[batch.ptr[k] : batch.ptr[k + 1]]
            self.age[place] += 1
            far = not bool(own[:, :3].norm(dim=1).max() < LARGEST_DISPLACEMENT)  # also for NaN
            if far or self.age[place] >= self.term.visits:
                del self.kept[place]
            else:
                self.kept[place] = own

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: a resumed fit goes on with the same walks."""
        return {"kept": dict(self.kept), "age": dict(self.age)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`state_dict`."""
        self.kept, self.age = dict(state["kept"]), dict(state["age"])


def forces_at(potential: Potential, batch: Batch, displacement: Tensor) -> Tensor:
    """Forces (n_atoms, 3) eV/A on displaced atoms; no gradient of parameters."""
    near = within(batch.edge_index, moved(batch, displacement), potential.cutoff)
    arguments = (batch.types, near.index, near.vectors, batch.batch, batch.num_graphs)
    return predict(potential, *arguments).forces.detach()


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


def squared_lengths(displacement: Tensor, batch: Batch) -> Tensor:
    """Sum over the atoms of each structure, (n_structures,) A^2."""
    squares = (displacement * displacement).sum(dim=1).to(torch.float64)
    return sum_edges(squares, batch.batch, batch.num_graphs)
