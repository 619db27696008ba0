"""DeePMD-kit's se_e2_a with the settings of its water example (6 A; random weights), float32.

The PyTorch backend; the model builds its own neighbour list. Two-body embedding (25, 50, 100),
fitting (240, 240, 240).
"""

import torch
from deepmd.pt.model.model import get_model

from contenders.common import use_threads

PRECISION = "float32"
SETTINGS = {
    "descriptor": {
        "type": "se_e2_a",
        "sel": [30, 80, 30, 40],  # of C, H, N, O within 6 A; on average there are 13, 50, 13, 19
        "rcut": 6.0,
        "rcut_smth": 0.5,
        "neuron": [25, 50, 100],
        "axis_neuron": 16,
        "resnet_dt": False,
        "precision": PRECISION,
    },
    "fitting_net": {"neuron": [240, 240, 240], "resnet_dt": True, "precision": PRECISION},
}


def prepare(atoms, variant=""):
    use_threads()
    names = ["C", "H", "N", "O"]
    model = get_model({"type_map": names, **SETTINGS}).eval()
    types = torch.tensor([[names.index(symbol) for symbol in atoms.symbols]])
    box = torch.tensor(atoms.cell.array, dtype=torch.float32).reshape(1, 9)

    def step(positions):
        coordinates = torch.tensor(positions, dtype=torch.float32)[None].requires_grad_()
        out = model(coordinates, types, box=box)
        return float(out["energy"].detach()), out["force"][0].detach().numpy()

    return step
