"""Charge and spin of frames to be labelled: read, given, refused, warned about, written."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from physrep.cli.main import main
from physrep.io import read_structures
from physrep_training.labels.electrons import electrons_of

pytestmark = pytest.mark.case

NITRATE = -415.2038  # eV, GFN2-xTB, N-O 1.25 A, from tblite with charge=-1
RADICAL = -405.1215  # the same nuclei, neutral


def nitrate(**info) -> Atoms:
    angles = 2 * np.pi * np.arange(3) / 3
    ring = 1.25 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    return Atoms("NO3", np.vstack([[0, 0, 0], ring]), info=info)


def with_initial_charges(charges) -> Atoms:
    atoms = nitrate()
    atoms.set_initial_charges(charges)
    return atoms


def label(tmp_path, frames, *options) -> list[Atoms]:
    """What `physrep label` writes."""
    ase.io.write(tmp_path / "frames.extxyz", frames)
    output = tmp_path / "labelled.extxyz"
    assert main(["label", str(tmp_path / "frames.extxyz"), "-o", str(output), *options]) == 0
    return ase.io.read(output, ":")


def test_every_frame_has_its_own_charge(tmp_path, capsys):
    charged = [
        nitrate(charge=-1),
        nitrate(total_charge=-1),
        with_initial_charges([0.2, -0.4, -0.4, -0.4]),
    ]
    labelled = label(tmp_path, [*charged, molecule("H2O")])
    for atoms in labelled[:3]:
        assert atoms.info["REF_energy"] == pytest.approx(NITRATE, abs=1e-3)
        assert atoms.info["charge"] == -1 and atoms.info["multiplicity"] == 1
    assert labelled[3].info["charge"] == 0
    said = capsys.readouterr().err
    assert "label: charges: -1 in 3, +0 in 1 of 4 frames" in said and "warning" not in said
    structures = read_structures(tmp_path / "labelled.extxyz", require=("energy", "forces"))
    assert [s.total_charge for s in structures] == [-1, -1, -1, 0]


def test_a_given_charge_is_for_frames_that_state_none(tmp_path):
    (labelled,) = label(tmp_path, [nitrate()], "--charge=-1")
    assert labelled.info["REF_energy"] == pytest.approx(NITRATE, abs=1e-3)
    assert labelled.info["charge"] == -1


def test_odd_electrons_are_warned_about(tmp_path, capsys):
    (labelled,) = label(tmp_path, [nitrate()])
    assert labelled.info["REF_energy"] == pytest.approx(RADICAL, abs=1e-3)
    assert labelled.info["multiplicity"] == 2
    said = capsys.readouterr().err
    assert "1 of 1 frames have an odd number of electrons and are labelled as radicals" in said
    assert "frame 0 (NO3, charge +0); if these are ions, state charge=..." in said


def test_a_stated_spin_is_computed(tmp_path, capsys):
    """A triplet, whichever way it is said (without spin polarization GFN2 has it higher)."""
    oxygen = [Atoms("O2", [[0, 0, 0], [0, 0, 1.21]]) for _ in range(4)]
    oxygen[1].info["multiplicity"] = 3
    oxygen[2].info["spin"] = 3  # fairchem: the multiplicity
    oxygen[3].info["spin"] = 2  # PySCF: unpaired electrons
    energies = [atoms.info["REF_energy"] for atoms in label(tmp_path, oxygen)]
    assert energies[1] == energies[2] == energies[3]
    assert energies[1] > energies[0] + 0.05
    assert "odd number" not in capsys.readouterr().err


def test_stress_is_the_slope_of_the_energy_over_the_strain(tmp_path):
    """Of a molecule in a small periodic cell: each of the six components."""
    crystal = molecule("H2O")
    crystal.set_cell([[3.5, 0, 0], [0.4, 3.0, 0], [0.3, -0.5, 3.2]])
    crystal.pbc, step, frames = True, 4e-4, [crystal]
    for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[i, j] += 0.5 * sign * step
            strain[j, i] += 0.5 * sign * step
            strained = crystal.copy()
            strained.set_cell(crystal.cell @ (np.eye(3) + strain), scale_atoms=True)
            frames.append(strained)
    labelled = label(tmp_path, frames)
    energies = np.array([atoms.info["REF_energy"] for atoms in labelled[1:]])
    slopes = (energies[::2] - energies[1::2]) / (2 * step) / crystal.get_volume()
    (structure, *_) = read_structures(tmp_path / "labelled.extxyz")
    assert "REF_dipole" not in labelled[0].info
    np.testing.assert_allclose(labelled[0].info["REF_stress"], slopes, atol=1e-5)
    virial = -slopes[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3) * crystal.get_volume()
    np.testing.assert_allclose(structure.virial, virial, atol=1e-5 * crystal.get_volume())


def refused(tmp_path, capsys, frames, *options) -> str:
    path, output = tmp_path / "frames.extxyz", tmp_path / "labelled.extxyz"
    ase.io.write(path, frames)
    assert main(["label", str(path), "-o", str(output), *options]) == 2
    said = capsys.readouterr().err
    assert str(path) in said or str(output) in said
    return said


def test_cells_beside_isolated_frames_are_warned_about(tmp_path, capsys):
    cell = molecule("H2O", cell=[8.0, 8.0, 8.0], pbc=True)
    label(tmp_path, [cell])
    assert "warning" not in capsys.readouterr().err
    (tmp_path / "labelled.extxyz").unlink()
    label(tmp_path, [cell, molecule("H2O"), molecule("CH4")])
    assert "warning: 1 of 3 frames are periodic; of ions, energies" in capsys.readouterr().err


def test_contradictions_are_refused_before_work(tmp_path, capsys):
    frames = [nitrate(charge=-1), nitrate(charge=1)]
    said = refused(tmp_path, capsys, frames, "--charge=-1")
    assert "frame 1 (counted from 0): the frame states the charge 1, and --charge -1" in said
    assert not (tmp_path / "labelled.extxyz").exists()
    both = with_initial_charges([-1, 0, 0, 0])
    both.info["charge"] = 1
    assert "charge is 1 and the sum of initial_charges is -1" in refused(tmp_path, capsys, both)
    part = with_initial_charges([0.1, -0.3, -0.3, -0.3])
    assert "the total charge is -0.8, not a whole number" in refused(tmp_path, capsys, part)
    spin = nitrate(charge=-1, multiplicity=2)
    assert "multiplicity = 2 does not go with 32 electrons" in refused(tmp_path, capsys, spin)
    said = refused(tmp_path, capsys, nitrate(charge=-1, multiplicity=1), "--spin", "3")
    assert "states the multiplicity 1, and --spin 3 was given" in said
    assert "is more than its 31 electrons" in refused(tmp_path, capsys, nitrate(charge=40))


def test_an_output_of_another_charge_is_not_continued(tmp_path, capsys):
    label(tmp_path, [nitrate()])
    said = refused(tmp_path, capsys, [nitrate(), nitrate()], "--charge=-1")
    assert "was labelled with charge +0 and multiplicity 2, and now these are -1 and 1" in said


def test_labels_of_other_methods_do_not_stay(tmp_path, capsys):
    """They would be read next to the new ones."""
    atoms = molecule("H2O")
    atoms.info.update(REF_energy=-1.0, REF_stress=np.zeros(6), energy=-2.0, dft_energy=-3.0)
    atoms.arrays["REF_forces"] = np.zeros((3, 3))
    (labelled,) = label(tmp_path, [atoms])
    assert labelled.info["REF_energy"] < -100 and np.abs(labelled.arrays["REF_forces"]).max() > 0.1
    assert "REF_stress" not in labelled.info and labelled.info["dft_energy"] == -3.0
    said = capsys.readouterr().err
    assert "are replaced: REF_energy, REF_stress, energy, REF_forces" in said


@pytest.mark.parametrize(
    ("info", "n_electrons", "found"),
    [
        ({"spin": 1}, 10, 1),  # a multiplicity: ten electrons have no single unpaired one
        ({"spin": 0}, 10, 1),
        ({"spin": 2}, 10, 3),
        ({"spin": 3}, 10, 3),
        ({"spin": 1}, 9, 2),
        ({"spin": 2}, 9, 2),
        ({"spin": 3}, 9, 4),
        ({"multiplicity": 4}, 9, 4),
        ({}, 9, 2),
        ({}, 10, 1),
    ],
)
def test_spin_as_multiplicity_or_unpaired_electrons(info, n_electrons, found):
    atoms = Atoms("Ne" if n_electrons == 10 else "F", info=info)
    assert electrons_of(atoms).multiplicity == found


def test_a_file_that_is_none(tmp_path, capsys):
    for verb in (["label"], ["sample"]):
        path = tmp_path / "none.traj"
        path.unlink(missing_ok=True)
        words = [*verb, str(path), "-o", str(tmp_path / "o.extxyz")]
        assert main(words) == 2
        assert "none.traj: no such file" in capsys.readouterr().err
        path.write_text("no trajectory")
        assert main(words) == 2
        assert "ASE cannot read it" in capsys.readouterr().err
