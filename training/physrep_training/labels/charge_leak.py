"""Charge that closed-shell GFN2-xTB lets leak between ions that do not touch."""

import numpy as np
from ase import Atoms

# With N-H...O at 1.6 A, an ion of ethylammonium nitrate has up to 0.15 e less than alone; with its
# nearest neighbour at 3 A, 0.001 e.
TOUCHING = 3.0  # A
MOST_APART, MOST_TOUCHING = 0.02, 0.3  # e


def leaked_charge(atoms: Atoms, charges: np.ndarray) -> float:
    """The largest charge in e that an ion has lost or won without a reason, 0 where none has.

    The reason is a neighbour: an ion that touches none may differ from its own charge by
    MOST_APART, any other by MOST_TOUCHING.

    Args:
        atoms: with a column ``ion`` and ``ion_charges``, as `physrep ions` writes them; of others,
            and of periodic frames, nothing is said (0). charges: (n_atoms,) e.
    """
    ions, stated = atoms.arrays.get("ion"), np.atleast_1d(atoms.info.get("ion_charges", ()))
    if ions is None or len(stated) < 2 or ions.max() != len(stated) - 1 or atoms.pbc.any():
        return 0.0
    differences = np.abs(np.bincount(ions, weights=charges) - stated)
    lengths = atoms.get_all_distances()
    lengths[ions[:, None] == ions] = np.inf
    nearest = np.array([lengths[ions == k].min() for k in range(len(stated))])
    limits = np.where(nearest < TOUCHING, MOST_TOUCHING, MOST_APART)
    return float(np.max(differences * (differences > limits), initial=0.0))
