"""Molecules from SMILES: charges, bonds, shapes, counts, names; what is refused."""

import networkx as nx
import numpy as np
import pytest
from ase.data import chemical_symbols

from physrep.config import ConfigError
from physrep_training.boxes.composition import (
    MOST_ATOMS,
    RESERVED,
    check_neutral,
    read_parts,
    total_charge,
)
from physrep_training.boxes.shapes import MOST_SHAPES, force_field, shapes_of
from physrep_training.boxes.smiles import read_smiles

EAN = ["CC[NH3+]", "O=[N+]([O-])[O-]"]


def one(smiles: str):
    (molecule,) = read_smiles(smiles)
    return molecule


@pytest.mark.parametrize(
    ("smiles", "label", "mass", "charge"),
    [
        ("CC[NH3+]", "C2H8N+", 46.093, 1),
        ("O=[N+]([O-])[O-]", "NO3-", 62.004, -1),
        ("F[P-](F)(F)(F)(F)F", "F6P-", 144.964, -1),
        ("[Mg+2]", "Mg(2+)", 24.305, 2),
        ("[O-]S(=O)(=O)[O-]", "O4S(2-)", 96.056, -2),
        ("O", "H2O", 18.015, 0),
    ],
)
def test_formula_mass_and_charge(smiles, label, mass, charge):
    molecule = one(smiles)
    assert (molecule.label, molecule.charge) == (label, charge)
    assert molecule.mass == pytest.approx(mass, abs=0.01)
    assert len(molecule.numbers) == len(molecule.formal_charges)


def test_formal_charges_stand_at_their_atoms():
    nitrate = one("O=[N+]([O-])[O-]")
    found = [
        (chemical_symbols[z], q)
        for z, q in zip(nitrate.numbers, nitrate.formal_charges, strict=True)
    ]
    assert sorted(found) == [("N", 1), ("O", -1), ("O", -1), ("O", 0)]


def test_dots_separate_molecules():
    assert [molecule.label for molecule in read_smiles(".".join(EAN))] == ["C2H8N+", "NO3-"]


@pytest.mark.parametrize(
    ("smiles", "said"),
    [
        ("CC[NH3", "is not a SMILES string"),
        ("", "is not a SMILES string"),
        ("ethylammonium", "is not a SMILES string"),
        ("N(C)(C)(C)C", "is no possible molecule: Explicit valence for atom 0 N, 4"),
        ("c1cccc1", "is no possible molecule"),
        ("[CH3]", "is a radical (1 unpaired electron)"),
        ("[O]", "is a radical (2 unpaired electrons)"),
        ("[Na]", "write the ion with its charge, as in [Li+]"),
        ("[H+]", "bare proton"),
        ("*C", "placeholder"),
        ("[2H]O", "isotope"),
        ("C.[CH3]", "is a radical"),
    ],
)
def test_what_is_no_molecule(smiles, said):
    with pytest.raises(ConfigError) as error:
        read_smiles(smiles)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_ions_of_metals_may_have_unpaired_electrons():
    assert one("[Fe+3]").charge == 3


def angles(shape: np.ndarray, centre: int, others: list[int]) -> np.ndarray:
    arms = shape[others] - shape[centre]
    arms /= np.linalg.norm(arms, axis=1, keepdims=True)
    cosines = np.clip(arms @ arms.T, -1, 1)[np.triu_indices(len(others), 1)]
    return np.degrees(np.arccos(cosines))


def test_shapes_of_ions():
    """Planar nitrate, tetrahedral BF4-, octahedral PF6-."""
    for smiles, wanted in (
        ("O=[N+]([O-])[O-]", [120.0] * 3),
        ("F[B-](F)(F)F", [109.47] * 6),
        ("F[P-](F)(F)(F)(F)F", [90.0] * 12 + [180.0] * 3),
    ):
        molecule = one(smiles)
        graph = nx.Graph(molecule.bonds.tolist())
        centre = max(graph, key=graph.degree)
        found = angles(shapes_of(molecule, 1, 0)[0], centre, list(graph[centre]))
        np.testing.assert_allclose(np.sort(found), wanted, atol=6.0)


def test_mixed_octahedra_have_a_shape():
    """FAP-, for which RDKit alone finds angles of 30 degrees; its bonds are checked."""
    fap = one("F[P-](F)(F)(C(F)(F)C(F)(F)F)(C(F)(F)C(F)(F)F)C(F)(F)C(F)(F)F")
    assert len(shapes_of(fap, 1, 0)) == 1
    assert force_field(fap) == "an octahedron, not optimised"
    assert force_field(one("F[B-](F)(F)F")) == "UFF"
    assert force_field(one("CC[NH3+]")) == "MMFF94"


def test_flexible_molecules_have_several_shapes_and_the_seed_makes_them():
    butyl = one("CCCC[NH3+]")
    found = shapes_of(butyl, 30, 5)
    assert len(found) == MOST_SHAPES
    ends = [np.linalg.norm(shape[0] - shape[4]) for shape in found]
    assert max(ends) - min(ends) > 0.5
    np.testing.assert_array_equal(shapes_of(butyl, 2, 5), shapes_of(butyl, 2, 5))
    assert not np.allclose(found[0], shapes_of(butyl, 1, 6)[0], atol=0.1)
    assert len(shapes_of(one("CC[NH3+]"), 30, 5)) == 1


def test_counts():
    parts = read_parts([*EAN, "O:3"], 15)
    assert [(part.molecule.label, part.copies) for part in parts] == [
        ("C2H8N+", 15),
        ("NO3-", 15),
        ("H2O", 3),
    ]
    assert total_charge(parts) == 0
    check_neutral(parts)


def test_a_colon_may_be_a_bond():
    (benzene,) = read_parts(["c1:c:c:c:c:c:1"], 7)
    assert (benzene.molecule.label, benzene.copies) == ("C6H6", 7)


def test_residue_names():
    parts = read_parts([*EAN, "O", "[Na+]", "CC(=O)[O-]", "CC(=O)O", "CCCCCC"], 1)
    names = [part.residue for part in parts]
    assert names[:4] == ["ETH", "NIT", "HOH", "NA"]
    assert len(set(names)) == len(names) and not RESERVED & set(names)
    assert [part.residue for part in read_parts(EAN, 1, ["EAM", "NO3"])] == ["EAM", "NO3"]


@pytest.mark.parametrize("names", [["EAM"], ["EAM", "nitrate"], ["EAM", ""]])
def test_wrong_residue_names(names):
    with pytest.raises(ConfigError, match="--names"):
        read_parts(EAN, 1, names)


@pytest.mark.parametrize(
    ("words", "n", "charge", "remedy"),
    [
        (["CC[NH3+]"], 15, "+15", "change the counts or add counter-ions"),
        (["CC[NH3+]:4", "O=[N+]([O-])[O-]:3"], 1, "+1", '"CC[NH3+]:4" "O=[N+]([O-])[O-]:4"'),
        (["[Mg+2]", "[Cl-]", "O:9"], 3, "+3", '"[Mg+2]:3" "[Cl-]:6" "O:9"'),
        (["[Li+]:5", "[Mg+2]:1", "[Cl-]:3"], 1, "+4", '"[Cl-]:7"'),
    ],
)
def test_a_charge_is_refused_with_its_sum_and_a_remedy(words, n, charge, remedy):
    parts = read_parts(words, n)
    with pytest.raises(ConfigError) as error:
        check_neutral(parts)
    assert f"a charge of {charge} e" in str(error.value)
    assert remedy in str(error.value)


def test_counts_that_are_refused():
    with pytest.raises(ConfigError, match="count of 1 or more"):
        read_parts(["O:0"], 1)
    with pytest.raises(ConfigError, match=f"102000 atoms, and at most {MOST_ATOMS}"):
        read_parts(["O:34000"], 1)
