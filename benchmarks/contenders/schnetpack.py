"""SchNet (128 features, 6 interactions) and PaiNN (128, 3), 5 A, random weights, from SchNetPack.

Through the parts its ASE calculator is made of: AtomsConverter with a MatScipy neighbour list.
"""

import torch
from schnetpack import properties
from schnetpack.atomistic import Atomwise, Forces, PairwiseDistances
from schnetpack.interfaces import AtomsConverter
from schnetpack.model import NeuralNetworkPotential
from schnetpack.nn import CosineCutoff, GaussianRBF
from schnetpack.representation import PaiNN, SchNet
from schnetpack.transform import CastTo32, MatScipyNeighborList

from contenders.common import use_threads

CUTOFF, FEATURES = 5.0, 128  # A
BODIES = {"schnet": (SchNet, 6), "painn": (PaiNN, 3)}


def prepare(atoms, variant="schnet"):
    use_threads()
    body, n_interactions = BODIES[variant]
    representation = body(FEATURES, n_interactions, GaussianRBF(32, CUTOFF), CosineCutoff(CUTOFF))
    model = NeuralNetworkPotential(
        representation,
        input_modules=[PairwiseDistances()],
        output_modules=[Atomwise(n_in=FEATURES), Forces()],
    )
    model.initialize_transforms = None
    converter = AtomsConverter(
        neighbor_list=MatScipyNeighborList(cutoff=CUTOFF), dtype=torch.float32
    )
    atoms = atoms.copy()

    def step(positions):
        atoms.positions = positions
        out = model.eval()(converter(atoms))
        return float(out["energy"].detach()), out[properties.forces.replace("_", "")].detach().numpy()

    return step
