"""Molecules named by formula, charge guess and, if known, name.

Two molecules are the same if their graphs are (:mod:`physrep.analysis.chemistry.molecular_graphs`).

Charge guess: the closed-shell Lewis structure of fewest formal charges, out of the states in
STATES (valence and formal charge), and of those with equally many the one of smallest total
charge. It is None, "unknown", where there is no such structure (radicals, carbanions, elements
not in STATES), where two total charges are equally good, and for fragments that occur both as
radical and as ion (NO2 and nitrite, OH, O, H: see UNKNOWN_CHARGE). A graph holds no electrons:
this is bookkeeping, no result of a calculation.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import networkx as nx
import numpy as np
from ase.formula import Formula
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from physrep.analysis.chemistry.molecular_graphs import (
    Catalogue,
    elements_of,
    graph_of,
    molecular_graph,
)

# Valence (sum of bond orders) and formal charge.
STATES = {
    "H": ((1, 0),),
    "B": ((3, 0), (4, -1)),
    "C": ((4, 0),),
    "N": ((3, 0), (4, 1), (2, -1)),
    "O": ((2, 0), (1, -1), (3, 1)),
    "F": ((1, 0),),
    "Al": ((4, -1),),
    "Si": ((4, 0),),
    "P": ((3, 0), (5, 0), (4, 1), (6, -1)),
    "S": ((2, 0), (1, -1), (3, 1), (4, 0), (6, 0)),
    "Cl": ((1, 0), (7, 0)),
    "Br": ((1, 0),),
    "I": ((1, 0),),
}
SINGLE_IONS = {"Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Mg": 2, "Ca": 2, "Zn": 2} | {
    "F": -1,
    "Cl": -1,
    "Br": -1,
    "I": -1,
}
# Name: heavy atoms with their hydrogens, a chain; "A(B,C) D" has single atoms B and C on A.
KNOWN = {
    "ethylammonium": "CH3 CH2 NH3",
    "ethylamine": "CH3 CH2 NH2",
    "methylammonium": "CH3 NH3",
    "methylamine": "CH3 NH2",
    "ammonium": "NH4",
    "ammonia": "NH3",
    "nitrate": "O N(O) O",
    "nitric acid": "OH N(O) O",
    "nitrogen dioxide or nitrite": "O N O",
    "nitrous acid": "OH N O",
    "nitric oxide": "N O",
    "nitrogen": "N N",
    "nitrous oxide": "N N O",
    "water": "OH2",
    "hydronium": "OH3",
    "hydroxyl or hydroxide": "OH",
    "oxygen atom or ion": "O",
    "oxygen": "O O",
    "hydrogen peroxide": "OH OH",
    "hydrogen": "H H",
    "hydrogen atom or ion": "H",
    "carbon monoxide": "C O",
    "carbon dioxide": "O C O",
    "methane": "CH4",
    "ethane": "CH3 CH3",
    "ethene": "CH2 CH2",
    "ethyl": "CH3 CH2",
    "methyl": "CH3",
    "ethanol": "CH3 CH2 OH",
    "acetaldehyde": "CH3 CH O",
    "nitroethane": "CH3 CH2 N(O) O",
    "ethyl nitrate": "CH3 CH2 O N(O) O",
}
KNOWN_CHARGE = {"nitric oxide": 0, "oxygen": 0, "carbon monoxide": 0}
UNKNOWN_CHARGE = {
    "nitrogen dioxide or nitrite",
    "hydroxyl or hydroxide",
    "oxygen atom or ion",
    "hydrogen atom or ion",
}
LARGEST_LEWIS = 200  # atoms; beyond, the charge is unknown


class SpeciesName(NamedTuple):
    """label: formula with charge, e.g. "C2H8N+", "NO2" where the charge is unknown; formula: Hill
    order; charge: e, None: unknown; name: "" where not in KNOWN.
    """

    label: str
    formula: str
    charge: int | None
    name: str


class SpeciesBook:
    """Names of all molecules of one analysis; isomers of one formula and charge get numbers.

    names: label -> name, in the order in which they were met.
    """

    def __init__(self) -> None:
        self.names: dict[str, SpeciesName] = {}
        self._known: Catalogue[SpeciesName] = Catalogue()
        # In a liquid most molecules have their atoms in the same order: no graph to compare.
        self._as_written: dict[tuple[bytes, bytes], SpeciesName] = {}

    def name(self, species: Iterable[int], pairs: Iterable[Iterable[int]]) -> SpeciesName:
        """Name of a molecule, the same for every isomorphic graph.

        Args:
            species: (n,) atomic numbers; pairs: (n_bonds, 2) indices into it.

        Raises:
            ValueError: a bond to an atom that is not there, or of an atom to itself.
        """
        written = np.asarray(species, int).tobytes(), np.asarray(pairs, int).tobytes()
        if written not in self._as_written:
            graph = molecular_graph(species, pairs)
            known = self._known.find(graph)
            self._as_written[written] = self._add(graph) if known is None else known
        return self._as_written[written]

    def _add(self, graph: nx.Graph) -> SpeciesName:
        named = _named(graph)
        label, number = named.label, 2
        while label in self.names:
            label, number = f"{named.label} (isomer {number})", number + 1
        self.names[label] = named._replace(label=label)
        self._known.add(graph, self.names[label])
        return self.names[label]


def name_molecule(species: Iterable[int], pairs: Iterable[Iterable[int]]) -> SpeciesName:
    """Formula, charge guess and name of one molecule; arguments as :meth:`SpeciesBook.name`."""
    return _named(molecular_graph(species, pairs))


def _named(graph: nx.Graph) -> SpeciesName:
    formula = Formula.from_list(elements_of(graph)).format("hill")
    name = _known_molecules().find(graph) or ""
    if name in UNKNOWN_CHARGE:
        charge = None
    else:
        charge = KNOWN_CHARGE[name] if name in KNOWN_CHARGE else _guessed(graph)
    return SpeciesName(formula + _charge_text(charge), formula, charge, name)


def guess_charge(species: Iterable[int], pairs: Iterable[Iterable[int]]) -> int | None:
    """Total charge in e of the closed-shell Lewis structure described above, None: unknown."""
    return _guessed(molecular_graph(species, pairs))


def _guessed(graph: nx.Graph) -> int | None:
    symbols = elements_of(graph)
    if len(symbols) == 1 and symbols[0] in SINGLE_IONS:
        return SINGLE_IONS[symbols[0]]
    if len(symbols) > LARGEST_LEWIS or any(symbol not in STATES for symbol in symbols):
        return None
    return _lewis_charge(symbols, sorted((min(bond), max(bond)) for bond in graph.edges))


def _lewis_charge(symbols: list[str], bonds: list[tuple[int, int]]) -> int | None:
    """Integers: extra order of each bond, one state for each atom, and |total charge|."""
    states = [(k, *state) for k, symbol in enumerate(symbols) for state in STATES[symbol]]
    n_bonds, n_states = len(bonds), len(states)
    size = n_bonds + n_states + 1
    orders, one_state = np.zeros((2, len(symbols), size))
    charge, cost = np.zeros(size), np.zeros(size)
    for b, (i, j) in enumerate(bonds):
        orders[[i, j], b] = 1.0
    for s, (atom, valence, q) in enumerate(states, n_bonds):
        orders[atom, s], one_state[atom, s] = -valence, 1.0
        charge[s], cost[s] = q, abs(q)
    degree = np.bincount(np.array(bonds, int).ravel(), minlength=len(symbols))
    last = np.eye(size)[-1]
    cost = cost + 0.5 * last
    upper = np.concatenate([np.full(n_bonds, 2.0), np.ones(n_states), [np.inf]])
    rules = [
        LinearConstraint(orders, -degree, -degree),
        LinearConstraint(one_state, 1, 1),
        LinearConstraint(np.stack([last - charge, last + charge]), 0, np.inf),
    ]

    def solve(*more: LinearConstraint) -> OptimizeResult:
        return milp(
            cost,
            integrality=np.ones(size, dtype=int),
            bounds=Bounds(0, upper),
            constraints=[*rules, *more],
        )

    best = solve()
    if best.x is None:
        return None
    total = round(float(charge @ best.x))
    others = (
        solve(LinearConstraint(charge, *span))
        for span in ((total + 1, np.inf), (-np.inf, total - 1))
    )
    rivals = [other for other in others if other.x is not None and other.fun < best.fun + 0.25]
    return None if rivals else total


def _charge_text(charge: int | None) -> str:
    if not charge:
        return ""
    sign = "+" if charge > 0 else "-"
    return sign if abs(charge) == 1 else f"({abs(charge)}{sign})"


@lru_cache(maxsize=1)
def _known_molecules() -> Catalogue[str]:
    known: Catalogue[str] = Catalogue()
    for name, text in KNOWN.items():
        known.add(graph_of(*_skeleton(text)), name)
    return known


def _skeleton(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Graph of a chain as in KNOWN."""
    symbols: list[str] = []
    bonds: list[tuple[int, int]] = []
    chain = []
    for word in text.split():
        part, _, branches = word.rstrip(")").partition("(")
        centre = len(symbols)
        element, _, hydrogens = part.partition("H") if part != "H" else ("H", "", "")
        count = (int(hydrogens) if hydrogens else 1) if "H" in part[1:] else 0
        leaves = ["H"] * count + [leaf for leaf in branches.split(",") if leaf]
        symbols += [element, *leaves]
        bonds += [(centre, centre + 1 + k) for k in range(len(leaves))]
        chain.append(centre)
    return symbols, bonds + list(pairwise(chain))
