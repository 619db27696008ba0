"""Every engine against the eager potential: the largest difference of a force, float64.

``python benchmarks/equality.py`` writes results/equality.json and .md and ends with 1 where a
difference exceeds 1e-8 eV/A. ``--only box`` takes some of the systems, ``--potentials ean-jat``
some of the potentials.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms

from lammps_process import run_lammps
from physrep.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.engines.lammps import write_data
from physrep.importers import IMPORTERS
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PUBLISHED = ROOT / "data" / "published"
TOLERANCE = 1e-8  # eV/A
SPECIES = ["C", "H", "N", "O"]
INPUT = """
units metal
atom_style atomic
boundary p p p
processors {processors}
read_data data
pair_style physrep
pair_coeff * * {file} {species}
dump forces all custom 1 forces id fx fy fz
dump_modify forces sort id format float %.17g
run 0
"""

Forces = np.ndarray  # (n_atoms, 3) eV/A


def box() -> Atoms:
    """225 atoms of ethylammonium nitrate, cubic."""
    return next(ase.io.iread(ROOT / "md_examples" / "ean.pdb"))


def sheared() -> Atoms:
    """The same, triclinic, and reduced as OpenMM asks."""
    atoms = box()
    atoms.set_cell([[12.9, 0, 0], [3.0, 12.9, 0], [-2.0, 4.0, 12.9]], scale_atoms=True)
    return atoms


def thin() -> Atoms:
    """One ion pair in a cell thinner than two cutoffs along every direction."""
    atoms = box()
    anions = [165 + 4 * k for k in range(15)]
    nearest = min(anions, key=lambda k: atoms.get_distance(0, k, mic=True))
    pair = atoms[[*range(11), *range(nearest, nearest + 4)]]
    pair.positions = pair.get_distances(0, range(15), mic=True, vector=True)
    pair.set_cell([[9.0, 0, 0], [1.0, 9.5, 0], [-1.0, 0.5, 9.2]])
    return pair


def slab() -> Atoms:
    """The box with 40 A of vacuum along z: of four ranks in a row, some have no atoms."""
    atoms = box()
    atoms.cell[2, 2] += 40.0
    return atoms


SYSTEMS: dict[str, Callable[[], Atoms]] = {
    "cubic": box,
    "2x2x2": lambda: box().repeat(2),
    "sheared": sheared,
    "thin": thin,
    "slab": slab,
}


def checkpoints() -> dict[str, Checkpoint]:
    """The shipped potentials and the published ones."""
    found = {
        path.stem: load_checkpoint(path, torch.float64)
        for path in sorted((ROOT / "plugin" / "physrep" / "pretrained").glob("*.ckpt"))
    }
    for name, importer in IMPORTERS.items():
        files = (PUBLISHED / f"{name}_ean_params.npz", PUBLISHED / f"{name}_ean_hparams.json")
        found[f"published {name}"] = importer(*files)
    return found


def openmm_forces(make: str, platform: str) -> Callable[[Path, Atoms, Path], Forces]:
    """Forces by OpenMM; make: torchforce, pythonforce or mlpotential."""

    def forces(file: Path, atoms: Atoms, folder: Path) -> Forces:
        import openmm
        from openmm import app

        from physrep.engines.openmm import add_potential, topology_from_atoms

        topology = topology_from_atoms(atoms)
        if make == "mlpotential":
            from openmmml import MLPotential

            system = MLPotential("physrep", model=str(file)).createSystem(topology)
        else:
            system = openmm.System()
            for mass in atoms.get_masses():
                system.addParticle(mass)
            system.setDefaultPeriodicBoxVectors(*(atoms.cell.array / NM_IN_ANGSTROM))
            add_potential(system, topology, file, engine=make)
        integrator = openmm.VerletIntegrator(0.001)
        chosen = openmm.Platform.getPlatformByName(platform)
        simulation = app.Simulation(topology, system, integrator, chosen)
        simulation.context.setPositions(atoms.positions / NM_IN_ANGSTROM)
        state = simulation.context.getState(getForces=True)
        return state.getForces(asNumpy=True)._value / (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM)

    return forces


def lammps_forces(ranks: int) -> Callable[[Path, Atoms, Path], Forces]:
    """Forces by LAMMPS on so many ranks, in a row along z."""

    def forces(file: Path, atoms: Atoms, folder: Path) -> Forces:
        rotation = write_data(atoms, folder / "data", SPECIES)
        text = INPUT.format(processors=f"1 1 {ranks}", file=file, species=" ".join(SPECIES))
        run_lammps(text, folder, ranks)
        rows = (folder / "forces").read_text().split("ITEM: ATOMS")[-1].splitlines()[1:]
        return np.array([[float(w) for w in row.split()[1:]] for row in rows]) @ rotation.T

    return forces


def ase_forces(file: Path, atoms: Atoms, folder: Path) -> Forces:
    """Forces by ASE."""
    atoms = atoms.copy()
    atoms.calc = PhysRepCalculator(file, dtype="float64")
    return atoms.get_forces()


ENGINES: dict[str, Callable[[Path, Atoms, Path], Forces]] = {
    **{
        f"OpenMM {platform}, {label}": openmm_forces(make, platform)
        for platform in ("Reference", "CPU")
        for make, label in (
            ("torchforce", "TorchForce"),
            ("pythonforce", "PythonForce"),
            ("mlpotential", "MLPotential"),
        )
    },
    "ASE": ase_forces,
    **{f"LAMMPS, {n} rank{'s' * (n > 1)}": lammps_forces(n) for n in (1, 2, 4)},
}


def compare(checkpoint: Checkpoint, atoms: Atoms, folder: Path) -> dict[str, float]:
    """Engine -> largest difference of a force component from the eager potential, eV/A."""
    file = folder / "potential.pt"
    export_potential(checkpoint, file, atoms, dtype="float64")
    path = folder / "potential.ckpt"
    save_checkpoint(checkpoint, path)
    expected = ase_forces(path, atoms, folder)
    return {
        name: float(np.abs(forces(file, atoms, folder) - expected).max())
        for name, forces in ENGINES.items()
    }


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown: a row for each potential and system, a column for each engine."""
    lines = [
        "| potential, system | " + " | ".join(ENGINES) + " |",
        "|---" * (len(ENGINES) + 1) + "|",
    ]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[engine]:.0e}" for engine in ENGINES) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--potentials", nargs="+", help="default: all")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "equality")
    parsed = parser.parse_args()
    rows: dict[str, dict[str, float]] = {}
    for name, checkpoint in checkpoints().items():
        if parsed.potentials and name not in parsed.potentials:
            continue
        for system in parsed.only:
            with tempfile.TemporaryDirectory() as folder:
                row = compare(checkpoint, SYSTEMS[system](), Path(folder))
            rows[f"{name}, {system}"] = row
            print(f"{name}, {system}: largest difference {max(row.values()):.1e} eV/A", flush=True)
            parsed.output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
            parsed.output.with_suffix(".md").write_text(table(rows))
    worst = max(max(row.values()) for row in rows.values())
    print(f"largest of all: {worst:.1e} eV/A (allowed {TOLERANCE:.0e})")
    return int(not worst <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
