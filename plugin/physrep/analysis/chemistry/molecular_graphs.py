"""Molecules compared by their graphs of elements and bonds, without bond orders.

Two molecules are the same if their graphs are isomorphic (L. P. Cordella et al., IEEE Trans.
Pattern Anal. Mach. Intell. 26 (2004) 1367; networkx). A hash (N. Shervashidze et al., J. Mach.
Learn. Res. 12 (2011) 2539) finds the few known molecules worth comparing. Stereoisomers are the
same molecule.
"""

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import networkx as nx
import numpy as np
from ase.data import chemical_symbols
from networkx.algorithms.isomorphism import categorical_node_match

T = TypeVar("T")

HASH_ROUNDS = 4  # bonds that the hash of an atom looks around; more only save comparisons
# Atoms; of larger graphs (networks rather than molecules) the hash alone decides: a search for an
# isomorphism may take forever there.
LARGEST_COMPARED = 500
_same_element = categorical_node_match("element", "")


def molecular_graph(species: Iterable[int], pairs: Iterable[Iterable[int]]) -> nx.Graph:
    """Atoms as nodes 0 to n - 1 with their ``element`` (symbol), bonds as edges.

    Args:
        species: (n,) atomic numbers; pairs: (n_bonds, 2) indices into it, in any order.

    Raises:
        ValueError: a bond to an atom that is not there, or of an atom to itself.
    """
    symbols = [chemical_symbols[int(z)] for z in species]
    return graph_of(symbols, np.asarray(pairs, int).reshape(-1, 2).tolist())


def graph_of(symbols: Sequence[str], bonds: Iterable[Sequence[int]]) -> nx.Graph:
    """As :func:`molecular_graph`, of element symbols."""
    graph: nx.Graph = nx.Graph()
    pairs, n = [(i, j) for i, j in bonds], len(symbols)
    if any(i == j or not (0 <= i < n and 0 <= j < n) for i, j in pairs):
        raise ValueError(f"bonds {pairs} do not belong to {n} atoms, counted from 0")
    graph.add_nodes_from((k, {"element": symbol}) for k, symbol in enumerate(symbols))
    graph.add_edges_from(pairs)
    return graph


def elements_of(graph: nx.Graph) -> list[str]:
    """(n,) symbols in the order of the atoms."""
    return [graph.nodes[atom]["element"] for atom in range(len(graph))]


def same_molecule(one: nx.Graph, other: nx.Graph) -> bool:
    """Whether the graphs are isomorphic; above LARGEST_COMPARED atoms, whether their hashes are
    equal.
    """
    return graph_hash(one) == graph_hash(other) and _isomorphic(one, other)


def graph_hash(graph: nx.Graph) -> str:
    """The same for isomorphic graphs, and for few others."""
    return nx.weisfeiler_lehman_graph_hash(graph, node_attr="element", iterations=HASH_ROUNDS)


def _isomorphic(one: nx.Graph, other: nx.Graph) -> bool:
    return len(one) > LARGEST_COMPARED or nx.is_isomorphic(one, other, _same_element)


class Catalogue(Generic[T]):
    """Molecules with a value for each, found by their graphs."""

    def __init__(self) -> None:
        self._by_hash: dict[str, list[tuple[nx.Graph, T]]] = {}

    def add(self, graph: nx.Graph, value: T) -> None:
        """A molecule that :meth:`find` does not find yet."""
        self._by_hash.setdefault(graph_hash(graph), []).append((graph, value))

    def find(self, graph: nx.Graph) -> T | None:
        """The value of the same molecule; None where there is none."""
        alike = self._by_hash.get(graph_hash(graph), [])
        return next((value for known, value in alike if _isomorphic(known, graph)), None)
