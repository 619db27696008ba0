"""TorchMD-Net's Equivariant Transformer with the settings its paper uses for MD17 (random weights).

6 layers, 128 channels, 8 heads, 32 radial functions, 5 A; the package's own neighbour list.
"""

import numpy as np
import torch
from ase import Atoms
from torchmdnet.models.model import create_model

from contenders.common import Step, use_threads


def prepare(atoms: Atoms, variant: str = "") -> Step:
    use_threads()
    model = create_model(arguments()).float().eval()
    numbers = torch.tensor(atoms.numbers)
    box = torch.tensor(atoms.cell.array, dtype=torch.float32)

    def step(positions: np.ndarray) -> tuple[float, np.ndarray]:
        pos = torch.tensor(positions, dtype=torch.float32)
        energy, forces = model(numbers, pos, box=box)
        return float(energy.detach()), forces.detach().numpy()

    return step


def arguments() -> dict:
    """What the package's training files would hold."""
    return {
        "model": "equivariant-transformer",
        "embedding_dimension": 128,
        "num_layers": 6,
        "num_rbf": 32,
        "rbf_type": "expnorm",
        "trainable_rbf": False,
        "activation": "silu",
        "attn_activation": "silu",
        "neighbor_embedding": True,
        "num_heads": 8,
        "distance_influence": "both",
        "cutoff_lower": 0.0,
        "cutoff_upper": 5.0,
        "max_z": 100,
        "max_num_neighbors": 96,
        "vector_cutoff": True,
        "aggr": "add",
        "derivative": True,
        "output_model": "Scalar",
        "reduce_op": "sum",
        "prior_model": None,
        "atom_filter": -1,
        "precision": 32,
        "box_vecs": None,
        "static_shapes": False,
        "check_errors": True,
    }
