"""``physrep analyze`` on salts and electrolytes: ions, charges, molecules given by hand."""

import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from undrawn import figures_undrawn

from physrep.cli.main import main

pytestmark = pytest.mark.case
PF6 = Atoms("PF6", 1.6 * np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)]))


def trajectory(path, atoms: Atoms, n_frames: int = 3, rattle: float = 0.05):
    """Frames of atoms that rattle (A), one every 10 fs."""
    rng, frames = np.random.default_rng(0), []
    for k in range(n_frames):
        frames.append(atoms.copy())
        frames[-1].positions += rng.normal(0.0, rattle, (len(atoms), 3))
        frames[-1].info["time"] = 0.01 * k
    ase.io.write(path, frames)
    return path


def analyzed(capsys, *arguments) -> dict:
    """The JSON on stdout."""
    assert main(["analyze", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def molecules_of(found: dict) -> dict:
    return {one["label"]: one["n"] for one in found["molecules"]}


def electrolyte(anion: Atoms | None = PF6) -> Atoms:
    """Li+ at the oxygen of formaldehyde, and an anion."""
    atoms = molecule("H2CO")
    atoms += Atoms("Li", [atoms.positions[0] + [0.0, 0.0, 1.9]])
    if anion is not None:
        atoms.extend(Atoms(anion.symbols, anion.positions + [7.0, 7.0, 7.0]))
    atoms.cell, atoms.pbc = np.diag([14.0] * 3), True
    return atoms


@pytest.mark.parametrize("rattle", [0.0, 0.2])  # cold; hot
@pytest.mark.parametrize(("salt", "length"), [("NaCl", 5.64), ("LiF", 4.03), ("MgO", 4.21)])
def test_rock_salt_is_ions(tmp_path, capsys, salt, length, rattle):
    atoms = bulk(salt, "rocksalt", a=length, cubic=True) * (2, 2, 2)
    given = ["--charges", "O=-2"] if salt == "MgO" else []  # O may be a radical or an ion
    path = trajectory(tmp_path / "salt.extxyz", atoms, rattle=rattle)
    found = analyzed(capsys, path, *given, "-o", tmp_path)
    labels = {"NaCl": ["Na+", "Cl-"], "LiF": ["Li+", "F-"], "MgO": ["Mg(2+)", "O(2-)"]}[salt]
    assert molecules_of(found) == dict.fromkeys(labels, 32)
    assert not found["reactions"]["events"]


def test_lithium_at_a_carbonyl_and_a_named_anion(tmp_path, capsys):
    path = trajectory(tmp_path / "run.extxyz", electrolyte())
    found = analyzed(capsys, path, "-o", tmp_path)
    assert molecules_of(found) == {"CH2O": 1, "Li+": 1, "F6P-": 1}
    names = {one["label"]: (one["name"], one["charge"]) for one in found["molecules"]}
    assert names["F6P-"] == ("hexafluorophosphate (PF6)", -1)
    assert names["Li+"] == ("lithium", 1)
    assert any("1 Li: metals have no bonds here" in note for note in found["notes"])
    page = (tmp_path / "report.html").read_text()
    assert "hexafluorophosphate (PF6)" in page


def test_a_metal_is_neutral_single_atoms(tmp_path, capsys):
    path = trajectory(tmp_path / "al.extxyz", bulk("Al", cubic=True) * (2, 2, 2))
    found = analyzed(capsys, path, "-o", tmp_path)
    assert molecules_of(found) == {"Al": 32} and not found["notes"]
    (aluminium,) = found["molecules"]
    assert aluminium["charge"] == 0


def test_charges_that_do_not_add_up_refuse_conductivity(tmp_path, capsys):
    options = ("--temperature", 300, "-o", tmp_path)
    path = trajectory(tmp_path / "run.extxyz", electrolyte(None), 60)
    found = analyzed(capsys, path, *options)
    reason = found["motion"]["nernst_einstein"]["reason"]
    assert "charges add up to +1 e, not to zero (1 Li+ of +1 e); give the right" in reason
    assert any("add up to +1 e" in note for note in found["notes"])
    path = trajectory(tmp_path / "run.extxyz", electrolyte(), 60)
    whole = analyzed(capsys, path, *options)
    assert "charges" not in whole["motion"]["nernst_einstein"].get("reason", "")
    with figures_undrawn():
        given = analyzed(capsys, path, *options, "--charges", "Li=0.8,PF6=-1")
    assert "charges add up to -0.2 e" in given["motion"]["einstein"]["reason"]
    assert molecules_of(given) == {"CH2O": 1, "Li(0.8+)": 1, "F6P-": 1}


def test_lone_hydrogens_and_unknown_charges_are_noted(tmp_path, capsys):
    atoms = electrolyte() + Atoms("HFe", [[4.0, 9.0, 4.0], [9.0, 4.0, 4.0]])
    path = trajectory(tmp_path / "run.extxyz", atoms, 60)
    options = ("--temperature", 300, "-o", tmp_path)
    found = analyzed(capsys, path, *options)
    assert any("1 hydrogen of the first frame has no bond (atom 12" in n for n in found["notes"])
    assert any("charge of H, Fe is not known" in note for note in found["notes"])
    assert "give it (--charges Fe=...)" in found["motion"]["einstein"]["reason"]
    (tmp_path / "charges.txt").write_text("# by hand\nFe 2\nH = -2  # odd\n")
    found = analyzed(capsys, path, *options, "--charges", tmp_path / "charges.txt")
    assert not any("not known" in note for note in found["notes"])
    assert "charge" not in found["motion"]["einstein"].get("reason", "")


def test_molecules_given_by_hand(tmp_path, capsys):
    ion = Atoms("AlCl4", 1.23 * np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1],
                                          [-1, -1, 1]]))  # fmt: skip
    path = trajectory(tmp_path / "run.extxyz", electrolyte(ion))
    apart = analyzed(capsys, path, "-o", tmp_path)
    assert molecules_of(apart) == {"CH2O": 1, "Li+": 1, "Al(3+)": 1, "Cl-": 4}
    text = "formaldehyde\n" * 4 + "Li\n" + "7 # the anion\n" * 5
    (tmp_path / "molecules.txt").write_text(text)
    options = ("-o", tmp_path, "--molecules", tmp_path / "molecules.txt")
    with figures_undrawn():
        whole = analyzed(capsys, path, *options)
        named = analyzed(capsys, path, *options, "--charges", "AlCl4=-0.9")
    assert molecules_of(whole) == {"CH2O": 1, "Li+": 1, "AlCl4-": 1}
    assert molecules_of(named) == {"CH2O": 1, "Li+": 1, "AlCl4(0.9-)": 1}


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--charges", "Li", "'Li' is not NAME=CHARGE; write Li=1,PF6=-1"),
        ("--charges", "Li=one", "'Li=one' is not NAME=CHARGE"),
        ("--charges", "Li=1,Li=2", "Li has two charges; leave one of them out"),
        ("--charges", "lithium ion=1", "neither a formula nor a name known here"),
        ("--molecules", "none.txt", "none.txt: no such file"),
        ("--molecules", "short.txt", "given for 2 atoms, the trajectory has 12"),
        ("--molecules", "wide.txt", "the line '1 2' has 2 words; write one line for each atom"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, capsys, monkeypatch, option, value, message):
    monkeypatch.chdir(tmp_path)
    path = trajectory(tmp_path / "run.extxyz", electrolyte())
    (tmp_path / "short.txt").write_text("1\n2\n")
    (tmp_path / "wide.txt").write_text("1 2\n")
    assert main(["analyze", str(path), option, value]) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said


def test_charges_of_what_is_not_there_are_noted(tmp_path, capsys):
    path = trajectory(tmp_path / "run.extxyz", electrolyte())
    found = analyzed(capsys, path, "--charges", "BF4=-1", "-o", tmp_path)
    assert any("given for BF4, which the first frame lacks" in note for note in found["notes"])
