"""What counts as a covalent bond: the one place that decides.

Two atoms are bonded where their distance is below a factor times the sum of their covalent radii
(B. Cordero et al., Dalton Trans. 2008, 2832). The factor depends on what is asked: see below.
"""

from collections.abc import Sequence

import numpy as np
from ase.data import covalent_radii

# One frame without a past. N-H ends at 1.28 A and N-O at 1.71 A; a short hydrogen bond, 1.5 A, is
# longer than any O-H bond.
BOND_FACTOR = 1.25
# Along a trajectory a bond forms below the first and breaks above the second; in between it stays
# as it was, so that vibrations are no reactions (physrep.analysis.chemistry.bond_tracking).
FORM_FACTOR, BREAK_FACTOR = 1.15, 1.45
# Smoothly: bonded below the first, not bonded beyond the second. Bonds at equilibrium lie at 0.9
# to 1.1, 1-3 pairs above 1.6 (physrep.nn.adjacency).
SURELY_BONDED_FACTOR, NEVER_BONDED_FACTOR = 1.15, 1.6
# A bond shorter than this is a multiple one.
SINGLE_BOND_FACTOR = 0.9
# Of a molecule on a reaction path, where bonds are stretched: the same bonds before and after a
# relaxation are the same molecule.
PATH_BOND_FACTOR = 1.3


def radii_of(species: Sequence[int] | np.ndarray | int) -> np.ndarray:
    """Covalent radii in A, float64, of atomic numbers of any shape."""
    return covalent_radii[np.asarray(species, dtype=np.int64)]


def bond_reach(
    first: Sequence[int] | np.ndarray | int,
    second: Sequence[int] | np.ndarray | int,
    factor: float = BOND_FACTOR,
) -> np.ndarray:
    """Distances in A below which atoms of these elements are bonded.

    Args:
        first, second: atomic numbers; shapes broadcast, as in ``bond_reach(z[:, None], z)``.
    """
    return factor * (radii_of(first) + radii_of(second))
