"""An energy that labels of periodic cells contain and labels of isolated structures do not.

E = (sum_i b_i)^2 / V, with b_i of the elements and V the volume. A method has it that gives the
slowly decaying part of an interaction an average of zero in a periodic cell, as GFN2-xTB of tblite
0.8.0 seems to do: docs/tutorials/sampling.md.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from ase.data import atomic_numbers

from physrep.config import ConfigError
from physrep.io.structures.structure import Structure


def elements_of(background: Mapping[str, float]) -> dict[int, float]:
    """Atomic number -> b in (eV A^3)^(1/2), from chemical symbol -> b.

    Raises:
        ConfigError: no such element.
    """
    unknown = [symbol for symbol in background if atomic_numbers.get(symbol, 0) == 0]
    if unknown:
        raise ConfigError(f"cell_background: {unknown[0]!r} is no element; give symbols, as N=3.54")
    return {atomic_numbers[symbol]: float(b) for symbol, b in background.items()}


def without_background(
    structures: Iterable[Structure], background: Mapping[str, float]
) -> Iterator[Structure]:
    """The structures, with E subtracted from the labels of those periodic in three directions.

    The virial of E, which is E in each diagonal component, is subtracted too; forces have none.

    Args:
        background: chemical symbol -> b in (eV A^3)^(1/2); elements that are left out have 0.

    Raises:
        ConfigError: no such element.
    """
    weights = elements_of(background)
    for structure in structures:
        if not weights or not structure.pbc.all():
            yield structure
            continue
        total = sum(b * float((structure.species == z).sum()) for z, b in weights.items())
        energy = total**2 / abs(float(np.linalg.det(structure.cell)))
        less = structure
        if structure.energy is not None:
            less = dataclasses.replace(less, energy=structure.energy - energy)
        if structure.virial is not None:
            less = dataclasses.replace(less, virial=structure.virial - energy * np.eye(3))
        yield less
