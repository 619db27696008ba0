"""The pair energy of PhysRep's physics head: Coulomb and a Lennard-Jones form, parameters learned.

Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023), eqs. 5 and 6.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_PARAMETERS = 5


class PairParameters(NamedTuple):
    """Of each pair, (n_edges,): ``charge`` and ``strength`` multiply 1/d, ``depth``, ``exponent``
    and ``size`` (A) shape the Lennard-Jones form (beta_0 to beta_4 of the paper).
    """

    charge: Tensor
    strength: Tensor
    depth: Tensor
    exponent: Tensor
    size: Tensor


class PairEnergy(nn.Module):
    """E_ij = -strength charge / d + depth ((size / d)^(2 exponent) - 2 (size / d)^exponent).

    The parameters come from one linear layer on x_i + x_j, so that they are the same for both
    directions. As published (ELU alone) depth may be negative and exponent nearly zero: an
    attractive core into which MD collapses. By default depth is positive and exponent lies between
    1 and 6, so that the repulsion outgrows the Coulomb term at contact; size lies between 0.5 and
    3.5 A.
    """

    def __init__(self, features: int, published: bool) -> None:
        super().__init__()
        self.published = published
        self.bond = nn.Linear(features, N_PARAMETERS)
        if not published:  # a start with little pair energy: depth 0.02, exponent 3.5, size 1.2 A
            with torch.no_grad():
                self.bond.bias.copy_(torch.tensor([0.0, 0.0, -4.0, 0.0, -1.2]))

    def parameters_of(self, x: Tensor, centers: Tensor, neighbors: Tensor) -> PairParameters:
        """Features (n_atoms, features) and the ends of the edges -> parameters of the edges."""
        of_atoms = x @ self.bond.weight.t()
        raw = of_atoms.index_select(0, centers) + of_atoms.index_select(0, neighbors)
        b0, b1, b2, b3, b4 = (raw + self.bond.bias).unbind(1)
        if self.published:
            return PairParameters(
                F.elu(b0), F.elu(b1), F.elu(b2), F.elu(b3) + 1.001, F.elu(b4) + 1.001
            )
        depth = F.softplus(b2) + 1e-3
        exponent, size = 1.0 + 5.0 * torch.sigmoid(b3), 0.5 + 3.0 * torch.sigmoid(b4)
        return PairParameters(F.elu(b0), F.elu(b1), depth, exponent, size)

    def forward(
        self, x: Tensor, distances: Tensor, envelope: Tensor, centers: Tensor, neighbors: Tensor
    ) -> Tensor:
        """Pair energies times the envelope, (n_edges,); each pair stands twice in a full list."""
        p = self.parameters_of(x, centers, neighbors)
        power = torch.exp(p.exponent * torch.log(p.size / distances))
        energies = p.depth * (power * power - 2.0 * power) - p.strength * p.charge / distances
        return energies * envelope
