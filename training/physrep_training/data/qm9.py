"""QM9 from torch_geometric's data set to extended XYZ.

R. Ramakrishnan, P. O. Dral, M. Rupp and O. A. von Lilienfeld, Sci. Data 1 (2014) 140022.
"""

from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from torch_geometric.data import Data

from physrep.config import ConfigError
from physrep.output import replacing
from physrep.progress import progress

U0, U0_ATOMIZATION = 7, 12  # columns of torch_geometric's QM9.y, eV


def to_atoms(molecule: Data) -> Atoms:
    """One molecule with its energies; z (n_atoms,), pos (n_atoms, 3) A, y (1, 19).

    y is float32 there: U0 of 10,000 eV is known to 0.5 meV, the atomization energy to 0.005 meV.
    """
    atoms = Atoms(molecule.z.numpy(), molecule.pos.double().numpy())
    labels = molecule.y.double().flatten()
    atoms.info.update(U0_eV=float(labels[U0]), U0_atomization_eV=float(labels[U0_ATOMIZATION]))
    return atoms


def write_qm9(data: Sequence[Data], output: Path, n: int | None, seed: int) -> int:
    """Write all or ``n`` molecules drawn at random, in the order of the data; returns how many.

    Raises:
        ConfigError: more are asked for than there are.
    """
    if n is not None and not 1 <= n <= len(data):
        raise ConfigError(f"--molecules {n}: the data set has {len(data)}; ask for 1 to that many")
    chosen = np.arange(len(data))
    if n is not None:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(data))[:n])
    with replacing(output) as partial, partial.open("w") as file:
        for k in progress(chosen.tolist(), "qm9", "molecule"):
            ase.io.write(file, to_atoms(data[k]), format="extxyz")
    return len(chosen)
