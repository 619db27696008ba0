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
    """A term that compares with no label."""

    weight: Weight = 0.0


class MaskTerm(Condition):
    """share: of the atoms whose element is hidden and guessed."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.3


class BoundTerm(Condition):
    """noise: standard deviation in A on every coordinate of the perturbed structure."""

    noise: Positive = 0.5


class BasinTerm(Condition):
    """As bound, for structures that the model has relaxed itself (``physrep_training.basin``).

    noise: of the start, A; steps: down at every visit; visits: of one walk; margin: the energy must
    rise by margin / 2 times the squared displacement, eV/A^2 (0: it must not fall).
    """

    noise: Positive = 0.1
    steps: Count = 4
    visits: Count = 30
    margin: Weight = 0.0

    def in_one_go(self) -> "BasinTerm":
        """A whole walk in the steps of one visit."""
        return self.model_copy(update={"steps": 10 * self.steps, "visits": 1})


class LossConfig(StrictModel):
    """Energy (unless it says otherwise) and virial are compared per atom.

    PhysRep's conditions (UAI 2023, eq. 9): ``mask`` guesses hidden elements (cross-entropy),
    ``zero_force`` is the sum of |F|^2 over the atoms of a structure at rest, in (eV/A)^2, ``bound``
    what its energy lies above that of a perturbed copy, in eV; ``basin`` is ours. At rest:
    data.equilibrium.
    """

    energy: EnergyTerm = EnergyTerm(kind="mae", weight=1.0)
    force: LossTerm = LossTerm(kind="huber", weight=1.0, width=0.3)
    virial: LossTerm = LossTerm(weight=0.0)
    mask: MaskTerm = MaskTerm()
    zero_force: Condition = Condition()
    bound: BoundTerm = BoundTerm()
    basin: BasinTerm = BasinTerm()
