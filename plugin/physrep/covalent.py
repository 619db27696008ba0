"""What counts as a covalent bond: the one place that decides.

Two atoms are bonded where their distance is below a factor times the sum of their covalent radii
(B. Cordero et al., Dalton Trans. 2008, 2832). The factor depends on what is asked: see below.

Metals form no bonds, with no element and not with each other. The sum of radii does not tell an
ion next to its counter-ion from a bond: Na-Cl in rock salt is 1.06 times that sum, Li-O at a
carbonyl 1.0 times. So rock salt is Na+ and Cl-, a lithium salt in a carbonate is Li+ and whole
molecules, a piece of aluminium is single atoms. The price: complexes and organometallic molecules
(AlCl4-, Zn(CH3)2, ferrocene, LiH) are taken apart too; ``physrep analyze --molecules`` puts them
together. Metalloids (B, Si, Ge, As, Sb, Te) form bonds, so BF4-, AsF6- and SbF6- stay whole.
"""

from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols, covalent_radii

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
# No two atoms of any liquid or solid come nearer than this share of the sum of covalent radii.
CONTACT_FACTOR = 0.65
# Nearer than this no molecule holds two atoms: some 10 % less than their shortest known bond.
# Hydrogen makes single bonds only (0.9 to 1.05 of the sum); N2 and CO, the shortest among the
# others, are at 0.77 to 0.79; metals in a gas come nearer still (ZrO, LaO: 0.67 to 0.71).
HYDROGEN_SHARE, ORDINARY_SHARE, METAL_SHARE = 0.85, 0.75, 0.62
HYDROGEN_BOND_LENGTH = 0.74  # A, of H2, for which the radius of hydrogen in molecules is too small
NONMETALS = "H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Sb Te I Xe At Rn"
_METALLIC = ~np.isin(chemical_symbols, NONMETALS.split())  # by atomic number


def is_metal(species: Sequence[int] | np.ndarray | int) -> np.ndarray:
    """Whether these atomic numbers, of any shape, are metals: elements that form no bonds."""
    return _METALLIC[np.asarray(species, dtype=np.int64)]


def radii_of(species: Sequence[int] | np.ndarray | int) -> np.ndarray:
    """Covalent radii in A, float64, of atomic numbers of any shape."""
    return covalent_radii[np.asarray(species, dtype=np.int64)]


def bond_reach(
    first: Sequence[int] | np.ndarray | int,
    second: Sequence[int] | np.ndarray | int,
    factor: float = BOND_FACTOR,
) -> np.ndarray:
    """Distances in A below which atoms of these elements are bonded; 0 where one is a metal.

    Args:
        first, second: atomic numbers; shapes broadcast, as in ``bond_reach(z[:, None], z)``.
    """
    reach = factor * (radii_of(first) + radii_of(second))
    return np.where(is_metal(first) | is_metal(second), 0.0, reach)


def shortest_contact(
    first: Sequence[int] | np.ndarray | int, second: Sequence[int] | np.ndarray | int
) -> np.ndarray:
    """Distances in A that no two atoms of these elements fall below; arguments as `bond_reach`."""
    return CONTACT_FACTOR * (radii_of(first) + radii_of(second))


def shortest_ordinary(first: np.ndarray | int, second: np.ndarray | int) -> np.ndarray:
    """Distances in A at and above which two atoms of these elements may be bonded in a molecule.

    Every bond of a stable molecule is longer: a triple one too, and one compressed by heat. The
    factors of the sum of covalent radii stand above.

    Args:
        first, second: atomic numbers; shapes broadcast.
    """
    first, second = np.asarray(first), np.asarray(second)
    hydrogens = (first == 1).astype(int) + (second == 1)
    share = np.where(is_metal(first) | is_metal(second), METAL_SHARE, ORDINARY_SHARE)
    share = np.where(hydrogens > 0, HYDROGEN_SHARE, share)
    sums = np.where(hydrogens == 2, HYDROGEN_BOND_LENGTH, radii_of(first) + radii_of(second))
    return share * sums
