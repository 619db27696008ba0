"""Molecules and ions known by name, written as graphs of atoms.

The notation: atoms in a chain, each with its hydrogens; in parentheses branches, separated by
commas; atoms with the same ``*letter`` are bonded. "F C(F,F) S(O,O) O" is triflate, and
"N*a CH CH N CH*a" a ring. Bond orders and charges are not written: a graph does not hold them.
"""

import re
from functools import lru_cache

from physrep.analysis.chemistry.molecular_graphs import Catalogue, graph_of

C2F5 = "C(F,F) C(F,F,F)"
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
    "methanol": "CH3 OH",
    "ethanol": "CH3 CH2 OH",
    "acetaldehyde": "CH3 CH O",
    "acetonitrile": "CH3 C N",
    "nitroethane": "CH3 CH2 N(O) O",
    "ethyl nitrate": "CH3 CH2 O N(O) O",
    # Solvents of batteries.
    "ethylene carbonate": "O C*a O CH2 CH2 O*a",
    "propylene carbonate": "O C*a O CH2 CH(CH3) O*a",
    "vinylene carbonate": "O C*a O CH CH O*a",
    "fluoroethylene carbonate": "O C*a O CH2 CH(F) O*a",
    "dimethyl carbonate": "CH3 O C(O) O CH3",
    "ethyl methyl carbonate": "CH3 CH2 O C(O) O CH3",
    "diethyl carbonate": "CH3 CH2 O C(O) O CH2 CH3",
    "1,2-dimethoxyethane": "CH3 O CH2 CH2 O CH3",
    # Anions of salts, electrolytes and ionic liquids.
    "hexafluorophosphate (PF6)": "F P(F,F,F,F) F",
    "hexafluoroarsenate (AsF6)": "F As(F,F,F,F) F",
    "hexafluoroantimonate (SbF6)": "F Sb(F,F,F,F) F",
    "tris(pentafluoroethyl)trifluorophosphate (FAP)": f"P(F,F,F,{C2F5},{C2F5}) {C2F5}",
    "difluorophosphate": "F P(O,O) F",
    "tetrafluoroborate (BF4)": "F B(F,F) F",
    "bis(oxalato)borate (BOB)": "B*a*b(O C(O) C(O) O*a) O C(O) C(O) O*b",
    "difluoro(oxalato)borate (DFOB)": "B*a(F,F) O C(O) C(O) O*a",
    "tetracyanoborate": "N C B(C N,C N) C N",
    "perchlorate": "O Cl(O,O) O",
    "bis(trifluoromethylsulfonyl)imide (TFSI)": "F C(F,F) S(O,O) N S(O,O) C(F,F) F",
    "bis(fluorosulfonyl)imide (FSI)": "F S(O,O) N S(O,O) F",
    "bis(pentafluoroethylsulfonyl)imide (BETI)": f"N(S(O,O) {C2F5}) S(O,O) {C2F5}",
    "triflate": "F C(F,F) S(O,O) O",
    "methanesulfonate": "CH3 S(O,O) O",
    "methyl sulfate": "CH3 O S(O,O) O",
    "ethyl sulfate": "CH3 CH2 O S(O,O) O",
    "hydrogen sulfate": "OH S(O,O) O",
    "sulfate": "O S(O,O) O",
    "phosphate": "O P(O,O) O",
    "dihydrogen phosphate": "OH P(O,OH) O",
    "carbonate": "O C(O) O",
    "hydrogen carbonate": "OH C(O) O",
    "dicyanamide": "N C N C N",
    "tricyanomethanide": "N C C(C N) C N",
    "thiocyanate": "S C N",
    "azide": "N N N",
    "formate": "O CH O",
    "acetate": "CH3 C(O) O",
    "trifluoroacetate": "F C(F,F) C(O) O",
    "formic acid": "O CH OH",
    "acetic acid": "CH3 C(O) OH",
    "lactate": "CH3 CH(OH) C(O) O",
    "triiodide": "I I I",
    "hydrogen fluoride": "H F",
    "hydrogen chloride": "H Cl",
    # Cations without a family of their own.
    "choline": "OH CH2 CH2 N(CH3,CH3) CH3",
    "guanidinium": "NH2 C(NH2) NH2",
}
KNOWN_CHARGE = {"nitric oxide": 0, "oxygen": 0, "carbon monoxide": 0, "triiodide": -1}
UNKNOWN_CHARGE = {
    "nitrogen dioxide or nitrite",
    "hydroxyl or hydroxide",
    "oxygen atom or ion",
    "hydrogen atom or ion",
}
# Element, name and charge of the ion that an atom without bonds is. Metals that occur with
# several charges (Fe, Cu, Co, ...) are not here: their charge is unknown.
_IONS = """
    Li lithium 1, Na sodium 1, K potassium 1, Rb rubidium 1, Cs caesium 1, Ag silver 1,
    Be beryllium 2, Mg magnesium 2, Ca calcium 2, Sr strontium 2, Ba barium 2, Zn zinc 2,
    Cd cadmium 2, Al aluminium 3, Ga gallium 3, In indium 3, Sc scandium 3, Y yttrium 3,
    La lanthanum 3, Zr zirconium 4, Hf hafnium 4,
    F fluoride -1, Cl chloride -1, Br bromide -1, I iodide -1
"""
SINGLE_IONS = {
    element: (name, int(charge))
    for element, name, charge in (entry.split() for entry in _IONS.split(","))
}
_TOKEN = re.compile(r"(?P<atom>[A-Z][a-z]?)(?P<hydrogens>H\d*)?(?P<ends>(\*[a-z])*)|[(),]")


@lru_cache(maxsize=1)
def known_molecules() -> Catalogue[str]:
    """The names of KNOWN by their graphs."""
    known: Catalogue[str] = Catalogue()
    for name, text in KNOWN.items():
        known.add(graph_of(*skeleton(text)), name)
    return known


def skeleton(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Symbols (n_atoms,) and bonds of a molecule in the notation of this module."""
    symbols: list[str] = []
    bonds: list[tuple[int, int]] = []
    open_ends: dict[str, int] = {}
    branches: list[int] = []
    last = -1
    for token in _TOKEN.finditer(text):
        if token.group() == "(":
            branches.append(last)
        elif token.group() in (",", ")"):
            last = branches[-1] if token.group() == "," else branches.pop()
        else:
            atom = len(symbols)
            hydrogens = token["hydrogens"]
            n_hydrogens = int(hydrogens[1:] or 1) if hydrogens else 0
            symbols += [token["atom"], *["H"] * n_hydrogens]
            bonds += [(atom, atom + 1 + k) for k in range(n_hydrogens)]
            bonds += [(last, atom)] if last >= 0 else []
            for end in token["ends"].split("*")[1:]:
                other = open_ends.setdefault(end, atom)
                bonds += [(other, atom)] if other != atom else []
            last = atom
    return symbols, bonds
