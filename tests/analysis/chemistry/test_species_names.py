"""Names and charge guesses."""

import numpy as np
import pytest
from ase.build import molecule
from molecules import graph, ring, shuffled

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.known_molecules import KNOWN, SINGLE_IONS
from physrep.analysis.chemistry.species_names import (
    SpeciesBook,
    guess_charge,
    name_molecule,
)

NAMED_IONS = {
    "hexafluorophosphate (PF6)": -1,
    "hexafluoroarsenate (AsF6)": -1,
    "hexafluoroantimonate (SbF6)": -1,
    "tris(pentafluoroethyl)trifluorophosphate (FAP)": -1,
    "difluorophosphate": -1,
    "tetrafluoroborate (BF4)": -1,
    "bis(oxalato)borate (BOB)": -1,
    "difluoro(oxalato)borate (DFOB)": -1,
    "tetracyanoborate": -1,
    "perchlorate": -1,
    "bis(trifluoromethylsulfonyl)imide (TFSI)": -1,
    "bis(fluorosulfonyl)imide (FSI)": -1,
    "bis(pentafluoroethylsulfonyl)imide (BETI)": -1,
    "triflate": -1,
    "methanesulfonate": -1,
    "methyl sulfate": -1,
    "ethyl sulfate": -1,
    "hydrogen sulfate": -1,
    "sulfate": -2,
    "phosphate": -3,
    "dihydrogen phosphate": -1,
    "carbonate": -2,
    "hydrogen carbonate": -1,
    "dicyanamide": -1,
    "tricyanomethanide": -1,
    "thiocyanate": -1,
    "azide": -1,
    "formate": -1,
    "acetate": -1,
    "trifluoroacetate": -1,
    "lactate": -1,
    "triiodide": -1,
    "nitrate": -1,
    "choline": 1,
    "guanidinium": 1,
    "ethylene carbonate": 0,
    "vinylene carbonate": 0,
    "acetic acid": 0,
}


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
        ("CH3 C(O) O", "C2H3O2-", "acetate"),
        ("O S(O,O) O", "O4S(2-)", "sulfate"),
        ("F B(F,F) F", "BF4-", "tetrafluoroborate (BF4)"),
        ("F P(F,F,F,F) F", "F6P-", "hexafluorophosphate (PF6)"),
        ("CH3 S(O,O) N S(O,O) CH3", "C2H6NO4S2-", ""),
        ("N C N C N", "C2N3-", "dicyanamide"),
        ("Cl", "Cl-", "chloride"),
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


@pytest.mark.parametrize(
    ("text", "charge"),
    [(text, NAMED_IONS[name]) for name, text in KNOWN.items() if name in NAMED_IONS],
    ids=[name for name in KNOWN if name in NAMED_IONS],
)
def test_anions_of_electrolytes_have_names_and_charges(text, charge):
    found = name_molecule(*shuffled(*graph(text), 3))
    assert KNOWN[found.name] == text and found.charge == charge


def test_names_of_known_molecules_are_of_different_graphs():
    assert {name_molecule(*graph(text)).name for text in KNOWN.values()} == set(KNOWN)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CH3 CH2 N*a CH N(CH3) CH CH*a", "1-ethyl-3-methylimidazolium"),
        ("CH3 CH2 CH2 CH2 N*a C(CH3) N(CH3) CH CH*a", "1-butyl-2,3-dimethylimidazolium"),
        ("CH2 CH CH2 N*a CH N(CH3) CH CH*a", "imidazolium, substituted"),
        ("CH3 N*a(CH2 CH2 CH2 CH3) CH2 CH2 CH2 CH2*a", "1-butyl-1-methylpyrrolidinium"),
        ("CH3 N*a(CH2 CH2 CH3) CH2 CH2 CH2 CH2 CH2*a", "1-methyl-1-propylpiperidinium"),
        ("CH3 N*a(CH2 CH3) CH2 CH2 O CH2 CH2*a", "4-ethyl-4-methylmorpholinium"),
        ("CH3 CH2 CH2 CH2 N*a CH CH CH CH CH*a", "1-butylpyridinium"),
        ("CH3 CH2 N(CH2 CH3,CH2 CH3) CH2 CH3", "tetraethylammonium"),
        ("CH3 CH2 NH2 CH2 CH3", "diethylammonium"),
        ("CH3 P(CH3,CH3) CH2 CH2 CH2 CH2 CH2 CH2 CH3", "heptyltrimethylphosphonium"),
        ("CH3 S(CH2 CH3) CH2 CH3", "diethylmethylsulfonium"),
        ("OH CH2 CH2 N(CH3,CH3) CH3", "choline"),
        ("OH CH2 CH2 NH3", "ammonium, substituted"),
    ],
)
def test_families_of_cations(text, name):
    found = name_molecule(*shuffled(*graph(text), 5))
    assert (found.name, found.charge) == (name, 1)


@pytest.mark.parametrize("element", SINGLE_IONS)
def test_atoms_without_bonds_are_ions(element):
    found = name_molecule(*graph(element))
    assert (found.name, found.charge) == SINGLE_IONS[element]


def test_pieces_put_together_by_hand_add_their_charges():
    species = np.array([13, 17, 17, 17, 17])
    none = np.zeros((0, 2), int)
    assert name_molecule(species, none).label == "AlCl4-"
    assert name_molecule(species[[0, 1]], none).charge == 2
    assert name_molecule(np.array([26, 17]), none).charge is None


def test_charges_given_by_hand_replace_guesses():
    book = SpeciesBook({"CH3COO": -0.8, "Fe": 3, "TFSI": -2})
    acetate, iron = book.name(*graph("CH3 C(O) O")), book.name(*graph("Fe"))
    assert (acetate.charge, acetate.label) == (-0.8, "C2H3O2(0.8-)")
    assert (iron.charge, iron.label) == (3, "Fe(3+)")
    assert book.name(*graph("F C(F,F) S(O,O) N S(O,O) C(F,F) F")).charge == -2
    assert book.name(*graph("O N(O) O")).charge == -1
    with pytest.raises(ValueError, match="charge is given for 'Lithium', which is neither"):
        SpeciesBook({"Lithium": 1})


def test_a_metal_alone_is_neutral():
    book = SpeciesBook(metallic=True)
    assert (book.name(*graph("Al")).label, book.names["Al"].charge) == ("Al", 0)
