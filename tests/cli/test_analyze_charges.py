"""``physrep analyze --charges``: a column of the trajectory, a file, a model, and mistakes."""

import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator
from undrawn import figures_undrawn

from physrep.cli.main import main
from physrep.engines import ase as engine

CHARGES = np.array([-0.5, 0.5])


def frames(n: int = 12, **columns) -> list[Atoms]:
    """HF that stretches a little, one frame every fs."""
    found = []
    for k in range(n):
        found.append(Atoms("FH", [[4.0, 4.0, 4.0], [4.92 + 0.01 * np.sin(k), 4.0, 4.0]]))
        found[-1].info["time"] = 0.001 * k
        for name, values in columns.items():
            found[-1].arrays[name] = values
    return found


def analyzed(capsys, tmp_path, atoms: list[Atoms], *options) -> dict:
    """The charges of the JSON on stdout."""
    ase.io.write(tmp_path / "run.extxyz", atoms)
    arguments = [tmp_path / "run.extxyz", *options, "-o", tmp_path / "out", "--json"]
    assert main(["analyze", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out)["charges"]


def mean(found: dict) -> float:
    return found["atoms"]["kinds"]["H in HF"]["mean"]


def test_charges_are_those_of_the_file_or_of_the_trajectory(tmp_path, capsys):
    stored = frames(q=CHARGES)
    found = analyzed(capsys, tmp_path, stored)
    assert found["source"] == "those in the trajectory" and mean(found) == pytest.approx(0.5)
    (tmp_path / "q.txt").write_text("nan  # F\n0.4\n")
    with figures_undrawn():
        found = analyzed(capsys, tmp_path, stored, "--charges", tmp_path / "q.txt")
    assert found["source"] == "those in q.txt" and mean(found) == pytest.approx(0.4)
    assert found["atoms"]["kinds"]["F in HF"]["mean"] is None
    assert "atoms of HF are not known" in found["whole"]["reason"]


class Charged(Calculator):
    """In place of a potential: charges that add up to the total charge."""

    implemented_properties = ["charges"]

    def __init__(self, path, check_contacts=True):
        super().__init__()
        assert path.endswith("hf.pt") and not check_contacts

    def calculate(self, atoms=None, properties=("charges",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.results = {"charges": CHARGES + 0.5 * atoms.info["charge"]}


def test_a_model_computes_the_charges_of_a_total_charge(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(engine, "PhysRepCalculator", Charged)
    model = ("--charges", tmp_path / "hf.pt", "--total-charge", 1)
    ion = analyzed(capsys, tmp_path, frames(), *model)
    assert ion["source"] == "those that hf.pt computes for each frame"
    assert mean(ion) == pytest.approx(1.0)
    assert ion["molecules"]["kinds"]["HF"]["mean"] == pytest.approx(1.0)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Charges of atoms: those that hf.pt computes for each frame." in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--charges", "q.txt"], "3 charges are given for 2 atoms: give one for each"),
        (["--charges", "none.pt"], "none.pt"),
        (["--charges", "endless.txt"], "holds an infinite charge; write nan for unknown ones"),
        (["--charges", "HF=0", "--total-charge", "1"], "is for a model that computes charges"),
        (["--total-charge", "1"], "is for a model that computes charges"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    ase.io.write("run.extxyz", frames(3))
    (tmp_path / "q.txt").write_text("1\n2\n3\n")
    (tmp_path / "endless.txt").write_text("inf\n0\n")
    assert main(["analyze", "run.extxyz", *options]) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
