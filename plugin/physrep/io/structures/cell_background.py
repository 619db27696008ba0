"""The background that energies of periodic cells may hold and those of isolated structures not.

A method may take the slowly decaying part of an interaction, in a periodic cell, with an average of
zero. Its energy then lacks E = (sum_i b_i)^2 / V or has it too much, with b_i of the elements and V
the volume: GFN2-xTB of tblite 0.8.0, docs/tutorials/sampling.md.
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
    """Structures whose labels, where periodic in three directions, have E taken off.

    The virial loses that of E, which is E in each diagonal component, and forces lose nothing.

    Args:
        background: chemical symbol -> b in (eV A^3)^(1/2); elements that are left out have 0.

    Raises:
        ConfigError: no such element.
    """
    weights = elements_of(background)
    for structure in structures:
        if not weights or not structure.pbc.all() or structure.energy is None:
            yield structure
            continue
        total = sum(b * float((structure.species == z).sum()) for z, b in weights.items())
        energy = total**2 / abs(float(np.linalg.det(structure.cell)))
        virial = structure.virial
        if virial is not None:
            virial = virial - energy * np.eye(3)
        yield dataclasses.replace(structure, energy=structure.energy - energy, virial=virial)
