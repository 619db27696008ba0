"""Molecules named by formula, charge guess and, if known, name.

Two molecules are the same if their graphs are (:mod:`physrep.analysis.chemistry.molecular_graphs`).

Charge guess: the closed-shell Lewis structure of fewest formal charges, out of the states in
STATES (valence and formal charge), and of those with equally many the one of smallest total
charge. It is None, "unknown", where there is no such structure (radicals, carbanions, elements
not in STATES), where two total charges are equally good, and for fragments that occur both as
radical and as ion (NO2 and nitrite, OH, O, H: see UNKNOWN_CHARGE). An atom without bonds is the
ion of SINGLE_IONS. A graph in several pieces has the sum of their charges. A graph holds no
electrons: this is bookkeeping, no result of a calculation.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import networkx as nx
import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from ase.formula import Formula
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from physrep.analysis.chemistry.ion_families import family_name
from physrep.analysis.chemistry.known_molecules import (
    KNOWN,
    KNOWN_CHARGE,
    SINGLE_IONS,
    UNKNOWN_CHARGE,
    known_molecules,
)
from physrep.analysis.chemistry.molecular_graphs import Catalogue, elements_of, molecular_graph
from physrep.covalent import is_metal

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
    **dict.fromkeys(("P", "As", "Sb"), ((3, 0), (5, 0), (4, 1), (6, -1))),
    "S": ((2, 0), (1, -1), (3, 1), (4, 0), (6, 0)),
    "Cl": ((1, 0), (7, 0)),
    "Br": ((1, 0),),
    "I": ((1, 0),),
}
LARGEST_LEWIS = 200  # atoms; beyond, the charge is unknown
TOTAL_CHARGE_COST = 0.5  # below that of a formal charge: decides between equally many of these


class SpeciesName(NamedTuple):
    """label: formula with charge, e.g. "C2H8N+", "NO2" where the charge is unknown; formula: Hill
    order; charge: e, None: unknown; name: "" where it has none here.
    """

    label: str
    formula: str
    charge: float | None
    name: str

    def called(self, key: str) -> bool:
        """Whether a user who writes ``key`` means this: its label, its formula in any order, its
        name, or the short name in parentheses, as in "triflate", "TFSI", "PF6", "CH3COO".
        """
        short = self.name.rpartition("(")[2].rstrip(")")
        return key in (self.label, self.name, short) or hill_formula(key) == self.formula


class SpeciesBook:
    """Names of all molecules of one analysis; isomers of one formula and charge get numbers.

    names: label -> name, in the order in which they were met.
    """

    def __init__(self, charges: Mapping[str, float] | None = None, metallic: bool = False) -> None:
        """Args: charges: in e, in place of guesses, by what :meth:`SpeciesName.called` takes;
        metallic: single atoms of metals are neutral, as there is nothing but metal.

        Raises:
            ValueError: a charge of something that is no formula and no name.
        """
        self.charges, self.metallic = dict(charges or {}), metallic
        for key in self.charges:
            if not hill_formula(key) and key not in _names():
                raise ValueError(
                    f"a charge is given for {key!r}, which is neither a formula nor a name known "
                    "here; write it as in the table of molecules, for example PF6=-1"
                )
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
        named = self._charged(_named(graph))
        label, number = named.label, 2
        while label in self.names:
            label, number = f"{named.label} (isomer {number})", number + 1
        self.names[label] = named._replace(label=label)
        self._known.add(graph, self.names[label])
        return self.names[label]

    def _charged(self, named: SpeciesName) -> SpeciesName:
        """With the charge that the user or the surroundings give."""
        charge = named.charge
        if self.metallic and named.formula in chemical_symbols:
            charge = 0 if is_metal(atomic_numbers[named.formula]) else charge
        for key, given in self.charges.items():
            charge = given if named.called(key) else charge
        return named._replace(label=named.formula + _charge_text(charge), charge=charge)


def hill_formula(text: str) -> str:
    """A formula in Hill order, "PF6" -> "F6P"; "" of a text that is none."""
    try:
        counts = Formula(text).count()
    except ValueError:
        return ""
    known = counts and all(symbol in chemical_symbols[1:] for symbol in counts)
    return Formula(text).format("hill") if known else ""


def _names() -> set[str]:
    """All names of KNOWN, long and short."""
    return set(KNOWN) | {name.rpartition("(")[2].rstrip(")") for name in KNOWN}


def name_molecule(species: Iterable[int], pairs: Iterable[Iterable[int]]) -> SpeciesName:
    """Formula, charge guess and name of one molecule; arguments as :meth:`SpeciesBook.name`."""
    return _named(molecular_graph(species, pairs))


def _named(graph: nx.Graph) -> SpeciesName:
    formula = Formula.from_list(elements_of(graph)).format("hill")
    name, charge = _name_of(graph, formula), _charge_of(graph)
    return SpeciesName(formula + _charge_text(charge), formula, charge, name)


def _name_of(graph: nx.Graph, formula: str) -> str:
    if formula in SINGLE_IONS:
        return SINGLE_IONS[formula][0]
    if len(graph) > LARGEST_LEWIS or not nx.is_connected(graph):
        return ""
    return known_molecules().find(graph) or family_name(graph)


def guess_charge(species: Iterable[int], pairs: Iterable[Iterable[int]]) -> int | None:
    """Total charge in e of the closed-shell Lewis structure described above, None: unknown."""
    return _charge_of(molecular_graph(species, pairs))


def _charge_of(graph: nx.Graph) -> int | None:
    """Of the whole graph, the sum over its connected pieces."""
    pieces = [nx.convert_node_labels_to_integers(graph.subgraph(sorted(piece)), ordering="sorted")
              for piece in nx.connected_components(graph)]  # fmt: skip
    charges = [_charge_of_piece(piece) for piece in pieces]
    known = [charge for charge in charges if charge is not None]
    return sum(known) if len(known) == len(charges) else None


def _charge_of_piece(graph: nx.Graph) -> int | None:
    symbols = elements_of(graph)
    if len(symbols) == 1 and symbols[0] in SINGLE_IONS:
        return SINGLE_IONS[symbols[0]][1]
    name = known_molecules().find(graph) or ""
    if name in UNKNOWN_CHARGE or name in KNOWN_CHARGE:
        return KNOWN_CHARGE.get(name)
    if len(symbols) > LARGEST_LEWIS or any(symbol not in STATES for symbol in symbols):
        return None
    return _lewis_charge(symbols, sorted((min(bond), max(bond)) for bond in graph.edges))


class _LewisProgram(NamedTuple):
    """Lewis structures as integers: extra order of each bond, one state for each atom, and |total
    charge| as the last one.

    charge, cost, upper: (n_integers,): what each adds to the total charge in e, what it costs, how
    large it may be.
    """

    charge: np.ndarray
    cost: np.ndarray
    upper: np.ndarray
    rules: list[LinearConstraint]

    def best(self, *more: LinearConstraint) -> OptimizeResult:
        """The structure of lowest cost; ``x`` is None where there is none."""
        return milp(
            self.cost,
            integrality=np.ones(len(self.cost), dtype=int),
            bounds=Bounds(0, self.upper),
            constraints=[*self.rules, *more],
        )


def _lewis_program(symbols: list[str], bonds: list[tuple[int, int]]) -> _LewisProgram:
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
    upper = np.concatenate([np.full(n_bonds, 2.0), np.ones(n_states), [np.inf]])
    rules = [
        LinearConstraint(orders, -degree, -degree),
        LinearConstraint(one_state, 1, 1),
        LinearConstraint(np.stack([last - charge, last + charge]), 0, np.inf),
    ]
    return _LewisProgram(charge, cost + TOTAL_CHARGE_COST * last, upper, rules)


def _lewis_charge(symbols: list[str], bonds: list[tuple[int, int]]) -> int | None:
    """None where no structure exists, or one of another total charge is as good."""
    program = _lewis_program(symbols, bonds)
    best = program.best()
    if best.x is None:
        return None
    total = round(float(program.charge @ best.x))
    for span in ((total + 1, np.inf), (-np.inf, total - 1)):
        other = program.best(LinearConstraint(program.charge, *span))
        if other.x is not None and other.fun < best.fun + 0.5 * TOTAL_CHARGE_COST:
            return None
    return total


def _charge_text(charge: float | None) -> str:
    if not charge:
        return ""
    sign = "+" if charge > 0 else "-"
    return sign if abs(charge) == 1 else f"({abs(charge):g}{sign})"
