"""Charges of atoms in trajectories: LAMMPS' column q, columns of extended XYZ, what ASE stores."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from physrep.io.structures.structure import DataError
from physrep.io.trajectories.frames import iter_frames

SYMBOLS, PLACES = "OHH", np.array([[0.0, 0.0, 0.0], [0.9, 0.3, 0.0], [-0.3, 0.8, 0.4]])
CHARGES = np.array([-0.8, 0.37, 0.43])


def charges_of(path, **options) -> list:
    return [frame.charges for frame in iter_frames(path, **options)]


def dump(path, charges: list[str]):
    """Atoms in another order in each frame, as LAMMPS writes them."""
    text = ""
    for k, order in enumerate(([2, 0, 1], [1, 2, 0])):
        text += f"ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS pp pp pp\n"
        text += "0 9\n0 9\n0 9\nITEM: ATOMS id element q x y z\n"
        for atom in order:
            place = " ".join(map(str, PLACES[atom]))
            text += f"{atom + 1} {SYMBOLS[atom]} {charges[atom]} {place}\n"
    path.write_text(text)
    return path


def test_the_column_q_of_a_dump_goes_with_its_atoms(tmp_path):
    path = dump(tmp_path / "run.dump", list(map(str, CHARGES)))
    for found in charges_of(path):
        np.testing.assert_array_equal(found, CHARGES)


@pytest.mark.parametrize("name", ["charges", "q", "initial_charges"])
def test_columns_of_extended_xyz(tmp_path, name):
    atoms = Atoms(SYMBOLS, PLACES)
    atoms.arrays[name] = CHARGES
    ase.io.write(tmp_path / "run.extxyz", [atoms, atoms])
    for found in charges_of(tmp_path / "run.extxyz"):
        np.testing.assert_allclose(found, CHARGES, atol=1e-8)


def test_results_and_initial_charges_of_ase(tmp_path):
    atoms = Atoms(SYMBOLS, PLACES, charges=0.5 * CHARGES)
    ase.io.write(tmp_path / "start.traj", atoms)
    np.testing.assert_allclose(charges_of(tmp_path / "start.traj")[0], 0.5 * CHARGES)
    atoms.calc = SinglePointCalculator(atoms, charges=CHARGES)
    ase.io.write(tmp_path / "run.traj", atoms)
    np.testing.assert_allclose(charges_of(tmp_path / "run.traj")[0], CHARGES)


def test_calculated_charges_go_before_initial_ones_and_none_is_none(tmp_path):
    atoms = Atoms(SYMBOLS, PLACES)
    ase.io.write(tmp_path / "bare.extxyz", atoms)
    assert charges_of(tmp_path / "bare.extxyz") == [None]
    atoms.arrays["initial_charges"], atoms.arrays["charges"] = np.ones(3), CHARGES
    ase.io.write(tmp_path / "run.extxyz", atoms)
    np.testing.assert_allclose(charges_of(tmp_path / "run.extxyz")[0], CHARGES, atol=1e-8)


def test_unknown_charges_are_nan_and_infinite_ones_are_refused(tmp_path):
    found = charges_of(dump(tmp_path / "run.dump", ["-0.8", "nan", "0.43"]))[0]
    assert np.isnan(found).tolist() == [False, True, False]
    with pytest.raises(DataError, match="the charge of atom 1 is inf; write nan where one is not"):
        charges_of(dump(tmp_path / "bad.dump", ["-0.8", "inf", "0.43"]))
