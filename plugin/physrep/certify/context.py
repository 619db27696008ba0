"""What a certificate is made for: potential, system, how thoroughly, against which data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.data import covalent_radii
from matplotlib.figure import Figure

from physrep.analysis.bonds import BOND_FACTOR
from physrep.analysis.contacts import ContactTable, shortest_contacts
from physrep.certify.check import Check
from physrep.config import ConfigError
from physrep.io import Structure


class Level(NamedTuple):
    """temperatures: K; seeds: runs at each; survival, conservation, equilibration: ps;
    perturbed: how many times the ions are perturbed and relaxed."""

    temperatures: tuple[float, ...]
    seeds: int
    survival: float
    conservation: float
    equilibration: float
    perturbed: int


LEVELS = {
    "quick": Level((300.0,), 1, 0.5, 0.1, 0.05, 1),
    "standard": Level((300.0, 400.0), 2, 5.0, 0.5, 0.5, 3),
    "full": Level((300.0, 400.0, 500.0), 3, 20.0, 4.0, 2.0, 10),
}


@dataclass(frozen=True, eq=False)
class Context:
    """calculator: of the potential; atoms: the system; data: labelled structures behind the
    potential, may be empty; progress: called with a line at every step of the work."""

    calculator: Calculator
    atoms: Atoms
    level: Level
    data: list[Structure]
    seed: int = 0
    progress: Callable[[str], None] = lambda line: None

    def contacts(self) -> ContactTable:
        """Shortest distances in the data; without data, the sums of the covalent radii times 1.25.

        Raises:
            ConfigError: the data lacks an element of the system.
        """
        elements = np.unique(self.atoms.numbers)
        if not self.data:
            radii = covalent_radii[elements]
            sums = BOND_FACTOR * (radii[:, None] + radii[None, :])
            return ContactTable(elements, np.stack([sums, sums]), float(sums.max()))
        table = shortest_contacts(self.data)
        missing = sorted(set(elements.tolist()) - set(table.elements.tolist()))
        if missing:
            raise ConfigError(
                f"the reference data lacks the element {missing[0]} (atomic number) of the "
                "structure; give data with it, or none"
            )
        return table


class Part(NamedTuple):
    """One section of the report. name: one word; figures: with their captions."""

    name: str
    heading: str
    text: str
    checks: list[Check]
    figures: list[tuple[Figure, str]]


def level_of(name: str) -> Level:
    """A level by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in LEVELS:
        raise ConfigError(f"level = {name!r}: choose one of {', '.join(LEVELS)}")
    return LEVELS[name]
