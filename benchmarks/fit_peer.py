"""Fit a contender with the trainer of its package and evaluate it, in the contender's environment.

    python fit_peer.py CONTENDER DATA FOLDER MINUTES

DATA has train, validation and test.extxyz (REF_energy in eV, REF_forces in eV/A). The contender's
module in ``contenders/`` has ``fit(data, folder, seconds)``, which spends about that much processor
time, and ``load(folder)``, which returns the fitted model as an ASE calculator. Writes
FOLDER/errors.json with the numbers of `fit.py` on the test part, force_mae (eV/A) and
energy_mae_mev_per_atom (without the mean offset), and with the minutes of processor time.
"""

import importlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator

from contenders.common import processor_seconds, use_threads


def errors(calculator: Calculator, frames: Iterable[Atoms]) -> dict[str, float]:
    """Mean absolute errors on labelled frames of equal size."""
    forces, energies = [], []  # eV/A, meV/atom
    for frame in frames:
        energy, labels = frame.info["REF_energy"], frame.arrays["REF_forces"]
        frame.calc = calculator
        forces.append(np.abs(frame.get_forces() - labels).mean())
        energies.append(1000.0 * (frame.get_potential_energy() - energy) / len(frame))
    return {
        "force_mae": float(np.mean(forces)),
        "energy_mae_mev_per_atom": float(np.abs(energies - np.mean(energies)).mean()),
    }


def main(name: str, data: Path, folder: Path, minutes: float) -> None:
    """Fit, evaluate, write."""
    use_threads()
    folder.mkdir(parents=True, exist_ok=True)
    contender = importlib.import_module(f"contenders.{name}")
    contender.fit(data, folder, 60.0 * minutes)
    spent = processor_seconds() / 60.0
    found = errors(contender.load(folder), ase.io.iread(data / "test.extxyz"))
    (folder / "errors.json").write_text(json.dumps({**found, "minutes": spent}, indent=1) + "\n")


if __name__ == "__main__":
    name, data, folder, minutes = sys.argv[1:]
    main(name, Path(data).resolve(), Path(folder).resolve(), float(minutes))
