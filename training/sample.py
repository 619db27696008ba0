"""Collect frames of MD with a fitted potential, to be labelled and added to the training data.

    python training/sample.py best.ckpt data/ean_gfn2.extxyz.gz --temperature 450 -o new.extxyz

Every run starts from a random frame of the data. A run stops where two atoms come nearer than
half the shortest distance of their elements in the data: such frames are not worth a label.
"""

import argparse
import sys

import ase.io
import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from tqdm import tqdm

from physrep.engines.ase import PhysRepCalculator

TOO_CLOSE = 0.6  # A; no bond of any element is shorter


def run(atoms: Atoms, temperature: float, ps: float, every_fs: float, seed: int) -> list[Atoms]:
    """Langevin MD (0.5 fs, friction 0.02/fs); frames every ``every_fs``."""
    rng = np.random.default_rng(seed)
    MaxwellBoltzmannDistribution(atoms, temperature_K=temperature, rng=rng)
    dynamics = Langevin(
        atoms, 0.5 * units.fs, temperature_K=temperature, friction=0.02 / units.fs, rng=rng
    )
    frames = []
    for step in tqdm(range(int(ps * 1000 / every_fs)), unit="frame", file=sys.stderr):
        dynamics.run(int(every_fs / 0.5))
        distances = atoms.get_all_distances(mic=True)
        np.fill_diagonal(distances, np.inf)
        if not distances.min() > TOO_CLOSE:
            print(f"sample: stopped after {step * every_fs} fs, {distances.min():.2f} A apart")
            break
        frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        frame.info.update(temperature=temperature, trajectory=f"md{temperature:g}-{seed}")
        frames.append(frame)
    return frames


def main() -> None:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="checkpoint or exported file")
    parser.add_argument("data", help="frames to start from, any format ASE reads")
    parser.add_argument("--temperature", type=float, default=300.0, help="K")
    parser.add_argument("--ps", type=float, default=1.0)
    parser.add_argument("--every-fs", type=float, default=100.0)
    parser.add_argument("--scale-cell", type=float, default=1.0, help="factor of the cell lengths")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", required=True, help="extxyz")
    arguments = parser.parse_args()
    starts = ase.io.read(arguments.data, ":")
    start = starts[np.random.default_rng(arguments.seed).integers(len(starts))]
    atoms = Atoms(start.numbers, start.positions, cell=start.cell, pbc=start.pbc)
    atoms.set_cell(atoms.cell * arguments.scale_cell, scale_atoms=True)
    atoms.calc = PhysRepCalculator(arguments.model)
    frames = run(atoms, arguments.temperature, arguments.ps, arguments.every_fs, arguments.seed)
    if not frames:
        sys.exit("sample: no frame survived; the potential fails within the first interval")
    ase.io.write(arguments.output, frames)
    print(f"sample: {len(frames)} frames in {arguments.output}")


if __name__ == "__main__":
    main()
