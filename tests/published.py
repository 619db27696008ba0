"""The published parameters in data/published and what their authors' code makes of them."""

from pathlib import Path

import numpy as np
from ase import Atoms
from repository import REPOSITORY

from physrep.checkpoint import Checkpoint
from physrep.importers import IMPORTERS

FOLDER = REPOSITORY / "data" / "published"
NAMES = ("jat", "neuralil")
# eV, eV/A. JAT's reference is float64 throughout; NeuralIL's has float32 constants in it.
ENERGY_ERROR = {"jat": 1e-6, "neuralil": 1e-5}
FORCE_ERROR = {"jat": 1e-7, "neuralil": 1e-6}


def parameters(name: str) -> tuple[Path, Path]:
    """The two files that an import reads."""
    return FOLDER / f"{name}_ean_params.npz", FOLDER / f"{name}_ean_hparams.json"


def published(name: str) -> Checkpoint:
    """The imported checkpoint."""
    return IMPORTERS[name](*parameters(name))


def reference(name: str, precision: str = "f64") -> list[tuple[Atoms, float, np.ndarray]]:
    """Boxes of ethylammonium nitrate with energy (eV) and forces (eV/A)."""
    with np.load(FOLDER / f"{name}_ean_reference.npz") as file:
        energies, forces = file[f"E_{name}_{precision}"], file[f"F_{name}_{precision}"]
        boxes = [
            Atoms(file["atomic_numbers"], positions, cell=cell, pbc=True)
            for positions, cell in zip(file["positions"], file["cells"], strict=True)
        ]
    return list(zip(boxes, energies, forces, strict=True))
