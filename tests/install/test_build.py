"""``physrep build``: what stops it before it compiles, and what it writes."""

import json

import pytest

from physrep.cli.main import main
from physrep.install import build as building
from physrep.library import OPERATORS_FILE, STAMP_FILE, hash_sources, torch_version


def refused(capsys, *options: str) -> str:
    assert main(["build", *options]) == 2
    return capsys.readouterr().err


def lacking(monkeypatch, *programs: str) -> None:
    found = building.shutil.which

    def which(name, path=None):
        return None if name in programs else found(name, path=path)

    monkeypatch.setattr(building.shutil, "which", which)
    for variable in ("CXX", "CUDACXX"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("programs", "options", "words"),
    [
        (["cmake"], [], 'pip install "physrep[build]"'),
        (["c++", "g++", "clang++"], [], "apt-get install g++"),
        (["nvcc"], ["--cuda"], "CUDACXX"),
    ],
)
def test_a_missing_program_is_named(monkeypatch, capsys, programs, options, words):
    lacking(monkeypatch, *programs)
    assert words in refused(capsys, *options)


def test_torch_is_needed(monkeypatch, capsys):
    monkeypatch.setattr(building, "torch_version", lambda: None)
    assert "pip install torch" in refused(capsys)


def test_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    said = refused(capsys, "-o", str(tmp_path / "file" / "built"))
    assert "physrep build -o DIR" in said
    assert "LAMMPS_PLUGIN_PATH=DIR" in said


def test_a_failure_shows_the_end_of_the_output(tmp_path, capsys, monkeypatch):
    """And leaves what was built before."""
    (tmp_path / "CMakeLists.txt").write_text('message(FATAL_ERROR "no compiler likes this")')
    output = tmp_path / "built"
    output.mkdir()
    (output / OPERATORS_FILE).write_text("of before")
    monkeypatch.setattr(building, "source_directories", lambda: (tmp_path, tmp_path))
    assert "no compiler likes this" in refused(capsys, "-o", str(output))
    assert (output / OPERATORS_FILE).read_text() == "of before"


PROJECT = """
cmake_minimum_required(VERSION 3.18)
project(small LANGUAGES NONE)
message(STATUS "physrep: torch     as found")
file(WRITE ${CMAKE_BINARY_DIR}/libphysrep_ops.so "new")
install(FILES ${CMAKE_BINARY_DIR}/libphysrep_ops.so DESTINATION .)
"""


def test_what_is_built_replaces_what_was_and_is_stamped(tmp_path, capsys, monkeypatch):
    source, output = tmp_path / "source", tmp_path / "built"
    source.mkdir()
    output.mkdir()
    (source / "CMakeLists.txt").write_text(PROJECT)
    for name in building.FILES:
        (output / name).write_text("of before")
    monkeypatch.setattr(building, "source_directories", lambda: (source, source))
    assert main(["build", "-o", str(output)]) == 0
    said = capsys.readouterr().out
    assert "torch     as found" in said
    assert f"LAMMPS_PLUGIN_PATH={output}" in said
    assert (output / OPERATORS_FILE).read_text() == "new"
    assert sorted(path.name for path in output.iterdir()) == [STAMP_FILE, OPERATORS_FILE]
    stamp = json.loads((output / STAMP_FILE).read_text())
    assert stamp["torch"] == torch_version()
    assert stamp["lammps"] is None  # no plugin came out of it
    assert stamp["sources"] == hash_sources()
