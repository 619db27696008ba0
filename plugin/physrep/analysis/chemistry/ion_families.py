"""Names of organic cations that come in families, from their graphs.

Imidazolium, pyridinium, pyrrolidinium, piperidinium, morpholinium, ammonium, phosphonium and
sulfonium with straight alkyl chains: "1-ethyl-3-methylimidazolium", "trihexyl(tetradecyl)
phosphonium" without the parentheses. With any other substituent the family alone is named, as in
"imidazolium, substituted".
"""

from collections import Counter
from collections.abc import Callable

import networkx as nx

STEMS = "meth eth prop but pent hex hept oct non dec undec dodec tridec tetradec pentadec hexadec"
ALKYLS = [f"{stem}yl" for stem in STEMS.split()]
TIMES = ("", "", "di", "tri", "tetra")
# Rings as elements from the charged nitrogen on, with the number of bonds of each ring atom.
RINGS = {
    "imidazolium": (("N", 3), ("C", 3), ("N", 3), ("C", 3), ("C", 3)),
    "pyridinium": (("N", 3), *[("C", 3)] * 5),
    "pyrrolidinium": (("N", 4), *[("C", 4)] * 4),
    "piperidinium": (("N", 4), *[("C", 4)] * 5),
    "morpholinium": (("N", 4), ("C", 4), ("C", 4), ("O", 2), ("C", 4), ("C", 4)),
}
CENTRES = {("N", 4): "ammonium", ("P", 4): "phosphonium", ("S", 3): "sulfonium"}


def family_name(graph: nx.Graph) -> str:
    """Name of the cation, "" if it belongs to none of the families.

    Args: graph: of :func:`physrep.analysis.chemistry.molecular_graphs.molecular_graph`.
    """
    centres = [atom for atom in graph if _kind(graph, atom) in CENTRES]
    rings = [_family_of(graph, ring) for ring in nx.cycle_basis(graph)]
    found = [ring for ring in rings if ring is not None]
    if len(found) == 1 and len(rings) == 1:
        family, ring = found[0]
        return _of_ring(graph, family, ring)
    if len(centres) == 1 and not rings:
        return _of_centre(graph, CENTRES[_kind(graph, centres[0])], centres[0])
    return ""


def _kind(graph: nx.Graph, atom: int) -> tuple[str, int]:
    """Element and number of bonds."""
    return graph.nodes[atom]["element"], graph.degree[atom]


def _family_of(graph: nx.Graph, ring: list[int]) -> tuple[str, list[int]] | None:
    """The family of a ring, and its atoms in the order of RINGS."""
    for family, pattern in RINGS.items():
        for way in (ring, ring[::-1]):
            for start in range(len(way)):
                turned = way[start:] + way[:start]
                if tuple(_kind(graph, atom) for atom in turned) == pattern:
                    return family, turned
    return None


def _of_ring(graph: nx.Graph, family: str, ring: list[int]) -> str:
    ways = [_locants(graph, way) for way in _numberings(family, ring)]
    known = [way for way in ways if way is not None]
    if not known:
        return f"{family}, substituted"
    # The lowest numbers, and of those the alphabet's first at the lowest.
    locants = min(known, key=lambda way: (sorted(n for n, _ in way), [name for _, name in way]))
    places: dict[str, list[str]] = {}
    for number, name in locants:
        places.setdefault(name, []).append(str(number))
    parts = [
        f"{','.join(where)}-{TIMES[len(where)] if len(where) < len(TIMES) else len(where)}{name}"
        for name, where in sorted(places.items())
    ]
    return "-".join(parts) + family


def _numberings(family: str, ring: list[int]) -> list[list[int]]:
    """Rings numbered from 1 as in the names: morpholine counts from its oxygen."""
    if family == "imidazolium":
        return [ring, [ring[k] for k in (2, 1, 0, 4, 3)]]
    if family == "morpholinium":
        ring = ring[3:] + ring[:3]
    return [ring, [ring[0], *ring[:0:-1]]]


def _locants(graph: nx.Graph, ring: list[int]) -> list[tuple[int, str]] | None:
    """(number in the ring, alkyl) of all substituents; None where one is no straight alkyl."""
    found = []
    for number, atom in enumerate(ring, 1):
        for other in set(graph[atom]) - set(ring):
            name = _alkyl(graph, other, atom)
            if name is None:
                return None
            found += [(number, name)] if name else []
    return sorted(found)


def _of_centre(graph: nx.Graph, family: str, centre: int) -> str:
    names = [_alkyl(graph, other, centre) for other in graph[centre]]
    if any(name is None for name in names):
        return f"{family}, substituted"
    counts = Counter(name for name in names if name)
    return "".join(f"{TIMES[n]}{name}" for name, n in sorted(counts.items())) + family


def _alkyl(graph: nx.Graph, atom: int, root: int) -> str | None:
    """A straight saturated chain from this atom on: its name, "" of hydrogen, None of others."""
    element: Callable[[int], str] = lambda one: graph.nodes[one]["element"]  # noqa: E731
    if element(atom) == "H":
        return ""
    length = 0
    while True:
        onward = [other for other in graph[atom] if other != root and element(other) != "H"]
        if _kind(graph, atom) != ("C", 4) or len(onward) > 1 or length >= len(ALKYLS):
            return None
        length += 1
        if not onward:
            return ALKYLS[length - 1]
        root, atom = atom, onward[0]
