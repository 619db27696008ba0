"""Molecules from SMILES strings: elements, bonds, formal charges."""

import re
from typing import Any, NamedTuple

import numpy as np
from ase.data import atomic_masses
from rdkit import Chem, rdBase

from physrep.analysis.chemistry.species_names import name_molecule
from physrep.config import ConfigError
from physrep.covalent import is_metal
from physrep.progress import plural

_ATOM_NUMBER = re.compile(r"atom # (\d+)")


class Molecule(NamedTuple):
    """One molecule or ion.

    smiles: as given; graph: RDKit's molecule with all hydrogens, without positions; numbers:
    (n_atoms,) atomic numbers; formal_charges: (n_atoms,) e, whole; bonds: (n_bonds, 2) indices.
    """

    smiles: str
    graph: Any
    numbers: np.ndarray
    formal_charges: np.ndarray
    bonds: np.ndarray

    @property
    def charge(self) -> int:
        """In e."""
        return int(self.formal_charges.sum())

    @property
    def mass(self) -> float:
        """In g/mol, of the elements in nature."""
        return float(atomic_masses[self.numbers].sum())

    @property
    def label(self) -> str:
        """Formula with charge, as ``physrep analyze`` writes it: C2H8N+."""
        formula = name_molecule(self.numbers, self.bonds).formula
        sign = "+" if self.charge > 0 else "-"
        if abs(self.charge) < 2:
            return formula + sign * abs(self.charge)
        return f"{formula}({abs(self.charge)}{sign})"

    @property
    def name(self) -> str:
        """Its name, "" where physrep has none for it."""
        return name_molecule(self.numbers, self.bonds).name


def read_smiles(text: str) -> list[Molecule]:
    """The molecules of a SMILES string, which dots separate, with all their hydrogens.

    Raises:
        ConfigError: no SMILES, an impossible valence, a radical, a bare proton, a placeholder or
            an isotope.
    """
    with rdBase.BlockLogs():
        graph = _parse(text)
        pieces = Chem.GetMolFrags(Chem.AddHs(graph), asMols=True)
    return [_checked(text, piece) for piece in pieces]


def is_smiles(text: str) -> bool:
    """Whether RDKit reads it."""
    with rdBase.BlockLogs():
        return bool(text) and Chem.MolFromSmiles(text) is not None


def _parse(text: str) -> Any:
    graph = Chem.MolFromSmiles(text, sanitize=False)
    if graph is None or not graph.GetNumAtoms():
        raise ConfigError(
            f"{text!r} is not a SMILES string; write each molecule as, for example, CC[NH3+], in "
            "quotes (https://en.wikipedia.org/wiki/SMILES)"
        )
    problems = Chem.DetectChemistryProblems(graph)
    if problems:
        found = _ATOM_NUMBER.sub(r"atom \1", problems[0].Message())
        raise ConfigError(
            f"{text!r} is no possible molecule: {found} (atoms are counted from 0, without "
            "hydrogens); are charges missing, as in C[N+](C)(C)C?"
        )
    Chem.SanitizeMol(graph)
    return graph


def _checked(text: str, graph: Any) -> Molecule:
    atoms = list(graph.GetAtoms())
    numbers = np.array([atom.GetAtomicNum() for atom in atoms])
    if not numbers.all():
        raise ConfigError(f"{text!r} holds a placeholder (*); write the atom that stands there")
    if any(atom.GetIsotope() for atom in atoms):
        raise ConfigError(
            f"{text!r} names an isotope, which neither a potential nor a file of a box tells from "
            "its element; leave the mass number out, and set masses in the engine"
        )
    if numbers.tolist() == [1]:
        raise ConfigError(
            f"{text!r} holds a bare proton or hydrogen atom; write a proton with its base, as in "
            "[OH3+]"
        )
    unpaired = sum(
        atom.GetNumRadicalElectrons()
        for atom in atoms
        if not (is_metal(atom.GetAtomicNum()) and atom.GetFormalCharge())
    )
    if unpaired:
        raise ConfigError(
            f"{text!r} is a radical ({unpaired} unpaired {plural('electron', unpaired)}); write "
            "the ion with its charge, as in [Li+], or all hydrogens of an atom in brackets, as in "
            "C[NH3+]"
        )
    charges = np.array([atom.GetFormalCharge() for atom in atoms])
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in graph.GetBonds()]
    graph.RemoveAllConformers()
    smiles = Chem.MolToSmiles(Chem.RemoveHs(graph))
    return Molecule(smiles, graph, numbers, charges, np.array(sorted(bonds), int).reshape(-1, 2))
