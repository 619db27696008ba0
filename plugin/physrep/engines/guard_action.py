"""Where the short-range guard of a potential acts: pairs nearer than the training data support."""

from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from physrep.analysis.chemistry.bonds import neighbor_pairs
from physrep.engines.bound_topology import types_of


class GuardedPair(NamedTuple):
    """Two atoms nearer than the limit below which the guard acts.

    atoms: their indices, from 0; elements: e.g. "O-H"; distance, limit: A.
    """

    atoms: list[int]
    elements: str
    distance: float
    limit: float

    def line(self) -> str:
        """For people."""
        i, j = self.atoms
        return (
            f"atoms {i} and {j} ({self.elements}), {self.distance:.3f} A apart; the guard acts "
            f"below {self.limit:.3f} A"
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self._asdict()


def guard_limits(calculator: BaseCalculator) -> np.ndarray | None:
    """Distances (n_types, n_types) in A below which the guard acts; None without a guard.

    Calculators of other packages, published models and potentials without a repulsion have none.
    """
    limits = getattr(getattr(calculator, "potential", None), "guard_limits", None)
    return None if limits is None else limits.numpy()


def guarded_pairs(calculator: BaseCalculator, atoms: Atoms) -> list[GuardedPair]:
    """The pairs of a frame in which the guard acts, that furthest below its limit first.

    Raises:
        ExportError: an element the potential does not know.
    """
    limits = guard_limits(calculator)
    if limits is None or not limits.max() > 0.0:
        return []
    ours: Any = vars(calculator)["potential"]  # it has limits
    elements = atoms.get_chemical_symbols()
    types = types_of(elements, ours.symbols, ours.path)
    i, j, distances = neighbor_pairs(
        atoms.positions, atoms.cell.array, atoms.pbc, float(limits.max())
    )
    known = limits[types[i], types[j]]
    acts = np.flatnonzero(distances < known)
    return [
        GuardedPair(
            [int(i[k]), int(j[k])],
            f"{elements[i[k]]}-{elements[j[k]]}",
            float(distances[k]),
            float(known[k]),
        )
        for k in acts[np.argsort((distances / known)[acts])]
    ]
