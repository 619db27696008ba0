"""Argon, and calculators that are sound or made wrong on purpose."""

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones


def argon(pbc: bool = True) -> Atoms:
    """32 atoms of a rattled crystal, or 9 of them in vacuum."""
    atoms = bulk("Ar", "fcc", a=5.4, cubic=True) * (2, 2, 2)
    atoms.rattle(0.1, seed=1)
    if not pbc:
        atoms = atoms[:9]
        atoms.pbc = False
        atoms.cell = None
    return atoms


def smooth_lj() -> Calculator:
    """Argon's Lennard-Jones potential with a smooth cutoff."""
    return LennardJones(sigma=3.4, epsilon=0.0103, rc=8.0, ro=6.5, smooth=True)


class Wrong(Calculator):
    """A sound calculator whose results go through a function (atoms, energy, forces)."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, change: Callable[[Atoms, float, np.ndarray], tuple]) -> None:
        super().__init__()
        self.change, self.sound = change, smooth_lj()

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        copy = atoms.copy()
        copy.calc = self.sound
        energy, forces = self.change(atoms, copy.get_potential_energy(), copy.get_forces())
        self.results = {"energy": energy, "forces": forces}
