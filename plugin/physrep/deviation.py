"""By how much the members of a committee disagree."""

from typing import NamedTuple

import torch
from torch import Tensor

from physrep.prediction import Prediction


class Deviation(NamedTuple):
    """Standard deviations over the members, which divide by N, not by N - 1.

    energy: () eV, float64, of the total energy;
    forces: (n_atoms,) eV/A, sqrt(sum over x, y, z of the variance of that component), the
    "model deviation" of DP-GEN: Zhang, Lin, Wang, Car, E, Phys. Rev. Materials 3, 023804 (2019).
    """

    energy: Tensor
    forces: Tensor


def deviation(members: list[Prediction]) -> Deviation:
    """Of the predictions of all members for one structure."""
    energies = torch.stack([one.energy[0] for one in members])
    return Deviation(_spread(energies), force_deviation(torch.stack([m.forces for m in members])))


def force_deviation(forces: Tensor) -> Tensor:
    """(n_members, n_atoms, 3) eV/A -> (n_atoms,)."""
    return _spread(forces).square().sum(dim=-1).sqrt()


def _spread(values: Tensor) -> Tensor:
    return values.std(dim=0, correction=0)
