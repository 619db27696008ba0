"""Settings of the loss: its terms and their weights."""

from typing import Annotated, Literal

from pydantic import Field

from physrep.config import StrictModel
from physrep_training.bounds import Count, Positive, Weight


class LossTerm(StrictModel):
    """One term: weight * loss; ``width`` is huber's delta or log_cosh's scale, in the unit of the
    quantity (eV/atom, eV/A, eV/atom)."""

    kind: Literal["mse", "mae", "huber", "log_cosh"] = "huber"
    weight: Weight = 1.0
    width: Positive = 0.1


class EnergyTerm(LossTerm):
    """per_atom: false compares total energies, and ``width`` is in eV."""

    per_atom: bool = True


class Condition(StrictModel):
    """A term that compares with no label.

    share_of_steps: the term is looked at in this share of the steps, drawn at random, and counts
    so much more there: the same mean, less time.
    """

    weight: Weight = 0.0
    share_of_steps: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0


class MaskTerm(Condition):
    """share: of the atoms whose element is hidden and guessed."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.3


class BoundTerm(Condition):
    """noise: standard deviation in A on every coordinate of the perturbed structure."""

    noise: Positive = 0.5


class DenoiseTerm(Condition):
    """Forces on perturbed structures are those of springs to the stable one
    (``physrep_training.objective.springs``, ``physrep_training.objective.walks``).

    noise: largest standard deviation in A on every coordinate, drawn between 0 and it; stiffness:
    of the ties of atoms to their places, bond_stiffness: of the springs between bonded atoms, which
    are weaker between others (0: none at all), eV/A^2; visits: of one walk (1: fresh noise every
    time); width: A, of distances missed beyond which the loss grows linearly; pulled: share of the
    walks that start with one or two parts of the molecule pulled off by up to ``pull`` A, each
    along the bond it hangs on.
    """

    noise: Positive = 0.1
    stiffness: Positive = 1.0
    bond_stiffness: Weight = 0.0
    visits: Count = 3
    width: Positive = 0.1
    pulled: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    pull: Annotated[float, Field(gt=0.0, le=1.25)] = 1.0  # walks end at 1.5 A


class LossConfig(StrictModel):
    """Energy (unless it says otherwise) and virial are compared per atom.

    PhysRep's conditions (UAI 2023, eq. 9): ``mask`` guesses hidden elements (cross-entropy),
    ``zero_force`` is the sum of |F|^2 over the atoms of a structure at rest, in (eV/A)^2, ``bound``
    what its energy lies above that of a perturbed copy, in eV; ``denoise``, in A,
    is ours. At rest: data.equilibrium.
    """

    energy: EnergyTerm = EnergyTerm(kind="mae", weight=1.0)
    force: LossTerm = LossTerm(kind="huber", weight=1.0, width=0.3)
    virial: LossTerm = LossTerm(weight=0.0)
    mask: MaskTerm = MaskTerm()
    zero_force: Condition = Condition()
    bound: BoundTerm = BoundTerm()
    denoise: DenoiseTerm = DenoiseTerm()
