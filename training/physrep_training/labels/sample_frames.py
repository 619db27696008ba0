"""Frames of MD with a fitted potential, to be labelled and added to the training data."""

from pathlib import Path
from typing import NamedTuple

import ase.io
import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from physrep.io.structures.total_charge import (
    SPIN_NAMES,
    state_charge,
    stated_by,
    total_charge,
)
from physrep.output import replacing
from physrep.progress import progress, say
from physrep.studies.evaluate.label_errors import load_calculator
from physrep_training.labels.read_frames import read_frames

TOO_CLOSE = 0.6  # A; no bond of any elements is shorter
TIME_STEP = 0.5  # fs


class MDSettings(NamedTuple):
    """How frames are sampled."""

    temperature: float = 300.0  # K
    ps: float = 1.0  # length of the run
    every_fs: float = 100.0  # between frames
    scale_cell: float = 1.0  # factor of the cell lengths; positions scale with them
    seed: int = 0


def sample_frames(model: str, data: str, output: str | Path, settings: MDSettings) -> int:
    """Run MD from a random frame of ``data`` and write the frames to ``output``, if there are any.

    Args:
        model: a checkpoint, an exported file or ase:MODULE:CLASS; it gets the charge and the spin
            that the frame states, and the written frames carry them.

    Returns:
        number of frames written.
    """
    starts = read_frames(data)
    start = starts[np.random.default_rng(settings.seed).integers(len(starts))]
    atoms = Atoms(start.numbers, start.positions, cell=start.cell, pbc=start.pbc)
    atoms.set_cell(atoms.cell * settings.scale_cell, scale_atoms=True)
    keep_state(start, atoms)
    atoms.calc = load_calculator(model)
    frames = run_md(atoms, settings)
    if frames:
        with replacing(output) as partial:
            ase.io.write(partial, frames)
    else:
        say("sample", "no frame to label: the potential fails within the first interval")
    return len(frames)


def keep_state(source: Atoms, target: Atoms) -> None:
    """Give ``target`` the charge and the spin that ``source`` states."""
    stated = stated_by(source)
    charge = total_charge(stated)
    target.info.update({name: stated[name] for name in SPIN_NAMES if name in stated})
    if charge is not None:
        state_charge(target, charge)


def run_md(atoms: Atoms, settings: MDSettings) -> list[Atoms]:
    """Langevin MD (time step 0.5 fs, friction 0.02/fs); stops where atoms come closer than
    TOO_CLOSE.
    """
    rng = np.random.default_rng(settings.seed)
    kelvin, friction = settings.temperature, 0.02 / units.fs
    MaxwellBoltzmannDistribution(atoms, temperature_K=kelvin, rng=rng)
    step = TIME_STEP * units.fs
    dynamics = Langevin(atoms, step, temperature_K=kelvin, friction=friction, rng=rng)
    frames = []
    n_frames = int(settings.ps * 1000 / settings.every_fs)
    for k in progress(range(n_frames), "sample", "frame"):
        dynamics.run(int(settings.every_fs / TIME_STEP))
        distances = atoms.get_all_distances(mic=True)
        np.fill_diagonal(distances, np.inf)
        if not distances.min() > TOO_CLOSE:
            time_fs = (k + 1) * settings.every_fs
            say("sample", f"stopped after {time_fs:g} fs: {distances.min():.2f} A between atoms")
            break
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        keep_state(atoms, frame)
        frame.info.update(temperature=kelvin, trajectory=f"md{kelvin:g}-{settings.seed}")
        frames.append(frame)
    return frames
