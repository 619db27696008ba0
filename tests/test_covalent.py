"""What counts as a bond, against measured bond lengths."""

import numpy as np
import pytest
from ase.data import atomic_numbers

from physrep.covalent import BOND_FACTOR, radii_of, shortest_ordinary

# A; of gas-phase molecules (K. P. Huber, G. Herzberg, Constants of Diatomic Molecules, 1979; CRC
# Handbook of Chemistry and Physics), the shortest of each kind.
BOND_LENGTHS = {
    ("H", "H"): 0.741,
    ("H", "B"): 1.19,
    ("H", "C"): 1.06,
    ("H", "N"): 1.01,
    ("H", "O"): 0.957,
    ("H", "F"): 0.917,
    ("H", "Si"): 1.48,
    ("H", "P"): 1.42,
    ("H", "S"): 1.34,
    ("H", "Cl"): 1.275,
    ("H", "Li"): 1.595,
    ("C", "C"): 1.203,
    ("C", "N"): 1.153,
    ("C", "O"): 1.128,
    ("N", "N"): 1.098,
    ("N", "O"): 1.063,  # NO+
    ("O", "O"): 1.208,
    ("F", "F"): 1.412,
    ("B", "F"): 1.26,
    ("P", "F"): 1.57,
    ("S", "O"): 1.43,
    ("Cl", "Cl"): 1.988,
    ("Si", "O"): 1.51,
    ("Li", "F"): 1.564,
    ("Na", "Cl"): 2.361,
    ("Zr", "O"): 1.712,
    ("La", "O"): 1.826,
}


@pytest.mark.parametrize("pair", BOND_LENGTHS, ids="-".join)
def test_every_known_bond_is_ordinary_compressed_by_heat_too(pair):
    a, b = (atomic_numbers[symbol] for symbol in pair)
    limit = float(shortest_ordinary(a, b))
    # 0.03 A: three standard deviations of the stiffest bond (N2, 143 eV/A^2) at 300 K are 0.04.
    assert 0.6 * BOND_LENGTHS[pair] < limit < BOND_LENGTHS[pair] - 0.03
    assert limit == float(shortest_ordinary(b, a)) < BOND_FACTOR * radii_of([a, b]).sum()


def test_shapes_broadcast():
    numbers = np.array([1, 6, 8])
    assert shortest_ordinary(numbers[:, None], numbers).shape == (3, 3)
