"""Files of boxes: other programs read bonds, charges, residues and the cell from them."""

from collections import Counter

import ase.io
import numpy as np
import pytest
from ase import Atoms
from full_disk import files_of_at_most
from openmm import app, unit

from physrep.config import ConfigError
from physrep.output import OutputError
from physrep_training.boxes.assemble import BoxSettings, frames_of
from physrep_training.boxes.box_files import pdb_lines, write_frames
from physrep_training.boxes.composition import read_parts
from physrep_training.labels.electrons import electrons_of
from physrep_training.labels.read_frames import read_frames

WORDS = ["CC[NH3+]", "O=[N+]([O-])[O-]", "O:2", "[Mg+2]:1", "[Cl-]:2"]


@pytest.fixture(name="parts", scope="module")
def _parts():
    return read_parts(WORDS, 3)


@pytest.fixture(name="atoms", scope="module")
def _atoms(parts) -> Atoms:
    (found,) = frames_of(parts, BoxSettings(density=1.0))
    return found.atoms


def test_openmm_reads_the_pdb(tmp_path, atoms, parts):
    write_frames(tmp_path / "a.pdb", [atoms], parts)
    pdb = app.PDBFile(str(tmp_path / "a.pdb"))
    assert [atom.element.symbol for atom in pdb.topology.atoms()] == atoms.get_chemical_symbols()
    residues = Counter(residue.name for residue in pdb.topology.residues())
    assert residues == {"ETH": 3, "NIT": 3, "HOH": 2, "MG": 1, "CL": 2}
    assert pdb.topology.getNumBonds() == 3 * 10 + 3 * 3 + 2 * 2
    charges = [atom.formalCharge or 0 for atom in pdb.topology.atoms()]
    assert charges == atoms.arrays["formal_charges"].tolist()
    positions = pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    np.testing.assert_allclose(positions, atoms.positions, atol=5.1e-4)
    lengths = np.diagonal(pdb.topology.getPeriodicBoxVectors().value_in_unit(unit.angstrom))
    np.testing.assert_allclose(lengths, atoms.cell.lengths(), atol=5.1e-4)
    names = [[atom.name for atom in residue.atoms()] for residue in pdb.topology.residues()]
    assert all(len(set(inside)) == len(inside) for inside in names)


def test_ase_reads_the_pdb(tmp_path, atoms, parts):
    write_frames(tmp_path / "a.pdb", [atoms], parts)
    again = ase.io.read(tmp_path / "a.pdb")
    assert again.get_chemical_formula() == atoms.get_chemical_formula()
    assert again.arrays["residuenames"].tolist() == atoms.arrays["residuenames"].tolist()
    np.testing.assert_allclose(again.cell.lengths(), atoms.cell.lengths(), atol=5.1e-4)


def test_lines_have_the_columns_of_the_format(atoms, parts):
    lines = [line for line in pdb_lines(atoms, parts) if line.startswith("HETATM")]
    assert {len(line) for line in lines} == {80}
    magnesium = next(line for line in lines if line[17:20] == " MG")
    assert (magnesium[76:78], magnesium[78:80], magnesium[12:16]) == ("Mg", "2+", "Mg1 ")
    assert all(len(line) <= 80 for line in pdb_lines(atoms, parts))


def test_extended_xyz_states_what_labels_need(tmp_path, atoms, parts):
    (charged,) = frames_of(read_parts(WORDS[:1], 1), BoxSettings(cluster=True))
    write_frames(tmp_path / "a.extxyz", [atoms, charged.atoms], parts)
    box, ion = read_frames(tmp_path / "a.extxyz")
    np.testing.assert_allclose(box.positions, atoms.positions, atol=1e-7)
    np.testing.assert_array_equal(box.arrays["ion"], atoms.arrays["ion"])
    assert box.pbc.all() and not ion.pbc.any()
    assert electrons_of(box).charge == 0 and electrons_of(ion).charge == 1
    assert electrons_of(ion).n_electrons == 26


def test_lammps_data_holds_the_elements_in_alphabetical_order(tmp_path, atoms, parts):
    write_frames(tmp_path / "a.data", [atoms], parts)
    again = ase.io.read(tmp_path / "a.data", format="lammps-data", atom_style="atomic")
    assert again.get_chemical_symbols() == atoms.get_chemical_symbols()
    assert again.cell.volume == pytest.approx(atoms.cell.volume, rel=1e-6)
    assert "Masses\n\n1      12.01" in (tmp_path / "a.data").read_text()


@pytest.mark.parametrize("name", ["a.pdb", "a.data"])
def test_formats_of_one_frame(tmp_path, atoms, parts, name):
    with pytest.raises(ConfigError, match="holds one frame, and there are 2"):
        write_frames(tmp_path / name, [atoms, atoms], parts)
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_is_no_lammps_data(tmp_path, parts):
    (found,) = frames_of(read_parts(["O:2"], 1), BoxSettings(cluster=True))
    with pytest.raises(ConfigError, match="data files hold a box"):
        write_frames(tmp_path / "a.data", [found.atoms], parts)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_earlier_file(tmp_path, atoms, parts):
    path = tmp_path / "a.pdb"
    path.write_text("of mine")
    with files_of_at_most(2048), pytest.raises(OutputError, match="cannot be written"):
        write_frames(path, [atoms], parts)
    assert path.read_text() == "of mine" and list(tmp_path.iterdir()) == [path]
