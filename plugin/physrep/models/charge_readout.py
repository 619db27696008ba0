"""Raw charges of the atoms, read from their features, and their polarizabilities."""

import math
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physrep.models.readout import Readout

HIDDEN = [32]  # widths of the hidden layers
FIRST_POLARIZABILITY = 0.25  # A^3, before a fit; GFN2-xTB has 0.24 an atom in ethylammonium


class ChargeReadout(nn.Module):
    """The raw charge of an atom, and its weight where the shift to the total charge is shared.

    The weight is 1, or with ``learned`` a positive parameter of each type. A third number, with
    ``polar``, is the atom's polarizability.
    """

    learned: Final[bool]
    polar: Final[bool]

    def __init__(self, width: int, n_types: int, learned: bool, polar: bool) -> None:
        """width: columns of the features; learned: whether the weights are; polar: whether there
        are polarizabilities.
        """
        super().__init__()
        self.learned = learned
        self.polar = polar
        self.readout = Readout(width, HIDDEN, published=False)
        if polar:
            self.polarizability = Readout(width, HIDDEN, published=False)
            nn.init.zeros_(self.polarizability.last.weight)
            start = math.log(math.expm1(FIRST_POLARIZABILITY))
            nn.init.constant_(self.polarizability.last.bias, start)
        if learned:
            self.weights = nn.Parameter(torch.zeros(n_types))

    def forward(self, h: Tensor, types: Tensor) -> Tensor:
        """Features (n_atoms, width) -> raw charges in e, weights and, with ``polar``,
        polarizabilities in A^3, (n_atoms, 2 or 3), float64.
        """
        raw = self.readout(h)
        weights = torch.ones_like(raw)
        if self.learned:
            weights = F.softplus(self.weights).index_select(0, types)
        columns = [raw, weights]
        if self.polar:
            columns.append(F.softplus(self.polarizability(h)))
        return torch.stack(columns, dim=1).to(torch.float64)
