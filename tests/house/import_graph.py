"""Who imports whom, read from the source, imports for type checkers and in functions included."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx
from repository import REPOSITORY

PACKAGES = {
    "physrep": REPOSITORY / "plugin" / "physrep",
    "physrep_training": REPOSITORY / "training" / "physrep_training",
}


def module_of(path: Path) -> str:
    """plugin/physrep/io/__init__.py -> physrep.io"""
    root = next(folder for folder in PACKAGES.values() if path.is_relative_to(folder))
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """Of both packages, by name."""
    paths = [path for root in PACKAGES.values() for path in sorted(root.rglob("*.py"))]
    return {module_of(path): path for path in paths}


@cache
def import_graph() -> nx.DiGraph:
    """Edges from each module of ours to what it imports, ours or not (then the top level)."""
    graph = nx.DiGraph()
    for name, path in modules().items():
        graph.add_node(name)
        for imported in imports_of(path):
            if imported != name:
                graph.add_edge(name, imported)
    return graph


def imports_of(path: Path) -> Iterator[str]:
    """Modules of ours in full, others by their top level."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (_target(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else _target(node.module)


def _target(name: str) -> str:
    return name if name in modules() else name.partition(".")[0]
