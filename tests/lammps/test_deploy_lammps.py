"""physrep.engines.lammps: data files, and where the plugin lies."""

import numpy as np
import pytest
from ase import Atoms
from ase.io.lammpsdata import read_lammps_data
from lammps_run import SPECIES

from physrep.engines import lammps as deploy
from physrep.library import DIRECTORY, PLUGIN_FILE


@pytest.mark.parametrize("name", ["box", "sheared"])
def test_data_file_keeps_the_system(systems, tmp_path, name):
    atoms = systems[name]
    atoms = atoms.copy()
    atoms.set_momenta(np.random.default_rng(0).normal(size=(len(atoms), 3)))
    rotation = deploy.write_data(atoms, tmp_path / "data", SPECIES)
    read = read_lammps_data(tmp_path / "data", units="metal", atom_style="atomic")
    assert read.get_chemical_symbols() == atoms.get_chemical_symbols()
    np.testing.assert_allclose(read.cell.array, atoms.cell.array @ rotation, atol=1e-12)
    np.testing.assert_allclose(
        read.get_all_distances(mic=True), atoms.get_all_distances(mic=True), atol=1e-10
    )
    velocities = atoms.get_velocities() @ rotation
    np.testing.assert_allclose(read.get_velocities(), velocities, rtol=1e-9, atol=1e-12)


def test_data_file_refuses(ean_box, tmp_path):
    with pytest.raises(ValueError, match="lacks N, O"):
        deploy.write_data(ean_box, tmp_path / "data", ["C", "H"])
    with pytest.raises(ValueError, match=r"atoms\.center\(vacuum"):
        deploy.write_data(Atoms("C"), tmp_path / "data", SPECIES)


def test_elements_that_are_absent_have_masses_too(tmp_path):
    atoms = Atoms("C", cell=[9.0, 9.0, 9.0], pbc=True)
    deploy.write_data(atoms, tmp_path / "data", SPECIES)
    text = (tmp_path / "data").read_text()
    masses = [line.split() for line in text.split("Masses")[1].splitlines() if "#" in line][:4]
    assert [float(row[1]) for row in masses] == pytest.approx([12.011, 1.008, 14.007, 15.999])


def test_plugin_directory_never_raises(monkeypatch):
    monkeypatch.setattr(deploy, "PLUGIN_FILE", "absentplugin.so")
    assert deploy.plugin_directory() == str(DIRECTORY)


def test_mpi_is_missing(monkeypatch):
    monkeypatch.setattr(deploy, "MPI_FILE", "libabsent.so.12")
    with pytest.raises(ImportError, match=r"libabsent\.so\.12 was not found"):
        deploy.load_mpi()


def test_a_build_by_hand_goes_before_the_installed_plugin(monkeypatch, tmp_path):
    monkeypatch.setenv("LAMMPS_PLUGIN_PATH", f"/absent:{tmp_path}")
    assert deploy.plugin_directory() != str(tmp_path)
    (tmp_path / PLUGIN_FILE).touch()
    assert deploy.plugin_directory() == str(tmp_path)
