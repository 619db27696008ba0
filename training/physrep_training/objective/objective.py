"""What a fit minimises: labels compared, and the conditions of PhysRep's objective.

Source of mask, zero_force and bound: "Towards Physically Reliable Molecular Representation
Learning" (UAI 2023), eqs. 7 to 9.
"""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch

from physrep.nn.scatter import sum_edges
from physrep.potential import Potential
from physrep.prediction import Prediction, predict, total_energies
from physrep_training.data.moving_edges import (
    NearEdges,
    energies_of_batch,
    geometry_of,
    moved,
    within,
)
from physrep_training.objective import losses
from physrep_training.objective.loss_config import LossConfig
from physrep_training.objective.springs import Springs
from physrep_training.objective.walks import Walks

CONDITIONS = ("mask", "zero_force", "bound", "denoise")
LABEL_TERMS = ("energy", "force", "virial", "charges", "dipole")
TERMS = (*LABEL_TERMS, *CONDITIONS)
Terms = dict[str, Tensor]  # by name, without their weights


class Objective:
    """The terms with a weight, and their sum, of one batch."""

    def __init__(self, potential: Potential, loss: LossConfig) -> None:
        self.potential = potential
        self.loss = loss
        self.weights = {name: getattr(loss, name).weight for name in TERMS}
        self.active = {name for name in TERMS if self.weights[name]}
        self.shares = {name: getattr(loss, name).share_of_steps for name in CONDITIONS}
        self.walks = Walks(loss.denoise, potential.species)
        # Kept by the place in a data set: one for training, one for validation.
        self.springs = {part: Springs(loss.denoise, potential.species) for part in (True, False)}

    def __call__(self, batch: Batch, seed: int, create_graph: bool) -> tuple[Prediction, Terms]:
        """Prediction and the terms that are due; in training, a condition that is not evaluated
        in every step (``share_of_steps``) counts more in the steps where it is.

        Args:
            seed: of what is drawn (masked atoms, noise): the same seed, the same loss.
            create_graph: the loss will be differentiated.
        """
        draw = torch.Generator().manual_seed(seed)
        due = self.due(draw) if create_graph else self.active
        near = within(batch.edge_index, batch.vectors, self.potential.cutoff)
        prediction = self.predict(batch, near, create_graph, due)
        terms = label_terms(prediction, batch, self.loss) | self.charge_terms(prediction, batch)
        rest = batch.equilibrium
        if "zero_force" in due:
            terms["zero_force"] = losses.zero_force(prediction.forces, batch.batch, rest)
        if "bound" in due:
            perturbed = self.energy_at(batch, self.noise(batch, draw))
            terms["bound"] = losses.bound(prediction.energy, perturbed, rest)
        if "denoise" in due:
            terms["denoise"] = self.denoise_term(batch, draw, create_graph)
        if "mask" in due:
            terms["mask"] = self.mask_term(batch, near, draw)
        if create_graph:
            terms.update({name: terms[name] / self.shares[name] for name in due & {*self.shares}})
        return prediction, terms

    def due(self, draw: torch.Generator) -> set[str]:
        """The terms of one training step; a condition that is always due draws nothing."""
        rare = [name for name in CONDITIONS if self.shares[name] < 1.0]
        dice = torch.rand(len(rare), generator=draw).tolist()
        rests = {name for name, die in zip(rare, dice, strict=True) if die >= self.shares[name]}
        return self.active - rests

    def total(self, terms: Terms) -> Tensor:
        """The weighted sum."""
        return torch.stack([self.weights[name] * value for name, value in terms.items()]).sum()

    def predict(
        self, batch: Batch, near: NearEdges, create_graph: bool, due: set[str]
    ) -> Prediction:
        """Forces and virial are NaN where no term needs them: their backward pass is skipped."""
        if due & {"force", "virial", "zero_force"}:
            return self.with_forces(batch, near, create_graph)
        found = energies_of_batch(self.potential, batch, near)
        unknown = [torch.full_like(label, torch.nan) for label in (batch.forces, batch.virial)]
        energy = total_energies(found, batch.batch, batch.num_graphs)
        charges = None if found.sources is None else found.sources[:, 0]
        polar = found.polarizabilities
        return Prediction(energy, found.atomic, unknown[0], unknown[1], charges, polar)

    def with_forces(
        self,
        batch: Batch,
        near: NearEdges,
        create_graph: bool,
        displacement: Tensor | None = None,
    ) -> Prediction:
        """Energy, forces and virial, of atoms that may be displaced by (n_atoms, 3) A."""
        arguments = (batch.types, near.index, near.vectors, batch.batch, batch.num_graphs)
        geometry = geometry_of(self.potential, batch, displacement)
        return predict(self.potential, *arguments, create_graph, geometry)

    def charge_terms(self, prediction: Prediction, batch: Batch) -> Terms:
        """Losses of charges (e) and dipoles (e A) where they count, of what is labelled.

        Dipoles are those of isolated structures, about the centre of mass.
        """
        terms: Terms = {}
        loss, charges = self.loss, prediction.charges
        if charges is None:
            return terms
        known = torch.isfinite(batch.charges)
        if loss.charges.weight and bool(known.any()):
            terms["charges"] = losses.of_term(loss.charges, charges[known], batch.charges[known])
        known = torch.isfinite(batch.dipole).all(dim=1)
        if loss.dipole.weight and bool(known.any()):
            dipoles = self.dipoles(prediction, batch)
            terms["dipole"] = losses.of_term(loss.dipole, dipoles[known], batch.dipole[known])
        return terms

    def dipoles(self, prediction: Prediction, batch: Batch) -> Tensor:
        """(n_structures, 3) in e A about the centres of mass, of charges and induced dipoles."""
        charges, geometry = prediction.charges, geometry_of(self.potential, batch)
        long_range = self.potential.long_range
        assert charges is not None
        assert long_range is not None
        assert geometry is not None
        moments = charges[:, None] * (batch.positions - batch.origin[batch.batch])
        polarizabilities = prediction.polarizabilities
        induced = long_range.induced_dipoles(charges, polarizabilities, batch.batch, geometry)
        return sum_edges(moments + induced, batch.batch, batch.num_graphs)

    def noise(self, batch: Batch, draw: torch.Generator) -> Tensor:
        """Gaussian displacements, (n_atoms, 3) A."""
        noise = torch.randn(batch.num_nodes, 3, generator=draw, dtype=torch.float64)
        return self.loss.bound.noise * noise.to(batch.vectors)

    def energy_at(self, batch: Batch, displacement: Tensor) -> Tensor:
        """Energies (n_structures,) eV of displaced atoms."""
        near = within(batch.edge_index, moved(batch, displacement), self.potential.cutoff)
        found = energies_of_batch(self.potential, batch, near, displacement)
        return total_energies(found, batch.batch, batch.num_graphs)

    def denoise_term(self, batch: Batch, draw: torch.Generator, create_graph: bool) -> Tensor:
        """Forces at the walks compared with those of the springs; in validation walks are new."""
        term = self.loss.denoise
        walks = self.walks if create_graph else Walks(term, self.potential.species)
        springs = self.springs[create_graph]
        apart = walks.displacements(batch, draw)
        near = within(batch.edge_index, moved(batch, apart), self.potential.cutoff)
        forces = self.with_forces(batch, near, create_graph, apart).forces
        to_minimum = springs.predicted_displacement_to_minimum(batch, forces.detach())
        walks.advance(batch, apart, to_minimum)
        error = forces - springs.forces(batch, apart)
        missed = springs.predicted_displacement_to_minimum(batch, error)
        return losses.denoise(missed, batch.batch, batch.equilibrium, term.width)

    def mask_term(self, batch: Batch, near: NearEdges, draw: torch.Generator) -> Tensor:
        """Cross-entropy of the elements of atoms whose type is hidden (eq. 7)."""
        hidden = torch.rand(batch.num_nodes, generator=draw) < self.loss.mask.share
        hidden[torch.randint(batch.num_nodes, (1,), generator=draw)] = True  # at least one
        hidden = hidden.to(batch.types.device)
        model: Any = self.potential.model  # with an element head, as PhysRep has
        types = torch.where(hidden, len(self.potential.species), batch.types)
        edges = model.edges(types, near.index, near.vectors, batch.num_nodes, batch.batch)
        logits = model.element_logits(types, edges)[hidden]
        species = torch.tensor(self.potential.species, device=logits.device)
        return losses.masked_elements(logits, species[batch.types[hidden]])


def label_terms(prediction: Prediction, batch: Batch, loss: LossConfig) -> Terms:
    """Losses of energy (eV/atom or eV), forces (eV/A) and virial (eV/atom) where they count; of the
    last what is labelled.
    """
    terms: Terms = {}
    n_atoms = torch.bincount(batch.batch, minlength=batch.num_graphs)
    if loss.energy.weight:
        share = 1.0 / n_atoms if loss.energy.per_atom else torch.ones_like(batch.energy)
        predicted, reference = prediction.energy * share, batch.energy * share
        terms["energy"] = losses.of_term(loss.energy, predicted, reference)
    if loss.force.weight:
        terms["force"] = losses.of_term(loss.force, prediction.forces, batch.forces)
    known = torch.isfinite(batch.virial).all(dim=(1, 2))
    if loss.virial.weight and bool(known.any()):
        per_atom = 1.0 / n_atoms[known, None, None]
        predicted, reference = prediction.virial[known] * per_atom, batch.virial[known] * per_atom
        terms["virial"] = losses.of_term(loss.virial, predicted, reference)
    return terms
