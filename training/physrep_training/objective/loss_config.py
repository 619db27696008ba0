"""Settings of the loss: its terms and their weights."""

from typing import Annotated, Literal

from pydantic import Field

from physrep.config import StrictModel
from physrep_training.bounds import Count, Positive, Weight


class LossTerm(StrictModel):
    """The term is compared with labels and counts as weight times the loss."""

    kind: Literal["mse", "mae", "huber", "log_cosh"] = "huber"
    """The loss; ``huber`` and ``log_cosh`` are quadratic for small differences and linear for
    large ones, and have the unit of the quantity."""
    weight: Weight = 1.0
    """[1] Weight of the term; 0: the label is not needed."""
    width: Positive = 0.1
    """[eV/atom or eV/A] Where huber and log_cosh become linear, in the unit of the quantity:
    eV/atom for energy and virial, eV/A for forces, e for charges, e A for dipoles."""


class EnergyTerm(LossTerm):
    """The term is compared with labels and counts as weight times the loss."""

    per_atom: bool = True
    """Compare energies per atom; false compares total energies, with width in eV."""


class Condition(StrictModel):
    """The term needs no label."""

    weight: Weight = 0.0
    """[1] Weight of the term."""
    share_of_steps: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """[1] Share of the steps, drawn at random, in which the term is evaluated. It then counts more
    by the inverse of this share: the same mean in less time."""


class MaskTerm(Condition):
    """Guess hidden elements: cross-entropy."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.3
    """[1] Share of the atoms whose element is hidden and guessed."""


class BoundTerm(Condition):
    """A structure at equilibrium has a lower energy than a perturbed copy."""

    noise: Positive = 0.5
    """[A] Standard deviation of the perturbation of every coordinate."""


class DenoiseTerm(Condition):
    """Forces on perturbed structures are those of springs to the structure at equilibrium
    (``physrep_training.objective.springs``, ``physrep_training.objective.walks``).
    """

    noise: Positive = 0.1
    """[A] Largest standard deviation of the perturbation of every coordinate; it is drawn between 0
    and this."""
    stiffness: Positive = 1.0
    """[eV/A^2] Stiffness of the springs that tie atoms to their equilibrium positions."""
    bond_stiffness: Weight = 0.0
    """[eV/A^2] Stiffness of the springs between bonded atoms; those between other atoms are weaker.
    0: no springs between atoms."""
    visits: Count = 3
    """[steps] Length of a walk: steps in which a perturbed structure is used, relaxed a little by
    the model after each; 1: fresh noise every time."""
    width: Positive = 0.1
    """[A] Displacement error beyond which the loss grows linearly."""
    pulled: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """[1] Share of the walks that start with one or two parts of the molecule pulled off along
    their bonds."""
    pull: Annotated[float, Field(gt=0.0, le=1.25)] = 1.0  # walks end at 1.5 A
    """[A] Largest distance by which parts are pulled off."""


class LossConfig(StrictModel):
    """What is minimised: the sum of the terms. Energy (by default) and virial are per atom.

    ``mask``, ``zero_force`` and ``bound`` are the conditions of PhysRep (UAI 2023, eq. 9);
    ``denoise`` is an addition of this package. All but ``mask`` need structures at equilibrium:
    data.equilibrium.
    """

    energy: EnergyTerm = EnergyTerm(kind="mae", weight=1.0)
    """Energies, in eV/atom."""
    force: LossTerm = LossTerm(kind="huber", weight=1.0, width=0.3)
    """Forces, in eV/A."""
    virial: LossTerm = LossTerm(weight=0.0)
    """Virials, in eV/atom."""
    charges: LossTerm = LossTerm(weight=0.0, width=0.05)
    """Charges of the atoms, in e, where a structure has such labels; needs electrostatics."""
    dipole: LossTerm = LossTerm(weight=0.0, width=0.1)
    """Dipoles of isolated structures, in e A, where they have such labels; needs electrostatics."""
    mask: MaskTerm = MaskTerm()
    """Guess hidden elements."""
    zero_force: Condition = Condition()
    """Sum of |F|^2 over the atoms of a structure at equilibrium, in (eV/A)^2."""
    bound: BoundTerm = BoundTerm()
    """Energy of a structure at equilibrium above that of a perturbed copy, in eV."""
    denoise: DenoiseTerm = DenoiseTerm()
    """Errors of the forces on perturbed structures, as displacements in A."""
