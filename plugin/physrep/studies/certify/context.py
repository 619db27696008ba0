"""What a certificate is made for: potential, system, how thoroughly, against which data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from matplotlib.figure import Figure

from physrep.analysis.structure.contacts import ContactTable, shortest_contacts
from physrep.config import ConfigError
from physrep.covalent import bond_reach
from physrep.io import Structure
from physrep.studies.analyze.chapter import Chapter
from physrep.studies.certify.check import Check
from physrep.studies.certify.survival import Run

if TYPE_CHECKING:
    from physrep.studies.certify.liquid import Liquid


class Level(NamedTuple):
    """temperatures: K; seeds: runs at each; survival, conservation, equilibration: ps;
    perturbed: how many times the ions are perturbed and relaxed; scan_points: of a relaxed bond
    scan; samples: frames of the runs that are compared with the data; ion_pair: an ion pair beside
    the single ions; npt: ps at constant pressure, 0 for none."""

    temperatures: tuple[float, ...]
    seeds: int
    survival: float
    conservation: float
    equilibration: float
    perturbed: int
    scan_points: int = 13
    samples: int = 10
    ion_pair: bool = False
    npt: float = 0.0


LEVELS = {
    "quick": Level((300.0,), 1, 0.5, 0.1, 0.05, 1),
    "standard": Level((300.0, 400.0), 2, 5.0, 0.5, 0.5, 3, 26, 60, True),
    "full": Level((300.0, 400.0, 500.0), 3, 20.0, 4.0, 2.0, 10, 51, 200, True, 20.0),
}


class Options(NamedTuple):
    """What is asked for beyond the level. bonds: kinds to pull, e.g. ("N-O", "C-H"), all where
    empty; scan_reference: what scans are compared with, "gfn2", "none" or a model as certify takes
    it; periodic_scans: also pull in the periodic box; committee: further models of one fit;
    survival: ps of the NVT runs, None for the level's."""

    bonds: tuple[str, ...] = ()
    scan_reference: str = "gfn2"
    periodic_scans: bool = False
    committee: tuple[str, ...] = ()
    survival: float | None = None


@dataclass(frozen=True, eq=False)
class Context:
    """calculator: of the potential; atoms: the system; data: labelled structures behind the
    potential, may be empty; model: where the calculator came from, a file or ase:...; options;
    scan_reference: calculator of the reference of bond scans, or the sentence why there is none;
    committee: calculators of the other members; progress: called with a line at every step of the
    work; runs, liquids: filled by the parts survival and structure for those after them."""

    calculator: Calculator
    atoms: Atoms
    level: Level
    data: list[Structure]
    seed: int = 0
    model: str = ""
    options: Options = field(default_factory=Options)
    scan_reference: Calculator | str = "left out"
    committee: tuple[Calculator, ...] = ()
    progress: Callable[[str], None] = lambda line: None
    runs: list[Run] = field(default_factory=list)
    liquids: list["Liquid"] = field(default_factory=list)

    def contacts(self) -> ContactTable:
        """Shortest distances in the data; without data, the sums of the covalent radii times 1.25.

        Raises:
            ConfigError: the data lacks an element of the system.
        """
        elements = np.unique(self.atoms.numbers)
        if not self.data:
            sums = bond_reach(elements[:, None], elements)
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
    """One section of the report. name: one word; figures: with their captions; chapters: further
    ones, as of ``physrep analyze``."""

    name: str
    heading: str
    text: str
    checks: list[Check]
    figures: list[tuple[Figure, str]]
    chapters: Sequence[Chapter] = ()


def level_of(name: str, survival: float | None = None) -> tuple[Level, str]:
    """A level by its name, and what it is called where its NVT runs have another length (ps).

    Raises:
        ConfigError: there is none of that name; a length that is not positive.
    """
    if name not in LEVELS:
        raise ConfigError(f"level = {name!r}: choose one of {', '.join(LEVELS)}")
    level = LEVELS[name]
    if survival is None or survival == level.survival:
        return level, name
    if not 0.0 < survival < float("inf"):
        raise ConfigError(f"survival = {survival:g}: must be positive, in ps")
    return level._replace(survival=survival), f"{name}, NVT of {survival:g} ps"
