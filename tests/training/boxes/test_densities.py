"""Densities guessed from van der Waals volumes, compared with measured ones.

Ionic liquids: ethyl- and propylammonium nitrate, T. L. Greaves, C. J. Drummond, Chem. Rev. 2008,
108, 206 (25 C); 1-alkyl-3-methylimidazolium salts, H. Tokuda et al., J. Phys. Chem. B 2004, 108,
16593 and 2005, 109, 6103 (30 C); those not fitted are values of suppliers and handbooks at 20 to
25 C, to two digits. Solvents: CRC Handbook of Chemistry and Physics, 20 to 25 C (ethylene
carbonate: 40 C).

Compared with a second source: all solvents but the three carbonates lie within 0.4 % of the
correlations of the VDI Heat Atlas or of Perry's Handbook (tables of the package chemicals 1.5.2);
ethylammonium nitrate (1.21), EMIM-TFSI (1.52 at 25 C), BMIM-TFSI (1.43, 1.44) and EMIM-N(CN)2
(1.10) agree with lists of properties found elsewhere. The other ionic liquids are not compared.
"""

from functools import cache

import numpy as np
import pytest

from physrep_training.boxes.densities import (
    ION_OFFSET,
    ION_SLOPE,
    MOLECULE_SLOPE,
    density_of,
    guessed_volume,
    how_good,
    volume_of,
)
from physrep_training.boxes.shapes import van_der_waals_volume
from physrep_training.boxes.smiles import read_smiles

NITRATE, TFSI = "O=[N+]([O-])[O-]", "FC(F)(F)S(=O)(=O)[N-]S(=O)(=O)C(F)(F)F"
BMIM = "CCCCn1cc[n+](C)c1"
FITTED = [
    ("CC[NH3+]", NITRATE, 1.21),
    ("CCC[NH3+]", NITRATE, 1.157),
    (BMIM, "F[B-](F)(F)F", 1.20),
    (BMIM, "F[P-](F)(F)(F)(F)F", 1.37),
    (BMIM, TFSI, 1.43),
    (BMIM, "FC(F)(F)S(=O)(=O)[O-]", 1.30),
    (BMIM, "FC(F)(F)C(=O)[O-]", 1.21),
    (BMIM, "FC(F)(F)C(F)(F)S(=O)(=O)[N-]S(=O)(=O)C(F)(F)C(F)(F)F", 1.51),
    ("Cn1cc[n+](C)c1", TFSI, 1.56),
    ("CCn1cc[n+](C)c1", TFSI, 1.51),
    ("CCCCCCn1cc[n+](C)c1", TFSI, 1.37),
    ("CCCCCCCCn1cc[n+](C)c1", TFSI, 1.31),
]
OTHERS = [
    ("CCn1cc[n+](C)c1", "F[B-](F)(F)F", 1.28),
    ("CCn1cc[n+](C)c1", "N#C[N-]C#N", 1.10),
    (BMIM, "N#C[N-]C#N", 1.06),
    ("CCn1cc[n+](C)c1", "CC(=O)[O-]", 1.10),
    (BMIM, "[Cl-]", 1.08),
]
SOLVENTS = {
    "O": 0.997,
    "CO": 0.787,
    "CCO": 0.785,
    "CC#N": 0.777,
    "CS(C)=O": 1.095,
    "CC1COC(=O)O1": 1.20,
    "C1COC(=O)O1": 1.32,
    "COC(=O)OC": 1.063,
    "CN(C)C=O": 0.944,
    "CC(C)=O": 0.784,
    "CCCCCC": 0.655,
    "c1ccccc1": 0.874,
    "ClCCl": 1.316,
    "ClC(Cl)Cl": 1.479,
    "C1CCOC1": 0.883,
}


@cache
def sizes(smiles: str) -> tuple[float, float, int]:
    """Van der Waals volume, mass, charge."""
    (molecule,) = read_smiles(smiles)
    return van_der_waals_volume(molecule), molecule.mass, molecule.charge


def guess(*smiles: str) -> float:
    found = [sizes(one) for one in smiles]
    volume = sum(guessed_volume(charge, volume) for volume, _, charge in found)
    return density_of(sum(mass for _, mass, _ in found), volume)


def test_the_numbers_for_ions_are_those_of_a_fit():
    rows = []
    for cation, anion, density in FITTED:
        both = [sizes(cation), sizes(anion)]
        measured = volume_of(sum(mass for _, mass, _ in both), density)
        rows.append((sum(volume for volume, _, _ in both) / measured, 2.0 / measured))
    slope, offset = np.linalg.lstsq(np.array(rows), np.ones(len(rows)), rcond=None)[0]
    assert slope == pytest.approx(ION_SLOPE, abs=0.005)
    assert offset == pytest.approx(ION_OFFSET, abs=0.3)


@pytest.mark.parametrize(("cation", "anion", "measured"), FITTED)
def test_ionic_liquids_of_the_fit(cation, anion, measured):
    assert guess(cation, anion) == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize(("cation", "anion", "measured"), OTHERS)
def test_ionic_liquids_outside_the_fit(cation, anion, measured):
    assert guess(cation, anion) == pytest.approx(measured, rel=0.02)


def test_solvents():
    ratios = {smiles: guess(smiles) / measured for smiles, measured in SOLVENTS.items()}
    assert min(ratios.values()) > 0.85 and max(ratios.values()) < 1.15
    assert np.mean(list(ratios.values())) == pytest.approx(1.0, abs=0.02)


def test_metal_ions_have_no_volume():
    assert sizes("[Li+]")[0] == 0.0
    assert guessed_volume(1, 0.0) == 0.0
    assert guessed_volume(0, 10.0) == pytest.approx(10.0 * MOLECULE_SLOPE)


def test_density_and_volume():
    """64 waters at 0.997 g/cm3: 1921 A^3 (18.015 g/mol over 0.60221 mol/A^3)."""
    volume = volume_of(64 * 18.015, 0.997)
    assert volume == pytest.approx(1920.3, abs=0.5)
    assert density_of(64 * 18.015, volume) == pytest.approx(0.997)


def test_what_is_said_of_a_guess():
    assert how_good([1, -1]).startswith("within 2 %")
    assert "14 % for neutral molecules" in how_good([1, -1, 0])
    assert how_good([0]) == "within 14 % for most solvents"
