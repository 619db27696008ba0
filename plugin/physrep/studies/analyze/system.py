"""What is in the first frame: molecules with their names, bonds, angles, hydrogen bond partners."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_masses, chemical_symbols

from physrep.analysis.chemistry.bond_tracking import BondTracker, molecules
from physrep.analysis.chemistry.bonds import bond_kinds
from physrep.analysis.chemistry.species_names import SpeciesBook, SpeciesName
from physrep.config import ConfigError
from physrep.covalent import is_metal
from physrep.io.trajectories.frames import Frame

DONORS = ("F", "N", "O")
ACCEPTORS = ("Br", "Cl", "F", "I", "O")
MOST_KINDS = 6  # of molecules distinguished in figures and tables
OTHERS = "others"


@dataclass(frozen=True, eq=False)
class System:
    """Atoms and molecules as they are in the first frame.

    species: (n_atoms,) atomic numbers; masses: (n_atoms,) amu; bonds: (n_bonds, 2) and angles:
    (n_angles, 3), vertex in the middle, atom indices; molecules: (n_atoms,) number of the molecule
    of each atom; groups: atom indices of each molecule; labels: its label; names: of each label.
    """

    species: np.ndarray
    masses: np.ndarray
    bonds: np.ndarray
    angles: np.ndarray
    molecules: np.ndarray
    groups: list[np.ndarray]
    labels: list[str]
    names: dict[str, SpeciesName]

    @property
    def symbols(self) -> list[str]:
        """(n_atoms,) elements."""
        return [chemical_symbols[z] for z in self.species]

    @property
    def metals(self) -> np.ndarray:
        """(n_atoms,) bool."""
        return is_metal(self.species)

    @property
    def metallic(self) -> bool:
        """Whether there is nothing but metal, whose atoms carry no charge."""
        return bool(self.metals.all())

    @property
    def counts(self) -> Counter[str]:
        """Molecules of each label, the most frequent first."""
        return Counter(dict(Counter(self.labels).most_common()))

    @property
    def kinds(self) -> list[str]:
        """(n_groups,) label of each molecule; beyond MOST_KINDS labels the rare are "others"."""
        shown = [label for label, _ in self.counts.most_common(MOST_KINDS)]
        return [label if label in shown else OTHERS for label in self.labels]

    @property
    def charges(self) -> np.ndarray:
        """(n_groups,) in e, NaN where it is not known."""
        guessed = {label: name.charge for label, name in self.names.items()}
        return np.array([np.nan if guessed[k] is None else guessed[k] for k in self.labels], float)

    def bond_kinds(self) -> list[str]:
        """(n_bonds,) element pairs."""
        return bond_kinds(self.species, self.bonds)

    def angle_kinds(self) -> list[str]:
        """(n_angles,) elements, the ends in alphabetical order, e.g. "C-N-H"."""
        symbols = self.symbols
        ends = [sorted((symbols[i], symbols[k])) for i, _, k in self.angles]
        return [f"{a}-{symbols[j]}-{b}" for (a, b), j in zip(ends, self.angles[:, 1], strict=True)]

    def donors(self) -> np.ndarray:
        """(n, 2) atom indices D and H of the bonds N-H, O-H and F-H."""
        symbols = self.symbols
        both = np.concatenate([self.bonds, self.bonds[:, ::-1]])
        donations = [(d, h) for d, h in both.tolist() if symbols[h] == "H" and symbols[d] in DONORS]
        return np.array(sorted(donations), dtype=np.int64).reshape(-1, 2)

    def acceptors(self) -> np.ndarray:
        """(n,) atom indices: oxygen and halogens, and nitrogen with a lone pair (fewer than four
        bonds, none of them to oxygen).
        """
        symbols = self.symbols
        around: list[list[str]] = [[] for _ in symbols]
        for i, j in self.bonds.tolist():
            around[i].append(symbols[j])
            around[j].append(symbols[i])
        lone = [
            symbol in ACCEPTORS or (symbol == "N" and len(bonded) < 4 and "O" not in bonded)
            for symbol, bonded in zip(symbols, around, strict=True)
        ]
        return np.flatnonzero(lone)


def read_system(
    numbers: np.ndarray,
    frame: Frame,
    book: SpeciesBook | None = None,
    given: Sequence[str] | None = None,
) -> System:
    """The molecules of a frame.

    Args: numbers: (n_atoms,) atomic numbers; book: of the names, by default one without charges
        from the user; given: (n_atoms,) name or number of the molecule of each atom, by default
        bonded atoms are a molecule.

    Raises:
        ValueError: another number of atoms, or positions that are not finite.
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    tracker = BondTracker(numbers)
    tracker.update(frame.positions, frame.cell, frame.pbc)
    bonds = tracker.pairs
    molecule_of = molecules(bonds, len(numbers))
    if given is not None:
        molecule_of = _numbered(given, len(numbers))
        bonds = bonds[molecule_of[bonds[:, 0]] == molecule_of[bonds[:, 1]]]
    order = np.argsort(molecule_of, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(molecule_of))[:-1])
    book = book or SpeciesBook(metallic=bool(is_metal(numbers).all()))
    bonds_of = np.split(
        bonds[np.argsort(molecule_of[bonds[:, 0]], kind="stable")],
        np.cumsum(np.bincount(molecule_of[bonds[:, 0]], minlength=len(groups)))[:-1],
    )
    labels = [
        book.name(numbers[group], np.searchsorted(group, pairs)).label
        for group, pairs in zip(groups, bonds_of, strict=True)
    ]
    names = {label: book.names[label] for label in dict.fromkeys(labels)}
    masses = atomic_masses[numbers]
    return System(numbers, masses, bonds, _angles(bonds), molecule_of, groups, labels, names)


def _numbered(given: Sequence[str], n_atoms: int) -> np.ndarray:
    """(n_atoms,) ints, counted by the lowest atom of each molecule."""
    if len(given) != n_atoms:
        raise ConfigError(
            f"molecules are given for {len(given)} atoms, the trajectory has {n_atoms}: "
            "--molecules needs one line for each atom"
        )
    numbers = {name: k for k, name in enumerate(dict.fromkeys(given))}
    return np.array([numbers[name] for name in given], dtype=np.int64)


def _angles(bonds: np.ndarray) -> np.ndarray:
    """(n_angles, 3): every two bonds that share an atom."""
    around: dict[int, list[int]] = {}
    for i, j in bonds.tolist():
        around.setdefault(i, []).append(j)
        around.setdefault(j, []).append(i)
    found = [
        (ends[a], vertex, ends[b])
        for vertex, ends in sorted(around.items())
        for a in range(len(ends))
        for b in range(a + 1, len(ends))
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 3)
