"""Calculators that are made for tests of labelling: slow, failing, fatal."""

import os
import signal
import time
from typing import Any

import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Toy(Calculator):
    """Springs to the origin, E = k/2 sum r^2; the frame with x > 50 A in front is ``bad``.

    bad: "fails" (no convergence), "dies" (the process is killed), "nan".
    """

    implemented_properties = ["energy", "forces"]

    def __init__(self, k: float = 2.0, seconds: float = 0.0, bad: str = "") -> None:
        super().__init__()
        self.k, self.seconds, self.bad = k, seconds, bad

    def calculate(self, atoms: Any = None, properties: Any = (), changes: Any = all_changes):
        super().calculate(atoms, properties, changes)
        time.sleep(self.seconds)
        if self.bad and atoms.positions[0, 0] > 50.0:
            if self.bad == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.bad == "fails":
                raise RuntimeError("no convergence")
        energy = 0.5 * self.k * float((atoms.positions**2).sum())
        if self.bad == "nan" and atoms.positions[0, 0] > 50.0:
            energy = np.nan
        self.results = {"energy": energy, "forces": -self.k * atoms.positions}
