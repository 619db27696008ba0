"""MACE with its smallest published settings (64x0e, 2 layers, correlation 3, 5 A).

Settings: the "small" of the MACE-OFF and MACE-MP papers, with 64 channels and no equivariant
messages. Float32, through the package's ASE calculator, which builds the graph itself. Random
weights for timing; `fit` has the losses and rates of the package.
"""

from pathlib import Path

import ase.io
import mace  # noqa: F401  before e3nn, whose constants torch then agrees to load
import numpy as np
from ase import Atoms
from mace.calculators import MACECalculator
from mace.modules import ScaleShiftMACE, gate_dict, interaction_classes

from e3nn import o3  # isort: skip

from contenders.common import Step, calculated_by, run_module, seconds_for_each, use_threads


def prepare(atoms: Atoms, variant: str = "") -> Step:
    use_threads()
    numbers = sorted(set(atoms.numbers.tolist()))
    model = ScaleShiftMACE(
        r_max=5.0,
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls=interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=interaction_classes["RealAgnosticInteractionBlock"],
        num_interactions=2,
        num_elements=len(numbers),
        hidden_irreps=o3.Irreps("64x0e"),
        MLP_irreps=o3.Irreps("16x0e"),
        atomic_energies=np.zeros(len(numbers)),
        avg_num_neighbors=50.0,
        atomic_numbers=numbers,
        correlation=3,
        gate=gate_dict["silu"],
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    ).float()
    calculator = MACECalculator(models=[model], device="cpu", default_dtype="float32")
    return calculated_by(calculator, atoms)


def fit(data: Path, folder: Path, seconds: float) -> None:
    """`mace_run_train` on data/train.extxyz, for about that much processor time; see fit_peer.py.

    One structure of 225 atoms is a batch. The rate falls to 3 % over the epochs there is time for:
    the package's own rule waits 50 epochs before it lowers it.
    """
    frames = list(ase.io.iread(data / "train.extxyz"))

    def train_on(n_frames: int, n_epochs: int = 1) -> None:
        ase.io.write(folder / "part.extxyz", frames[:n_frames])
        options = {
            "name": "mace",
            "work_dir": folder,
            "train_file": folder / "part.extxyz",
            "valid_file": data / "validation.extxyz",
            "energy_key": "REF_energy",
            "forces_key": "REF_forces",
            "E0s": "average",
            "model": "MACE",
            "num_channels": 64,
            "max_L": 0,
            "r_max": 5.0,
            "batch_size": 1,
            "valid_batch_size": 1,
            "max_num_epochs": n_epochs,
            "scheduler": "ExponentialLR",
            "lr_scheduler_gamma": 0.03 ** (1.0 / n_epochs),
            "default_dtype": "float32",
            "device": "cpu",
            "seed": 0 if n_epochs > 1 else n_frames,  # trials do not share a checkpoint's name
            "plot": False,
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        run_module(["mace.cli.run_train", *words, "--ema", "--amsgrad"], folder)

    one = seconds_for_each(train_on, 2, 22)
    train_on(len(frames), max(1, round(seconds / (one * len(frames)))))


def load(folder: Path) -> MACECalculator:
    """The fitted model as an ASE calculator."""
    path = str(folder / "mace.model")
    return MACECalculator(model_paths=path, device="cpu", default_dtype="float32")
