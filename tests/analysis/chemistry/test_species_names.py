"""Names and charge guesses."""

import numpy as np
import pytest
from ase.build import molecule
from molecules import graph, ring, shuffled

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.species_names import (
    SpeciesBook,
    guess_charge,
    name_molecule,
)


@pytest.mark.parametrize(
    ("text", "label", "name"),
    [
        ("CH3 CH2 NH3", "C2H8N+", "ethylammonium"),
        ("CH3 CH2 NH2", "C2H7N", "ethylamine"),
        ("O N(O) O", "NO3-", "nitrate"),
        ("OH N(O) O", "HNO3", "nitric acid"),
        ("O N O", "NO2", "nitrogen dioxide or nitrite"),
        ("O", "O", "oxygen atom or ion"),
        ("OH3", "H3O+", "hydronium"),
        ("CH3 C(O) O", "C2H3O2-", ""),
        ("O S(O,O) O", "O4S(2-)", ""),
        ("F B(F,F) F", "BF4-", ""),
        ("F P(F,F,F,F) F", "F6P-", ""),
        ("CH3 S(O,O) N S(O,O) CH3", "C2H6NO4S2-", ""),
        ("N C N C N", "C2N3-", ""),
        ("Cl", "Cl-", ""),
        ("CH3 CH3", "C2H6", "ethane"),
    ],
)
def test_names(text, label, name):
    found = name_molecule(*graph(text))
    assert (found.label, found.name) == (label, name)


def test_rings():
    assert name_molecule(*ring("CNCCN")).label == "C3H5N2+"
    assert name_molecule(*ring("NCCCCC")).label == "C5H6N+"
    assert name_molecule(*ring("CCCCCC")).label == "C6H6"


@pytest.mark.parametrize("text", ["CH3", "CH3 CH2", "O N O", "O", "OH", "H", "Fe"])
def test_charges_that_a_graph_does_not_tell_are_unknown(text):
    assert name_molecule(*graph(text)).charge is None


@pytest.mark.parametrize("name", ["CH3CH2OH", "C6H6", "HCOOH", "CH3NO2", "H2CCO", "C4H4NH", "N2H4"])
def test_neutral_molecules_of_g2_are_neutral(name):
    atoms = molecule(name)
    bonds = find_bonds(atoms.positions, atoms.numbers, np.zeros((3, 3)), np.zeros(3, bool))
    assert guess_charge(atoms.numbers, bonds.pairs) == 0


def test_isomers_get_numbers_and_keep_them():
    book = SpeciesBook()
    assert book.name(*graph("CH3 CH2 OH")).label == "C2H6O"
    assert book.name(*graph("CH3 O CH3")).label == "C2H6O (isomer 2)"
    assert book.name(*shuffled(*graph("CH3 CH2 OH"), 1)).label == "C2H6O"
