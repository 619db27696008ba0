"""Calculators with known statistics, for tests of sampling."""

import os
import signal
import time
from typing import Any

import numpy as np
from ase import units
from ase.calculators.calculator import Calculator, all_changes


class Springs(Calculator):
    """Every atom on a spring of k (eV/A^2) to the origin. ``seconds`` of each call; with ``bad``
    something goes wrong at call ``n``: "fails", "nan", "dies" (the process is killed).
    """

    implemented_properties = ["energy", "forces"]

    def __init__(self, k: float = 0.02, seconds: float = 0.0, bad: str = "", n: int = 0) -> None:
        super().__init__()
        self.k, self.seconds, self.bad, self.n, self.calls = k, seconds, bad, n, 0

    def calculate(self, atoms: Any = None, properties: Any = (), changes: Any = all_changes):
        super().calculate(atoms, properties, changes)
        time.sleep(self.seconds)
        self.calls += 1
        energy = 0.5 * self.k * float((atoms.positions**2).sum())
        if self.bad and self.calls > self.n:
            if self.bad == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.bad == "fails":
                raise RuntimeError("no convergence")
            energy = np.nan
        self.results = {"energy": energy, "forces": -self.k * atoms.positions}


class Balloon(Calculator):
    """No forces; E = B/2 (V - V0)^2 / V0 of the cell alone. B: GPa; V0: A^3."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, modulus: float = 3.0, volume: float = 1000.0) -> None:
        super().__init__()
        self.modulus, self.volume = modulus * units.GPa, volume

    def calculate(self, atoms: Any = None, properties: Any = (), changes: Any = all_changes):
        super().calculate(atoms, properties, changes)
        strain = atoms.get_volume() / self.volume - 1.0
        self.results = {
            "energy": 0.5 * self.modulus * self.volume * strain**2,
            "forces": np.zeros((len(atoms), 3)),
            "stress": self.modulus * strain * np.array([1.0, 1, 1, 0, 0, 0]),
        }


class Approach(Springs):
    """The first atom is driven to the second: they meet."""

    def calculate(self, atoms: Any = None, properties: Any = (), changes: Any = all_changes):
        super().calculate(atoms, properties, changes)
        forces = np.zeros((len(atoms), 3))
        forces[0] = 0.2 * (atoms.positions[1] - atoms.positions[0])
        self.results = {"energy": 0.0, "forces": forces}
