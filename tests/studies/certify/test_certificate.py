"""The command: a sound potential's certificate, a bad one's, and wrong input."""

import json

import ase.io
import pytest
from ase.build import molecule
from systems import make_checkpoint

from physrep.checkpoint import save_checkpoint
from physrep.cli.main import main
from physrep.config import ConfigError
from physrep.studies.certify import levels
from physrep.studies.certify.certificate import Certificate, report_page
from physrep.studies.certify.check import Check
from physrep.studies.certify.part import Part

SHORT = levels.Level((100.0,), 1, 0.02, 0.01, 0.005, 1)


@pytest.fixture(name="files")
def _files(tmp_path, monkeypatch):
    monkeypatch.setitem(levels.LEVELS, "quick", SHORT)
    save_checkpoint(make_checkpoint("jat-gated-sum"), tmp_path / "model.ckpt")
    ase.io.write(tmp_path / "methanol.xyz", molecule("CH3OH"))
    return tmp_path


def test_certificate_and_report_are_written(files, capsys):
    arguments = [str(files / "model.ckpt"), str(files / "methanol.xyz"), "-o", str(files / "out")]
    code = main(["certify", *arguments, "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((files / "out/certificate.json").read_text())
    assert code == (1 if printed["verdict"] == "fail" else 0)
    checks = {check["name"]: check for check in printed["checks"]}
    assert checks["exactness: forces"]["verdict"] == "pass"
    assert checks["exactness: virial"]["verdict"] == "skipped"
    assert {name.partition(":")[0] for name in checks} - {"assembly"} == {
        "exactness",
        "wall",
        "cutoff",
        "conservation",
        "survival",
        "structure",
        "dynamics",
        "recovery",
        "dissociation",
        "far field",
        "extrapolation",
    }
    assert set(checks["cutoff: H-C"]) == {"name", "value", "unit", "threshold", "verdict", "note"}
    page = (files / "out/report.html").read_text()
    assert page.count("<svg") >= 3
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    assert f"model.ckpt: {printed['verdict']}" in page
    assert "Made by" in page


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--reference", "none.extxyz"], "none.extxyz"),
    ],
)
def test_wrong_input_is_one_line(files, extra, message, capsys):
    arguments = ["certify", str(files / "model.ckpt"), str(files / "methanol.xyz"), *extra]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_runs_of_another_length_are_no_longer_that_level():
    same, called = levels.level_of("standard", 5.0)
    assert called == "standard" and same == levels.LEVELS["standard"]
    with pytest.raises(ConfigError, match="survival = -1: must be positive, in ps"):
        levels.level_of("quick", -1.0)
    with pytest.raises(ConfigError, match="level = 'deep': choose one of quick, standard, full"):
        levels.level_of("deep")
    longer, called = levels.level_of("standard", 50.0)
    assert called == "standard, NVT of 50 ps" and longer == same._replace(survival=50.0)


def test_a_structure_that_ase_cannot_read(files, capsys):
    (files / "broken.pdb").write_text("ATOM nonsense\n")
    assert main(["certify", str(files / "model.ckpt"), str(files / "broken.pdb")]) == 2
    assert "broken.pdb" in capsys.readouterr().err


def test_wavenumbers_are_shown_in_full():
    check = Check("dynamics: vibration", 3201.9, "cm^-1", 3874.95, "pass")
    part = Part("dynamics", "Dynamics", "", [check], [])
    page = report_page(Certificate("m.ckpt", "s.pdb", "quick", "pass", [part]), [])
    assert "3202 cm^-1" in page and "3875" in page and "e+03" not in page
