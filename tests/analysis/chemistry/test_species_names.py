"""Canonical forms, names and charge guesses."""

import numpy as np
import pytest
from ase.build import molecule
from ase.data import atomic_numbers

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.species_names import (
    KNOWN,
    SpeciesBook,
    _skeleton,
    canonical_form,
    guess_charge,
    name_molecule,
)


def graph(text):
    symbols, bonds = _skeleton(text)
    return np.array([atomic_numbers[s] for s in symbols]), np.array(bonds, int).reshape(-1, 2)


def ring(symbols, with_hydrogen=True):
    n = len(symbols)
    species = [atomic_numbers[s] for s in symbols] + [1] * n * with_hydrogen
    bonds = [(k, (k + 1) % n) for k in range(n)] + [(k, n + k) for k in range(n)] * with_hydrogen
    return np.array(species), np.array(bonds)


def shuffled(species, bonds, seed):
    order = np.random.default_rng(seed).permutation(len(species))
    place = np.argsort(order)
    return species[order], place[bonds][::-1, ::-1] if len(bonds) else bonds


CAGE = np.array([(i, j) for i in range(8) for j in range(i) if bin(i ^ j).count("1") == 1])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "one",
    [graph("CH3 CH2 NH3"), graph("O N(O) O"), ring("CNCCN"), ring("CCCCCC"), (np.full(8, 6), CAGE)],
    ids=["ethylammonium", "nitrate", "imidazolium", "benzene", "cubane"],
)
def test_the_canonical_form_does_not_depend_on_the_order(one, seed):
    assert canonical_form(*shuffled(*one, seed)) == canonical_form(*one)


def decalin():
    """Two six-rings that share a bond."""
    return [(k, (k + 1) % 10) for k in range(10)] + [(0, 5)]


def bicyclopentyl():
    """Two five-rings joined by a bond: refinement by neighbours alone takes it for decalin."""
    rings = [(k, (k + 1) % 5) for k in range(5)]
    return [*rings, *[(i + 5, j + 5) for i, j in rings], (0, 5)]


def test_what_refinement_cannot_tell_apart_is_told_apart():
    carbon = np.full(10, 6)
    assert canonical_form(carbon, decalin()) != canonical_form(carbon, bicyclopentyl())
    two_rings = [(k, (k + 1) % 3) for k in range(3)]
    two_rings += [(i + 3, j + 3) for i, j in two_rings]
    one_ring = [(k, (k + 1) % 6) for k in range(6)]
    assert canonical_form(carbon[:6], two_rings) != canonical_form(carbon[:6], one_ring)


def test_all_known_names_are_told_apart():
    forms = [canonical_form(*graph(text)) for text in KNOWN.values()]
    assert len(set(forms)) == len(KNOWN)


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


def test_bonds_must_belong_to_the_atoms():
    with pytest.raises(ValueError, match=r"\(0, 2\).*2 atoms"):
        canonical_form([1, 1], [[0, 2]])
