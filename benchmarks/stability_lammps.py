"""Whether a potential is sound in LAMMPS, by the definition that md_examples/stability.py uses.

    python benchmarks/stability_lammps.py ean.pt --temperature 450 --ps 20

NVT (Nose-Hoover, 0.5 fs) of md_examples/ean.pdb, inspected every 20 steps; prints the verdict and
writes results/stability-lammps-TEMPERATURE.json. Exit code 0 means sound.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import ase.io
from ase import Atoms

from lammps_process import run_lammps, thermo_rows
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.stability.soundness import Stability, StabilityWatch
from physrep.analysis.structure.contacts import shortest_contacts
from physrep.engines.lammps import write_data
from physrep.io import iter_structures
from physrep.io.trajectories.frames import iter_frames

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data" / "ean_gfn2.extxyz.gz"
SPECIES = ["C", "H", "N", "O"]
EVERY = 20  # steps of 0.5 fs
INPUT = """
units metal
atom_style atomic
read_data data
pair_style physrep
pair_coeff * * {file} {species}
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
velocity all create {temperature} 2026 mom yes rot yes
timestep 0.0005
fix thermostat all nvt temp {temperature} {temperature} 0.1
dump frames all custom {every} frames id element xu yu zu
dump_modify frames sort id element {species}
thermo_style custom step temp pe etotal
thermo {every}
run {steps}
"""


def main() -> int:
    """Run, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--temperature", type=float, default=300.0)
    parser.add_argument("--ps", type=float, default=20.0)
    parsed = parser.parse_args()
    start = next(ase.io.iread(ROOT / "md_examples" / "ean.pdb"))
    found = stability(parsed.file, start, parsed.temperature, parsed.ps)
    target = ROOT / "benchmarks" / "results" / f"stability-lammps-{parsed.temperature:.0f}.json"
    target.write_text(json.dumps(found.as_dict(), indent=1) + "\n")
    failure = found.first_failure
    print(f"{found.time:.2f} ps inspected: {'sound' if failure is None else failure.message}")
    return 0 if found.sound else 1


def stability(file: Path, start: Atoms, temperature: float, picoseconds: float) -> Stability:
    """Of a run from this structure."""
    bonds = find_bonds(start.positions, start.numbers, start.cell.array, start.pbc)
    contacts = shortest_contacts(iter_structures(DATA, unread="ignore"))
    freedom = 3 * len(start) - 3
    watch = StabilityWatch(
        start.numbers, start.cell.array, start.pbc, bonds, contacts, temperature, freedom
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(start, folder / "data", SPECIES)
        text = INPUT.format(
            file=file.resolve(),
            species=" ".join(SPECIES),
            temperature=temperature,
            every=EVERY,
            steps=round(picoseconds / 0.0005),
        )
        rows = thermo_rows(run_lammps(text, folder))
        frames = iter_frames(folder / "frames", units="metal", dt=EVERY * 0.0005)
        for (_, kelvin, potential, _), frame in zip(rows, frames, strict=True):
            if watch.observe(frame.time or 0.0, frame.positions, kelvin, potential):
                break
    return watch.result()


if __name__ == "__main__":
    sys.exit(main())
