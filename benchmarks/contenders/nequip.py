"""NequIP as its package suggests for a start: 4 layers, l_max 1, 32 features, 5 A (random weights).

Float32, eager, with the package's own transforms for the neighbour list.
"""

import numpy as np
import torch
from ase import Atoms
from nequip.data import AtomicDataDict, from_ase
from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
from nequip.model import NequIPGNNModel
from nequip.utils.global_state import set_global_state

from contenders.common import Step, use_threads

CUTOFF = 5.0  # A


def prepare(atoms: Atoms, variant: str = "") -> Step:
    use_threads()
    set_global_state()
    names = sorted(set(atoms.get_chemical_symbols()))
    model = NequIPGNNModel(
        seed=0,
        model_dtype="float32",
        r_max=CUTOFF,
        type_names=names,
        num_layers=4,
        l_max=1,
        num_features=32,
        avg_num_neighbors=50.0,
    ).eval()
    transforms = [ChemicalSpeciesToAtomTypeMapper(names), NeighborListTransform(r_max=CUTOFF)]
    atoms = atoms.copy()

    def step(positions: np.ndarray) -> tuple[float, np.ndarray]:
        atoms.positions = positions
        data = from_ase(atoms)
        for transform in transforms:
            data = transform(data)
        out = model(AtomicDataDict.to_(data, torch.device("cpu")))
        return float(out["total_energy"].detach()), out["forces"].detach().numpy()

    return step
