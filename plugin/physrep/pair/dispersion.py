"""Dispersion energy of atoms at any distance, damped where the network knows better.

    E = -1/2 sum_{i, j, S} w_i w_j [1 - exp(-x^2) (1 + x^2 + x^4 / 2)] / r^6,  x = r / a

without i = j at S = 0: -C6 / r^6 with C6_ij = w_i w_j between atoms that are farther apart than a
few sigma, finite at r = 0. It is the part of long range of U. Essmann et al., J. Chem. Phys. 103
(1995) 8577 (there beta = 1 / a), with the Fourier transform

    F(k) = pi^(3/2) / (3 a^3) [(1 - 2 b^2) exp(-b^2) + 2 sqrt(pi) b^3 erfc(b)],  b = a k / 2

and a = sqrt(2) sigma, as the charges are smeared.
"""

import math

import numpy as np
import torch
from torch import Tensor

from physrep.pair.all_pairs import pairs_of, sum_of_pairs
from physrep.pair.boundary import SumCell
from physrep.pair.particle_mesh import widest_spacing
from physrep.pair.reciprocal_lattice import longest_wave_vector, squares_of, wave_vectors
from physrep.pair.smeared_sum import SPLINE_ORDER, SmearedSum
from physrep.units import COULOMB_CONSTANT

# What errors are estimated for: the C6 of each atom, one in each 10 A^3. Carbon has 11 to 29.
NOMINAL_C6 = 20.0  # eV A^6
VACUUM = 15.0  # A on each side of what is not periodic: images beyond it count for nothing


class Dispersion(SmearedSum):
    """Such an energy in eV; the weights are the square roots of C6, in eV^(1/2) A^3."""

    weights: Tensor

    def __init__(self, smearing: float, accuracy: float, n_types: int) -> None:
        """smearing: sigma in A. accuracy: the root mean square error of a force in eV/A, for atoms
        of :data:`NOMINAL_C6` at random places, 0.1 per A^3.
        """
        a = math.sqrt(2.0) * smearing
        # F decays as the Coulomb kernel does: it is below this share of that one at every k.
        share = NOMINAL_C6 * math.sqrt(math.pi) / (2.0 * a**5 * COULOMB_CONSTANT)
        k_max = longest_wave_vector(smearing, 0.5 * accuracy / share)
        spacing = widest_spacing(smearing, 0.8 * accuracy / share, SPLINE_ORDER, k_max)
        nodes, weights = np.polynomial.legendre.leggauss(64)
        k = torch.from_numpy(0.5 * k_max * (nodes + 1.0))
        volumes = torch.from_numpy(0.5 * k_max * weights) * 4.0 * math.pi * k * k
        within = float((volumes * damped_transform(k * k, a)).sum()) / (2.0 * math.pi) ** 3
        super().__init__(k_max, spacing, VACUUM, -0.5 * within)
        self.a = a
        self.register_buffer("weights", torch.zeros(n_types, dtype=torch.float64))

    def of_types(self, types: Tensor) -> Tensor:
        """Weights (n_atoms,) in eV^(1/2) A^3."""
        return self.weights.index_select(0, types)

    def kernel(self, indices: Tensor, box: SumCell) -> Tensor:
        """-F at k = 2 pi n B, (n_k,)."""
        return -damped_transform(squares_of(wave_vectors(indices, box.reciprocal)), self.a)

    def uniform(self, box: SumCell) -> Tensor:
        """-F at k = 0."""
        return box.volume.new_full((), -(math.pi**1.5) / (3.0 * self.a**3))

    def energies_by_pairs(
        self, positions: Tensor, weights: Tensor, structure: Tensor, n_structures: int
    ) -> Tensor:
        """(n_structures,) in eV of isolated structures."""
        pairs = pairs_of(positions, structure, n_structures)
        values = -damped_inverse_sixth(pairs.squares, self.a)
        return sum_of_pairs(pairs, values, weights, structure, n_structures)


def damped_inverse_sixth(squares: Tensor, a: float) -> Tensor:
    """[1 - exp(-y) (1 + y + y^2 / 2)] / r^6 in 1/A^6, y = r^2 / a^2, from r^2 in A^2."""
    y = squares / (a * a)
    near = y < 0.5
    # exp(-y) sum_n y^n / (n + 3)!, by Horner's rule from the last term
    series = torch.ones_like(y)
    for n in range(13, 0, -1):  # the next is below 1e-17 of the first at y = 0.5
        series = 1.0 + series * y / (n + 3)
    far = torch.where(near, torch.ones_like(y), y)
    whole = (1.0 - torch.exp(-far) * (1.0 + far + 0.5 * far * far)) / (far * far * far)
    return torch.where(near, torch.exp(-y) * series / 6.0, whole) / a**6


def damped_transform(squares: Tensor, a: float) -> Tensor:
    """Its Fourier transform F in 1/A^3, from k^2 > 0 in 1/A^2."""
    b2 = 0.25 * a * a * squares
    b = torch.sqrt(b2)
    decay = (1.0 - 2.0 * b2) * torch.exp(-b2)
    return (math.pi**1.5 / (3.0 * a**3)) * (
        decay + 2.0 * math.sqrt(math.pi) * b2 * b * torch.erfc(b)
    )
