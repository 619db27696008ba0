"""Molecules told apart by their graphs, and named by formula, charge guess and, if known, name.

Graph isomorphism: two molecules are the same if their graphs of elements and bonds (without bond
orders) have the same canonical form. Leaves are folded into their neighbours (A. V. Aho, J. E.
Hopcroft, J. D. Ullman, "The Design and Analysis of Computer Algorithms", 1974, Ex. 3.2); what is
left, rings and what joins them, is refined by neighbours, and ties are broken in every possible
way (B. D. McKay, Congressus Numerantium 30 (1981) 45). Stereoisomers are not told apart.

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

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula
from scipy.optimize import Bounds, LinearConstraint, milp

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
LARGEST_CORE = 120  # atoms in rings and between them; beyond, refinement without breaking ties
LARGEST_LEWIS = 200  # atoms; beyond, the charge is unknown


class SpeciesName(NamedTuple):
    """label: formula with charge, e.g. "C2H8N+", "NO2" where the charge is unknown; formula: Hill
    order; charge: e, None: unknown; name: "" where not in KNOWN."""

    label: str
    formula: str
    charge: int | None
    name: str


class SpeciesBook:
    """Names of all molecules of one analysis; isomers of one formula and charge get numbers."""

    def __init__(self) -> None:
        self.names: dict[str, SpeciesName] = {}

    def name(self, species: Iterable[int], pairs: Iterable[Iterable[int]]) -> SpeciesName:
        """Name of a molecule, the same for every isomorphic graph.

        Args:
            species: (n,) atomic numbers; pairs: (n_bonds, 2) indices into it.
        """
        symbols, bonds = _graph(species, pairs)
        key = _canonical(symbols, bonds)
        if key not in self.names:
            found = name_molecule(species, pairs)
            label = found.label
            taken = {known.label for known in self.names.values()}
            number = 2
            while label in taken:
                label, number = f"{found.label} (isomer {number})", number + 1
            self.names[key] = found._replace(label=label)
        return self.names[key]


def canonical_form(species: Iterable[int], pairs: Iterable[Iterable[int]]) -> str:
    """Text that two molecules share if and only if their graphs are isomorphic.

    Args:
        species: (n,) atomic numbers, colours of the nodes; pairs: (n_bonds, 2) indices into it.
    Above LARGEST_CORE ring atoms the text begins with "~", and different graphs may share it.
    """
    return _canonical(*_graph(species, pairs))


def name_molecule(species: Iterable[int], pairs: Iterable[Iterable[int]]) -> SpeciesName:
    """Formula, charge guess and name of one molecule; arguments as `canonical_form`."""
    symbols, bonds = _graph(species, pairs)
    formula = Formula.from_list(symbols).format("hill")
    name = _known_names().get(_canonical(symbols, bonds), "")
    if name in UNKNOWN_CHARGE:
        charge = None
    else:
        charge = KNOWN_CHARGE.get(name, guess_charge(species, pairs))
    return SpeciesName(formula + _charge_text(charge), formula, charge, name)


def guess_charge(species: Iterable[int], pairs: Iterable[Iterable[int]]) -> int | None:
    """Total charge in e of the closed-shell Lewis structure described above, None: unknown."""
    symbols, bonds = _graph(species, pairs)
    if len(symbols) == 1 and symbols[0] in SINGLE_IONS:
        return SINGLE_IONS[symbols[0]]
    if len(symbols) > LARGEST_LEWIS or any(symbol not in STATES for symbol in symbols):
        return None
    return _lewis_charge(symbols, bonds)


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

    def solve(*more: LinearConstraint):
        return milp(
            cost, integrality=np.ones(size), bounds=Bounds(0, upper), constraints=[*rules, *more]
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
def _known_names() -> dict[str, str]:
    return {_canonical(*_skeleton(text)): name for name, text in KNOWN.items()}


def _skeleton(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Graph of a chain as in KNOWN."""
    symbols: list[str] = []
    bonds: list[tuple[int, int]] = []
    chain = []
    for part in text.split():
        part, _, branches = part.rstrip(")").partition("(")
        centre = len(symbols)
        element, _, hydrogens = part.partition("H") if part != "H" else ("H", "", "")
        count = (int(hydrogens) if hydrogens else 1) if "H" in part[1:] else 0
        leaves = ["H"] * count + [leaf for leaf in branches.split(",") if leaf]
        symbols += [element, *leaves]
        bonds += [(centre, centre + 1 + k) for k in range(len(leaves))]
        chain.append(centre)
    return symbols, bonds + list(pairwise(chain))


def _graph(
    species: Iterable[int], pairs: Iterable[Iterable[int]]
) -> tuple[list[str], list[tuple[int, int]]]:
    symbols = [chemical_symbols[int(z)] for z in species]
    bonds = sorted(
        {(min(i, j), max(i, j)) for i, j in np.asarray(pairs, int).reshape(-1, 2).tolist()}
    )
    if any(i == j or j >= len(symbols) or i < 0 for i, j in bonds):
        raise ValueError(f"bonds {bonds} do not belong to {len(symbols)} atoms, counted from 0")
    return symbols, bonds


def _canonical(symbols: list[str], bonds: list[tuple[int, int]]) -> str:
    """Fold leaves layer by layer; then a centre, a central bond, or a core of rings is left."""
    around: list[set[int]] = [set() for _ in symbols]
    for i, j in bonds:
        around[i].add(j)
        around[j].add(i)
    texts, left = list(symbols), set(range(len(symbols)))
    folded: list[list[str]] = [[] for _ in symbols]
    while leaves := [k for k in left if len(around[k]) == 1]:
        if len(left) == 2 and len(leaves) == 2:
            break
        for leaf in leaves:
            texts[leaf] = _text(symbols[leaf], folded[leaf])
        for leaf in leaves:
            (parent,) = around[leaf]
            folded[parent].append(texts[leaf])
            around[parent].discard(leaf)
            left.discard(leaf)
    core = sorted(left)
    texts = [_text(symbols[k], folded[k]) for k in core]
    place = {k: number for number, k in enumerate(core)}
    return _canonical_core(texts, [[place[other] for other in around[k]] for k in core])


def _text(symbol: str, folded: list[str]) -> str:
    return symbol + "".join(f"({part})" for part in sorted(folded))


def _canonical_core(texts: list[str], around: list[list[int]]) -> str:
    """Least description over all ways of breaking ties."""
    ranks = _refined(_ranked(texts), around)
    if len(texts) > LARGEST_CORE:
        return "~" + repr(sorted((texts[k], ranks[k]) for k in range(len(texts))))
    best: str | None = None
    waiting = [ranks]
    while waiting:
        ranks = waiting.pop()
        counts = np.bincount(ranks)
        tied = np.flatnonzero(counts > 1)
        if not len(tied):
            order = sorted(range(len(texts)), key=lambda k: ranks[k])
            edges = sorted(
                (ranks[i], ranks[j]) for i in order for j in around[i] if ranks[i] < ranks[j]
            )
            here = repr(([texts[k] for k in order], edges))
            best = here if best is None else min(best, here)
            continue
        for chosen in (k for k, rank in enumerate(ranks) if rank == tied[0]):
            split = [(rank, k != chosen) for k, rank in enumerate(ranks)]
            waiting.append(_refined(_ranked(split), around))
    return best or ""


def _ranked(keys: list) -> list[int]:
    order = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return [order[key] for key in keys]


def _refined(ranks: list[int], around: list[list[int]]) -> list[int]:
    """Until atoms of one rank have neighbours of the same ranks."""
    while True:
        keys = [(ranks[k], sorted(ranks[other] for other in around[k])) for k in range(len(ranks))]
        finer = _ranked([(rank, *others) for rank, others in keys])
        if max(finer, default=0) == max(ranks, default=0):
            return finer
        ranks = finer
