"""Electrostatic energy of smeared charges: isolated, periodic, or periodic in two directions.

    E = 1/2 sum_{i, j, S} k_C q_i q_j erf(r / (sqrt(2) sigma)) / r,  r = |r_j - r_i + S cell|

without i = j at S = 0: k_C / r between charges that are farther apart than a few sigma, finite at
r = 0. In a periodic cell the sum is one over reciprocal space, the part of long range of P. P.
Ewald, Ann. Phys. 369 (1921) 253:

    E / k_C = 1 / (2 V) sum_k G(k) |S(k)|^2 - sum_i q_i^2 / (sqrt(2 pi) sigma)
    G(k) = 4 pi exp(-sigma^2 k^2 / 2) / k^2,  G(0) = -2 pi sigma^2,  S(k) = sum_i q_i exp(i k r_i)

with conducting (tinfoil) boundary. G(0) is that of a uniform background which neutralises a net
charge; E and the sum of k_C q_i q_j erfc(r / (sqrt(2) sigma)) / r over all pairs and images are
together the energy of point charges.
"""

import math

from torch import Tensor

from physrep.pair.all_pairs import Pairs, pairs_of, smeared_inverse, sum_of_pairs
from physrep.pair.boundary import SumCell, coulomb_kernel, uniform_kernel
from physrep.pair.particle_mesh import widest_spacing
from physrep.pair.reciprocal_lattice import longest_wave_vector
from physrep.pair.smeared_sum import SPLINE_ORDER, SmearedSum
from physrep.units import COULOMB_CONSTANT

BLUR = 5.0  # widths of a smearing; beyond, 1e-6 of it is left


class Electrostatics(SmearedSum):
    """The energy of charges in eV; the weights are charges in e, dE/dq_i is the potential in V."""

    def __init__(self, smearing: float, accuracy: float, widest: float = 0.0) -> None:
        """smearing: sigma in A. accuracy: the root mean square error of a force in eV/A, for
        charges of 1 e at random places, 0.1 per A^3. widest: in A, a wider smearing that others
        apply to the same sums.

        Raises:
            ValueError: one of them is not positive.
        """
        if not smearing > 0.0:
            raise ValueError(f"smearing = {smearing}: give a width in A, larger than 0")
        if not accuracy > 0.0:
            raise ValueError(f"accuracy = {accuracy}: give a force in eV/A, larger than 0")
        # Half of the error may come from wave vectors beyond k_max, the rest from the mesh.
        k_max = longest_wave_vector(smearing, 0.5 * accuracy)
        spacing = widest_spacing(smearing, 0.8 * accuracy, SPLINE_ORDER, k_max)
        whole = 1.0 / (math.sqrt(2.0 * math.pi) * smearing)
        itself = COULOMB_CONSTANT * whole * math.erf(smearing * k_max / math.sqrt(2.0))
        margin = max(math.sqrt(2.0) * smearing**2 * k_max, BLUR * widest)
        super().__init__(k_max, spacing, margin, itself)
        self.smearing = float(smearing)
        self.accuracy = float(accuracy)
        self.coulomb = COULOMB_CONSTANT

    def kernel(self, indices: Tensor, box: SumCell) -> Tensor:
        """See :func:`physrep.pair.boundary.coulomb_kernel`, in eV A^3/e^2."""
        return self.coulomb * coulomb_kernel(indices, box, self.smearing)

    def uniform(self, box: SumCell) -> Tensor:
        """See :func:`physrep.pair.boundary.uniform_kernel`, in eV A^3/e^2."""
        return self.coulomb * uniform_kernel(box, self.smearing)

    def energies_by_pairs(
        self, positions: Tensor, weights: Tensor, structure: Tensor, n_structures: int
    ) -> Tensor:
        """(n_structures,) in eV of isolated structures."""
        pairs = pairs_of(positions, structure, n_structures)
        return self.energies_of_pairs(pairs, weights, structure, n_structures)

    def energies_of_pairs(
        self, pairs: Pairs, charges: Tensor, structure: Tensor, n_structures: int
    ) -> Tensor:
        """(n_structures,) in eV of charges (n_atoms,) in e."""
        values = self.coulomb * smeared_inverse(pairs.squares, self.smearing)
        return sum_of_pairs(pairs, values, charges, structure, n_structures)
