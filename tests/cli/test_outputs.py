"""Every verb refuses an output that it could not write, before the work, and loses no input."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import ase.io
import pytest
from ase.build import molecule
from full_disk import files_of_at_most

from physrep.cli.main import main
from physrep.studies.certify import certificate
from physrep.studies.certify.check import Check
from physrep.studies.certify.part import Part

pytestmark = pytest.mark.case


@pytest.fixture(name="files")
def _files(exports, tmp_path) -> Path:
    """A folder with one input of each kind."""
    shutil.copy(exports.ckpt(), tmp_path / "good.ckpt")
    ase.io.write(tmp_path / "good.pdb", molecule("CH3OH"))
    ase.io.write(tmp_path / "good.extxyz", molecule("CH3OH"))
    for name in ("p.npz", "h.json"):
        (tmp_path / name).write_text("precious")
    (tmp_path / "fit.yaml").write_text("model: {name: jat}\ndata: {files: [no.extxyz]}\n")
    (tmp_path / "plan.yaml").write_text("data: {files: [good.extxyz]}\n")
    return tmp_path


# Words of each verb that writes, and its inputs, which are among them.
FILE_VERBS = {
    "export": (["good.ckpt", "--topology", "good.pdb"], ["good.ckpt", "good.pdb"]),
    "import": (["jat", "p.npz", "h.json"], ["p.npz", "h.json"]),
    "label": (["good.extxyz"], ["good.extxyz"]),
    "box": (["O:2"], []),
    "dataset": (["merge", "good.extxyz"], ["good.extxyz"]),
    "sample": (["good.extxyz", "--with", "good.ckpt"], ["good.ckpt", "good.extxyz"]),
    "perturb": (["good.extxyz", "--displace", "0.1"], ["good.extxyz"]),
    "paths": (["p.npz"], ["p.npz"]),
    "init": (["--force", "--data", "good.extxyz"], ["good.extxyz"]),
    "schema": ([], []),
    "green-kubo": (["viscosity", "p.npz", "--timestep", "1"], ["p.npz"]),
}
FOLDER_VERBS = {
    "certify": (["good.ckpt", "good.pdb"], ["certificate.json", "report.html"]),
    "analyze": (["good.extxyz"], ["analysis.json", "report.html"]),
    "evaluate": (["good.ckpt", "good.extxyz", "--suite", "is2re"], ["relaxed.npz"]),
    "tables": (["--plan", "plan.yaml"], []),
}
OVERWRITES = [(verb, given) for verb, (_, inputs) in FILE_VERBS.items() for given in inputs]


def refused(capsys, verb: str, *words: object) -> str:
    assert main([verb, *map(str, words)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("physrep: error: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(("verb", "given"), OVERWRITES)
def test_no_verb_overwrites_its_input(files, monkeypatch, capsys, verb, given):
    monkeypatch.chdir(files)
    before = {path: path.read_bytes() for path in files.iterdir()}
    (files / "link").hardlink_to(files / given)
    for output in (given, files / given, "link"):
        said = refused(capsys, verb, *FILE_VERBS[verb][0], "-o", output)
        assert f"is the input {given}; give another name" in said
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("verb", FILE_VERBS)
def test_files_that_cannot_be_written(files, monkeypatch, capsys, verb):
    monkeypatch.chdir(files)
    words = FILE_VERBS[verb][0]
    assert "there is no folder no" in refused(capsys, verb, *words, "-o", "no/a.pdb")
    assert "is a folder" in refused(capsys, verb, *words, "-o", files)
    assert "cannot be written to" in refused(capsys, verb, *words, "-o", "/proc/a.pdb")


@pytest.mark.parametrize("verb", FOLDER_VERBS)
def test_folders_that_cannot_be_written(files, monkeypatch, capsys, verb):
    monkeypatch.chdir(files)
    words, names = FOLDER_VERBS[verb]
    assert "good.pdb is a file" in refused(capsys, verb, *words, "-o", "good.pdb")
    assert "good.pdb is a file" in refused(capsys, verb, *words, "-o", "good.pdb/x/y")
    assert "/proc cannot be written to" in refused(capsys, verb, *words, "-o", "/proc/a")
    for name in names:
        (files / "out" / name).mkdir(parents=True)
        assert f"{name} is a folder" in refused(capsys, verb, *words, "-o", "out")
        (files / "out" / name).rmdir()


def test_a_report_does_not_overwrite_its_trajectory(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    shutil.move(files / "good.extxyz", files / "report.html")
    assert "is the input report.html" in refused(capsys, "analyze", "report.html", "-o", ".")


def test_a_fit_does_not_overwrite_its_settings(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    (files / "run").mkdir()
    settings = "# of mine\nname: mine\nmodel: {name: jat}\ndata: {files: [good.extxyz]}\n"
    (files / "run" / "config.yaml").write_text(settings)
    said = refused(capsys, "fit", "run/config.yaml", "output=run")
    assert "output = run is the input run/config.yaml; give another name" in said
    assert (files / "run" / "config.yaml").read_text() == settings


LIGHT = """
import sys
from physrep.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as stopped:
    code = stopped.code
heavy = {"torch", "ase", "scipy", "matplotlib", "pydantic", "numpy", "lightning"}
print(sorted(heavy & set(sys.modules)), code)
"""


@pytest.mark.parametrize(
    "words",
    [
        "evaluate no.ckpt good.extxyz",
        "evaluate good.ckpt no.extxyz",
        "evaluate good.extxyz good.extxyz",
        "certify good.ckpt no.pdb",
        "certify no.pt good.pdb",
        "analyze no.dcd",
        "export no.ckpt -o a.pt",
        "export good.ckpt -o good.ckpt",
        "inspect no.ckpt",
        "import jat no.npz h.json -o a.ckpt",
        "label no.extxyz -o a.extxyz",
        "dataset check no.extxyz",
        "sample no.extxyz -o a.extxyz",
        "sample good.extxyz --with no.ckpt -o a.extxyz",
        "paths no.npz -o a.extxyz",
        "fit no.yaml",
        "fit fit.yaml",
        "fit plan.yaml data.files=no.extxyz",
        "repeat no.yaml",
        "tables --plan no.yaml",
        "init --data no.extxyz",
        "green-kubo viscosity no.dat --timestep 1",
    ],
)
def test_a_wrong_name_is_refused_before_anything_heavy_is_imported(files, words):
    """torch alone takes seconds."""
    command = [sys.executable, "-c", LIGHT, *words.split()]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, check=False)
    assert done.stdout == "[] 2\n", done.stdout + done.stderr
    assert done.stderr.count("\n") == 1


def test_analyze_on_a_full_disk_prints_what_it_found(files, monkeypatch, capsys):
    frames = [molecule("CH3OH") for _ in range(5)]
    for k, atoms in enumerate(frames):
        atoms.center(vacuum=3.0)
        atoms.pbc = True
        atoms.rattle(0.01, seed=k)
    ase.io.write(files / "md.extxyz", frames)
    monkeypatch.chdir(files)
    with files_of_at_most(2048):
        assert main(["analyze", "md.extxyz", "--timestep", "1", "-o", "out"]) == 2
    said = capsys.readouterr()
    assert "1 CH4O" in said.out
    assert "out/analysis.json: cannot be written (File too large)" in said.err
    assert list((files / "out").iterdir()) == []


def test_certify_on_a_full_disk_prints_every_check(files, monkeypatch, capsys):
    checks = [Check(f"check {k}", 1.0, "A", 2.0, "pass") for k in range(30)]
    part = Part("relaxation", "Relaxation", "What it is.", checks, [])
    monkeypatch.setattr(certificate, "_measured", lambda task: [part])
    monkeypatch.chdir(files)
    words = ["good.ckpt", "good.pdb", "-o", "out", "--scan-reference", "none"]
    with files_of_at_most(2048):
        code = main(["certify", *words])
    assert code == 2
    said = capsys.readouterr()
    verdict, _, found = said.out.partition("\n")
    assert "30 pass" in verdict
    assert "check 29" in str(json.loads(found))
    assert "out/certificate.json: cannot be written" in said.err
    assert list((files / "out").iterdir()) == []
