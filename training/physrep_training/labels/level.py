"""What labels are, and what a method is that computes them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms

from physrep_training.labels.electrons import Electrons


class Labels(NamedTuple):
    """energy: eV; forces: (n, 3) eV/A; charges: (n,) e; dipole: (3,) e A about the origin, of
    frames that are not periodic; stress: (6,) eV/A^3 in ASE's order, of frames that are periodic in
    three directions. None where the method has it not. way: how, after the name of the method.
    """

    energy: float
    forces: np.ndarray
    charges: np.ndarray | None = None
    dipole: np.ndarray | None = None
    stress: np.ndarray | None = None
    way: str = ""


class LabelMethod(ABC):
    """Computes labels; opens and imports nothing heavy before the first frame, because processes
    are started in between.
    """

    name: str
    """Level of theory: the name of the method, or functional and basis."""
    program: str
    """With its version."""
    settings: str
    """key=value of everything that may change a number."""

    def check(self, atoms: Atoms, electrons: Electrons) -> None:
        """Asked of every frame before the work.

        Raises:
            ValueError: it can have no labels by this method; the message says what to do.
        """
        return

    def remarks(self, frames: Sequence[Atoms]) -> list[str]:
        """What a user must know of these frames with this method, before the work."""
        return []

    @abstractmethod
    def compute(self, atoms: Atoms, electrons: Electrons) -> Labels:
        """Labels of a frame.

        Raises:
            RuntimeError, ValueError, ArithmeticError: it has none, as where the self-consistent
                cycle does not converge.
        """
