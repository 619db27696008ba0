"""A library compiled for another torch, LAMMPS or physrep is refused before it is loaded."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from systems import make_checkpoint

from physrep import library
from physrep.engines.export import export_potential
from physrep.library import (
    OPERATORS_FILE,
    PLUGIN_FILE,
    find_built,
    hash_sources,
    lammps_version,
    mismatch,
    read_stamp,
    torch_version,
)

HERE = {
    "physrep": "0.1.0",
    "torch": torch_version(),
    "lammps": lammps_version(),
    "sources": hash_sources(),
}


def stamped(folder: Path, file: str = OPERATORS_FILE, **other: str | None) -> Path:
    """A library in ``folder`` whose stamp differs from this environment in ``other``."""
    (folder / "built.json").write_text(json.dumps({**HERE, **other}))
    (folder / file).write_bytes(b"")
    return folder / file


def test_the_version_of_torch_is_found_without_importing_it():
    code = (
        "import sys, physrep.library as library; print(library.torch_version());"
        "assert 'torch' not in sys.modules; import torch; print(torch.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, honest = done.stdout.split()
    assert found == honest


@pytest.mark.parametrize("file", [OPERATORS_FILE, PLUGIN_FILE])
def test_what_was_compiled_here_fits(tmp_path, file):
    assert mismatch(stamped(tmp_path, file)) == ""


@pytest.mark.parametrize(
    ("file", "other", "words"),
    [
        (OPERATORS_FILE, {"torch": "2.8.0+cpu"}, "compiled for torch 2.8.0+cpu, and torch 2."),
        (PLUGIN_FILE, {"torch": "2.8.0+cpu"}, "compiled for torch 2.8.0+cpu, and torch 2."),
        (PLUGIN_FILE, {"lammps": "2024.8.29.1.0"}, "for lammps 2024.8.29.1.0, and lammps 20"),
        (OPERATORS_FILE, {"sources": "0", "physrep": "0.0.9"}, "native sources of physrep 0.0.9"),
    ],
)
def test_what_was_compiled_for_others_is_told_apart(tmp_path, file, other, words):
    said = mismatch(stamped(tmp_path, file, **other))
    assert words in said
    assert "run 'physrep build'" in said


def test_operators_do_not_depend_on_lammps(tmp_path):
    assert mismatch(stamped(tmp_path, lammps=None)) == ""


def test_a_library_without_a_stamp_is_tried(tmp_path):
    assert read_stamp(tmp_path) == {}
    assert mismatch(tmp_path / OPERATORS_FILE) == ""


def test_a_change_of_any_native_source_is_noticed(tmp_path, monkeypatch):
    native, pair_style = library.source_directories()
    copies = tmp_path / "native", tmp_path / "lammps"
    for source, copy in zip((native, pair_style), copies, strict=True):
        shutil.copytree(source, copy)
    monkeypatch.setattr(library, "source_directories", lambda: copies)
    assert hash_sources() == HERE["sources"]
    for file in (copies[0] / "operators" / "form.h", copies[1] / "model.cpp"):
        before = hash_sources()
        file.write_text(file.read_text() + "\n\n")
        assert hash_sources() == before
        file.write_text(file.read_text() + "int more;\n")
        assert hash_sources() != before


def test_the_wheel_and_the_checkout_hash_alike(tmp_path, monkeypatch):
    """In the wheel the pair style lies inside the native project."""
    native, pair_style = library.source_directories()
    inside = tmp_path / "native"
    shutil.copytree(native, inside)
    shutil.copytree(pair_style, inside / "lammps")
    monkeypatch.setattr(library, "source_directories", lambda: (inside, inside / "lammps"))
    assert hash_sources() == HERE["sources"]


@pytest.fixture(name="for_another_torch")
def _for_another_torch(tmp_path, monkeypatch) -> Path:
    """A folder whose library would break the process if it were loaded, or fail to load."""
    folder = tmp_path / "built"
    folder.mkdir()
    stamped(folder, torch="2.8.0+cpu")
    monkeypatch.setenv("LAMMPS_PLUGIN_PATH", str(folder))
    return folder


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_physrep_imports_beside_a_library_for_another_torch(for_another_torch):
    done = python("import torch, physrep.ops; print(physrep.ops.available())")
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.skipif(find_built(OPERATORS_FILE) is None, reason="no compiled operators")
def test_a_fused_file_is_then_refused_with_both_versions(tmp_path, for_another_torch, monkeypatch):
    monkeypatch.delenv("LAMMPS_PLUGIN_PATH")
    path = tmp_path / "fused.pt"
    export_potential(make_checkpoint(), path, None, "float32", "fused")
    monkeypatch.setenv("LAMMPS_PLUGIN_PATH", str(for_another_torch))
    done = python(
        "import sys; from physrep.engines.ase import PhysRepCalculator;"
        "PhysRepCalculator(sys.argv[1])",
        str(path),
    )
    assert "ExportError" in done.stderr
    assert "compiled for torch 2.8.0+cpu" in done.stderr
    assert f"torch {torch_version()} is installed: run 'physrep build'" in done.stderr


def test_a_broken_library_is_no_undefined_symbol(for_another_torch):
    stamped(for_another_torch)  # says it fits, and is empty
    done = python("import physrep.ops as ops; print(ops.problem())")
    assert "does not load" in done.stdout
    assert "physrep build" in done.stdout
