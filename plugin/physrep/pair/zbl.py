"""Ziegler-Biersack-Littmark screened nuclear repulsion: what keeps atoms apart where no data is.

Source: Ziegler, Biersack, Littmark, The Stopping and Range of Ions in Matter, vol. 1 (1985).
"""

import torch
from torch import Tensor, nn

from physrep.covalent import radii_of
from physrep.nn.cutoffs import polynomial_envelope
from physrep.units import BOHR_IN_ANGSTROM, COULOMB_CONSTANT

SCREENING_COEFFICIENTS = (0.18175, 0.50986, 0.28022, 0.02817)
SCREENING_EXPONENTS = (3.19980, 0.94229, 0.40290, 0.20162)
SCREENING_POWER = 0.23
SCREENING_LENGTH = 0.88534 * BOHR_IN_ANGSTROM  # A


class ZBL(nn.Module):
    """E_ij = k Z_i Z_j / d * phi(d / a_ij) * envelope(d / r_ij), in eV.

    a_ij = 0.8853 a_0 / (Z_i^0.23 + Z_j^0.23); r_ij is the sum of the two covalent radii, so that
    bonds and contacts near equilibrium are left to the network.
    """

    charges: Tensor
    lengths: Tensor
    cutoffs: Tensor
    coefficients: Tensor
    exponents: Tensor

    def __init__(self, species: list[int]) -> None:
        super().__init__()
        dtype = torch.get_default_dtype()
        numbers = torch.tensor(species, dtype=torch.float64)
        radii = torch.from_numpy(radii_of(species))
        powers = numbers**SCREENING_POWER
        lengths = SCREENING_LENGTH / (powers[:, None] + powers[None, :])
        charges = COULOMB_CONSTANT * numbers[:, None] * numbers[None, :]
        self.register_buffer("charges", charges.to(dtype))
        self.register_buffer("lengths", lengths.to(dtype))
        self.register_buffer("cutoffs", (radii[:, None] + radii[None, :]).to(dtype))
        self.register_buffer("coefficients", torch.tensor(SCREENING_COEFFICIENTS, dtype=dtype))
        self.register_buffer("exponents", torch.tensor(SCREENING_EXPONENTS, dtype=dtype))

    def forward(self, distances: Tensor, center_types: Tensor, neighbor_types: Tensor) -> Tensor:
        """(n_edges,) distances in A and the types of both ends -> pair energies (n_edges,) in eV.

        A full list holds every pair twice: give half of each value to its centre.
        """
        near = torch.nonzero(distances < self.cutoffs.max()).squeeze(-1)  # nearly always few
        d = distances.index_select(0, near)
        i = center_types.index_select(0, near)
        j = neighbor_types.index_select(0, near)
        ratio = (d / self.lengths[i, j]).unsqueeze(-1)
        screening = (self.coefficients * torch.exp(-self.exponents * ratio)).sum(dim=-1)
        x = d / self.cutoffs[i, j]
        energies = self.charges[i, j] / d * screening * polynomial_envelope(x, 1.0)
        return torch.zeros_like(distances).index_add(0, near, energies)
