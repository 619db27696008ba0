"""``physrep box``: what it says, and one line with exit code 2 for each mistake."""

import sys

import ase.io
import pytest

from physrep.cli.main import main

EAN = ["CC[NH3+]", "O=[N+]([O-])[O-]"]


def refused(capsys, *words: object) -> str:
    assert main(["box", *map(str, words)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("physrep: error: ")
    assert said.err.count("\n") == 1
    return said.err


def test_a_box_says_what_it_is(tmp_path, capsys):
    path = tmp_path / "ean.pdb"
    assert main(["box", *EAN, "--pairs", "4", "--density", "1.1", "-o", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "box: 4 C2H8N+, 4 NO3-: 60 atoms, charge 0 e"
    assert lines[1].endswith(" A, 1.100 g/cm3")
    assert lines[2].startswith("box: shortest distance between molecules 2.")
    assert lines[3] == f"box: 1 frame in {path}"
    first = path.read_bytes()
    assert main(["box", *EAN, "--pairs", "4", "--density", "1.1", "-o", str(path)]) == 0
    assert path.read_bytes() == first


def test_a_guess_a_force_field_and_types_are_said(tmp_path, capsys):
    words = ["CCn1cc[n+](C)c1.F[B-](F)(F)F", "O:2", "--pairs", "3", "--box", "12,12,14"]
    assert main(["box", *words, "-o", str(tmp_path / "a.data")]) == 0
    said = capsys.readouterr().out
    assert "shape of BF4-: UFF (MMFF94 has no parameters)" in said
    assert "12.000 x 12.000 x 14.000 A" in said and "guessed" not in said
    assert "pair_coeff * * FILE B C F H N O" in said
    assert main(["box", "O:9", "-o", str(tmp_path / "a.pdb")]) == 0
    said = capsys.readouterr().out
    assert "guessed from the volumes of the molecules (within 14 % for most solvents)" in said


def test_many_frames(tmp_path, capsys):
    path = tmp_path / "a.extxyz"
    assert main(["box", *EAN, "--cluster", "1", "--many", "3", "-o", str(path)]) == 0
    frames = ase.io.read(path, ":")
    assert [atoms.info["seed"] for atoms in frames] == [0, 1, 2]
    assert abs(frames[1].positions - frames[0].positions).max() > 0.1
    assert main(["box", *EAN, "--distances", "4:5:0.5", "--many", "2", "-o", str(path)]) == 0
    frames = ase.io.read(path, ":")
    assert [round(atoms.info["distance"], 3) for atoms in frames] == [4.0, 4.5, 5.0] * 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["CC[NH3"], "'CC[NH3' is not a SMILES string"),
        (["[CH3]"], "is a radical"),
        (["CC[NH3+]", "--pairs", "15"], "the box has a charge of +15 e (15 C2H8N+)"),
        ([*EAN, "--density", "-1"], "--density -1: must be above 0, in g/cm3"),
        ([*EAN, "--density", "1210"], "1210 g/cm3 leaves these molecules"),
        (["O:9", "--density", "1", "--box", "9"], "--density and --box both give the volume"),
        (["O:9", "--box", "9,9"], "--box 9,9: give one edge, or three with commas"),
        (["O:9", "--box", "9 A"], "is not numbers, as in 1,2,3"),
        (["O:9", "--box", "0"], "--box 0: must be above 0"),
        (["O:9", "--vacuum", "0"], "--vacuum 0: must be above 0, in A"),
        (["O:9", "--tolerance", "0"], "--tolerance 0: must be above 0, in A"),
        (["O:9", "--names", "water"], "'water' is not 1 to 3 capital letters or digits"),
        (["O", "--cluster", "2", "--density", "1"], "--density has no meaning with --cluster"),
        (["O", "--cluster", "2", "--distances", "3"], "two kinds of frames; give one of them"),
        ([*EAN, "--distances", "5:3:1"], "give FROM:TO:STEP, FROM below TO"),
        ([*EAN, "--distances", "3:4"], "give FROM:TO:STEP, FROM below TO"),
        ([*EAN, "--distances", "3:4:1e-9"], "numbers are too many"),
        ([*EAN, "--distances", "3,4"], "a .pdb file holds one frame, and there are 2"),
        (["[Li+]", "[Na+]", "--many", "2"], "the box has a charge of +2 e"),
        (["O:40000"], "at most 99999 are packed"),
        (["O:0"], "give a count of 1 or more"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, said):
    assert said in refused(capsys, *words, "-o", tmp_path / "a.pdb")
    assert list(tmp_path.iterdir()) == []


def test_unknown_suffixes(tmp_path, capsys):
    said = refused(capsys, "O:9", "-o", tmp_path / "a.gro")
    assert "end the name in .pdb, .extxyz, .xyz, .data" in said


@pytest.mark.parametrize("package", ["rdkit", "packmol"])
def test_packages_that_are_missing(tmp_path, capsys, monkeypatch, package):
    for name in list(sys.modules):
        if name.startswith(("physrep_training.boxes", f"{package}.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    said = refused(capsys, "O:9", "-o", tmp_path / "a.pdb")
    assert "'physrep box' needs packages that are not installed" in said
    assert 'pip install "physrep[box]"' in said
