"""A droplet in vacuum and a slab with two surfaces, in LAMMPS: what needs charges to hold.

    python benchmarks/interfaces.py droplet ean-jat=ean.pt ean-jat-short=short.pt
    python benchmarks/interfaces.py slab ean-jat=ean.pt
    python benchmarks/interfaces.py figures

``droplet``: 15 ion pairs at 400 K, isolated, 20 ps with every file. ``slab``: 60 ion pairs at
350 K, periodic in two directions, 20 ps. Both write what they have seen to results/, and
``figures`` draws it.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from scipy.spatial.distance import cdist

from interface_figures import draw_droplets, draw_slab
from lammps_process import run_lammps, thermo_rows
from physrep.analysis.chemistry.bond_tracking import molecules
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.analysis.chemistry.whole_molecules import whole_molecules
from physrep.engines.lammps import write_data
from physrep.io.trajectories.frames import Frame, iter_frames

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SPECIES = ["C", "H", "N", "O"]
EVERY = 100  # steps of 0.5 fs between frames
ROOM = 300.0  # A, box of an isolated droplet
HEIGHT = 50.0  # A, of the slab's cell
SETTLE = 0.25  # share of the run before profiles of the slab are averaged
TOUCH = 3.5  # A, between the nearest atoms of two ions of one droplet
BIN = 0.25  # A, of profiles

INPUT = """
units metal
atom_style charge
boundary {boundary}
read_data data
pair_style physrep
pair_coeff * * {file} {species}
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
velocity all create {temperature} 2026 mom yes rot yes
timestep 0.0005
fix move all nve
fix heat all langevin {temperature} {temperature} 0.5 2027 zero yes
dump frames all custom {every} frames id element xu yu zu q
dump_modify frames sort id element {species}
thermo_style custom step temp pe etotal
thermo {every}
run {steps}
"""


def main() -> None:
    """Run droplets or the slab, or draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["droplet", "slab", "figures"])
    parser.add_argument("files", nargs="*", metavar="NAME=FILE", help="slab: one")
    parser.add_argument("--ps", type=float, default=20.0)
    parsed = parser.parse_args()
    files = {name: Path(file) for name, file in (word.split("=", 1) for word in parsed.files)}
    if parsed.what == "droplet":
        seen = dict(read(RESULTS / "droplet.json"))
        for name, file in files.items():
            seen[name] = droplet(file, parsed.ps)
            write(RESULTS / "droplet.json", seen)
    if parsed.what == "slab":
        (file,) = files.values()
        write(RESULTS / "slab.json", slab(file, parsed.ps))
    if parsed.what == "figures":
        draw_droplets(read(RESULTS / "droplet.json")).savefig(RESULTS / "droplet.png")
        draw_slab(read(RESULTS / "slab.json")).savefig(RESULTS / "slab.png")


def read(path: Path) -> dict:
    """Of an earlier run; empty where there was none."""
    return json.loads(path.read_text()) if path.is_file() else {}


def write(path: Path, seen: dict) -> None:
    """As it is read."""
    path.write_text(json.dumps(seen, indent=1) + "\n")


def whole_box() -> Atoms:
    """md_examples/ean.pdb, ions whole."""
    atoms = next(ase.io.iread(ROOT / "md_examples" / "ean.pdb"))
    pairs = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    atoms.positions = whole_molecules(atoms.positions, pairs, atoms.cell.array, atoms.pbc)
    return atoms


def droplet(file: Path, picoseconds: float) -> dict:
    """The ions of the box alone in vacuum; what happens to them."""
    atoms = whole_box()
    atoms.set_cell(3 * [ROOM])
    atoms.pbc = False
    atoms.positions += 0.5 * ROOM - atoms.positions.mean(axis=0)
    return run(file, atoms, "f f f", 400.0, picoseconds, droplet_rows)


def slab(file: Path, picoseconds: float) -> dict:
    """Four boxes side by side, with two surfaces."""
    atoms = whole_box().repeat((1, 2, 2))
    atoms.cell[2, 2] = HEIGHT
    atoms.pbc = [True, True, False]
    atoms.positions[:, 2] += 0.5 * HEIGHT - atoms.positions[:, 2].mean()
    return run(file, atoms, "p p f", 350.0, picoseconds, slab_rows)


def run(
    file: Path,
    atoms: Atoms,
    boundary: str,
    temperature: float,
    picoseconds: float,
    rows: Callable[[Iterator[Frame], Atoms], dict],
) -> dict:
    """LAMMPS with this file; what ``rows`` makes of its frames, with temperatures and energies."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(atoms, folder / "data", SPECIES, atom_style="charge")
        text = INPUT.format(
            boundary=boundary,
            file=file.resolve(),
            species=" ".join(SPECIES),
            temperature=temperature,
            every=EVERY,
            steps=round(picoseconds / 0.0005),
        )
        printed = thermo_rows(run_lammps(text, folder))
        frames = iter_frames(folder / "frames", units="metal", dt=EVERY * 0.0005)
        return {"temperature_k": printed[:, 1].tolist(), **rows(frames, atoms)}


def droplet_rows(frames: Iterator[Frame], start: Atoms) -> dict:
    """Time (ps), ions in the largest droplet, molecules, radius of gyration (A) of all ions."""
    pairs = find_bonds(start.positions, start.numbers, start.cell.array, start.pbc).pairs
    ions = molecules(pairs, len(start))
    rows: dict[str, list[float]] = {"time_ps": [], "together": [], "molecules": [], "radius_a": []}
    last: Frame | None = None
    for last in frames:
        bonds = find_bonds(last.positions, start.numbers, last.cell, last.pbc).pairs
        rows["time_ps"].append(last.time or 0.0)
        rows["together"].append(largest_cluster(last.positions, ions))
        rows["molecules"].append(int(molecules(bonds, len(start)).max()) + 1)
        centred = last.positions - last.positions.mean(axis=0)
        rows["radius_a"].append(float(np.sqrt((centred**2).sum(axis=1).mean())))
    assert last is not None
    return {**rows, "last": last.positions.round(3).tolist(), "numbers": start.numbers.tolist()}


def largest_cluster(positions: np.ndarray, ions: np.ndarray) -> int:
    """Ions in the largest group in which each touches another."""
    n = ions.max() + 1
    near = np.argwhere(np.triu(cdist(positions, positions) < TOUCH, 1))
    touching = np.unique(np.sort(ions[near], axis=1), axis=0)
    return int(np.bincount(molecules(touching[touching[:, 0] != touching[:, 1]], n)).max())


def slab_rows(frames: Iterator[Frame], start: Atoms) -> dict:
    """Time (ps), thickness (A) and molecules of every frame; profiles along z of the later ones."""
    pairs = find_bonds(start.positions, start.numbers, start.cell.array, start.pbc).pairs
    ions = molecules(pairs, len(start))
    cations = np.array([6 in start.numbers[ions == k] for k in range(ions.max() + 1)])
    area = float(start.cell[0, 0] * start.cell[1, 1])
    rows: dict[str, list[float]] = {"time_ps": [], "thickness_a": [], "molecules": []}
    edges = np.arange(-0.5 * HEIGHT, 0.5 * HEIGHT + BIN, BIN)
    profiles: list[np.ndarray] = []  # of each frame: (3, n_bins) of cations, anions, charge
    charges: list[np.ndarray] = []
    for frame in frames:
        assert frame.charges is not None
        z = frame.positions[:, 2] - np.average(frame.positions[:, 2], weights=start.get_masses())
        bonds = find_bonds(frame.positions, start.numbers, start.cell.array, start.pbc).pairs
        rows["time_ps"].append(frame.time or 0.0)
        rows["thickness_a"].append(float(np.quantile(z, 0.98) - np.quantile(z, 0.02)))
        rows["molecules"].append(int(molecules(bonds, len(start)).max()) + 1)
        centres = np.bincount(ions, z) / np.bincount(ions)
        counted = [np.histogram(centres[which], edges)[0] for which in (cations, ~cations)]
        profiles.append(np.array([*counted, np.histogram(z, edges, weights=frame.charges)[0]]))
        charges.append(np.bincount(ions, frame.charges))
    settled = slice(int(SETTLE * len(profiles)), None)
    mean = np.mean(profiles[settled], axis=0) / (area * BIN)
    of_ions = np.array(charges[settled])
    return {
        **rows,
        "z_a": (0.5 * (edges[1:] + edges[:-1])).tolist(),
        "cations_per_nm3": (1000.0 * mean[0]).tolist(),
        "anions_per_nm3": (1000.0 * mean[1]).tolist(),
        "charge_e_per_a3": mean[2].tolist(),
        "charge_of_cations_e": [of_ions[:, cations].mean(), of_ions[:, cations].std()],
        "charge_of_anions_e": [of_ions[:, ~cations].mean(), of_ions[:, ~cations].std()],
    }


if __name__ == "__main__":
    main()
