"""What a certificate is made for: potential, system, how thoroughly, compared with which data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from physrep.analysis.structure.contacts import ContactTable, shortest_contacts
from physrep.config import ConfigError
from physrep.covalent import bond_reach, shortest_contact
from physrep.io import Structure
from physrep.studies.certify.levels import Level


class Options(NamedTuple):
    """What is requested in addition to the level.

    bonds: kinds to pull, e.g. ("N-O", "C-H"), all where empty; scan_reference: what scans of bonds
    and ions are compared with, "gfn2", "none" or a model as certify takes it; periodic_scans: also
    pull in the periodic box; committee: further models of the same fit; survival: ps of the NVT
    runs, None for the length of the level.
    """

    bonds: tuple[str, ...] = ()
    scan_reference: str = "gfn2"
    periodic_scans: bool = False
    committee: tuple[str, ...] = ()
    survival: float | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """The inputs of all parts; none of them changes it.

    calculator: of the potential; atoms: the system; data: labelled structures behind the
    potential, may be empty; model: where the calculator came from, a file or ase:...;
    scan_reference: calculator of the reference of scans, or the sentence why there is none;
    committee: calculators of the other members; progress: called with a line at every step.
    """

    calculator: Calculator
    atoms: Atoms
    level: Level
    data: list[Structure]
    seed: int = 0
    model: str = ""
    options: Options = field(default_factory=Options)
    scan_reference: Calculator | str = "skipped"
    committee: tuple[Calculator, ...] = ()
    progress: Callable[[str], None] = lambda line: None

    def contacts(self) -> ContactTable:
        """Shortest distances in the data; without data, the distances at which bonds end.

        Raises:
            ConfigError: the data lacks an element of the system.
        """
        elements = np.unique(self.atoms.numbers)
        if not self.data:
            pairs = elements[:, None], elements
            ends = np.maximum(bond_reach(*pairs), shortest_contact(*pairs))  # of metals the latter
            return ContactTable(elements, np.stack([ends, ends]), float(ends.max()))
        table = shortest_contacts(self.data)
        missing = sorted(set(elements.tolist()) - set(table.elements.tolist()))
        if missing:
            raise ConfigError(
                f"the reference data lacks the element {missing[0]} (atomic number) of the "
                "structure; give data that contains it, or none"
            )
        return table
