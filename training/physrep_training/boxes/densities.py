"""Density of a liquid guessed from the van der Waals volumes of its molecules.

The volume of the liquid is taken as a sum over molecules, as in the volume-based rules for ionic
liquids (C. F. Ye, J. M. Shreeve, J. Phys. Chem. A 2007, 111, 1456), here with

    V = ION_SLOPE v + ION_OFFSET   of an ion,      V = MOLECULE_SLOPE v   of a neutral molecule,

v being the van der Waals volume. The two numbers for ions are fitted to twelve ionic liquids at
room temperature; they give the densities of these and of five others within 2 %. That for neutral
molecules is fitted to fifteen solvents and is within 14 % (water is denser, hexane is not).
tests/training/boxes/test_densities.py holds them all with their sources. Metal ions have no volume
in it: good for a salt in a solvent, too dense for a molten salt.
"""

from collections.abc import Iterable

ION_SLOPE, ION_OFFSET = 1.655, -11.51  # 1, A^3
MOLECULE_SLOPE = 1.715
DALTON = 1.66053907  # g/cm3 of one g/mol in each A^3; CODATA 2018


def guessed_volume(charge: int, volume: float) -> float:
    """Volume in A^3 of a molecule in a liquid at room temperature.

    charge: e; volume: its van der Waals volume, A^3 (0 of a metal ion).
    """
    if charge:
        return max(ION_SLOPE * volume + ION_OFFSET, 0.0)
    return MOLECULE_SLOPE * volume


def density_of(mass: float, volume: float) -> float:
    """g/cm3 of a mass in g/mol in a volume in A^3."""
    return DALTON * mass / volume


def volume_of(mass: float, density: float) -> float:
    """A^3 that a mass in g/mol fills at a density in g/cm3."""
    return DALTON * mass / density


def how_good(charges: Iterable[int]) -> str:
    """What to expect of a guess, by the charges of its molecules."""
    charges = list(charges)
    if all(charges):
        return "within 2 % for most ionic liquids at room temperature"
    if any(charges):
        return "within some 2 % for the ions and 14 % for neutral molecules"
    return "within 14 % for most solvents"
