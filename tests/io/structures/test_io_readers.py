"""Units, the table of formats, and the data set shipped with physrep."""

import json
from itertools import pairwise

import ase.io
import numpy as np
import pytest
from repository import REPOSITORY

from physrep.io import FORMATS, DataError, Structure, iter_structures, read_structures

SHIPPED = REPOSITORY / "data"

# Energy, and the force of 1 unit per A, in eV and eV/A: CODATA 2018, digits as tabulated.
KNOWN_UNITS = {
    "eV": (1.0, 1.0),
    "Hartree": (27.211386245988, 27.211386245988),
    "Hartree/Bohr": (27.211386245988, 51.4220674763),
    "kcal/mol": (0.0433641, 0.0433641),
    "kcal/mol/A": (0.0433641, 0.0433641),
    "kJ/mol": (0.01036427, 0.01036427),
    "kJ/mol/nm": (0.01036427, 0.001036427),
}


@pytest.fixture
def one_frame(tmp_path):
    """A force of 2, an energy of -3 and a pressure-like stress of 0.5, in a box of 27 A^3."""
    path = tmp_path / "a.extxyz"
    path.write_text(
        '1\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3:forces:R:3 energy=-3 '
        'stress="0.5 0 0 0 0.5 0 0 0 0.5"\nH 0.1 0.2 0.3 2 0 0\n'
    )
    return path


@pytest.mark.parametrize("units", KNOWN_UNITS)
def test_units_are_converted_once(one_frame, units):
    energy, force = KNOWN_UNITS[units]
    (structure,) = read_structures(one_frame, units=units)
    assert structure.energy == pytest.approx(-3 * energy, rel=1e-6)
    assert structure.forces[0] == pytest.approx([2 * force, 0, 0], rel=1e-6)
    # A stress is energy over length cubed, and force = energy over length gives that length.
    stress = 0.5 * energy * (force / energy) ** 3
    assert structure.virial == pytest.approx(-27 * stress * np.eye(3), rel=1e-6)
    assert structure.positions.tolist() == [[0.1, 0.2, 0.3]]
    assert structure.cell.tolist() == (3 * np.eye(3)).tolist()


def test_units_are_known_in_any_case_and_never_guessed(one_frame):
    assert read_structures(one_frame, units="HARTREE/bohr")[0].energy < -80
    for wrong in ("Ry", "eV/fm", "kcal", "/A"):
        with pytest.raises(ValueError, match=f"units: '{wrong}' is not known; write one of eV"):
            read_structures(one_frame, units=wrong)


def test_unknown_format_names_the_nearest(one_frame):
    with pytest.raises(ValueError, match="'extxzy' is not known; did you mean 'extxyz'"):
        read_structures(one_frame, format="extxzy")


def test_format_can_be_named_against_the_suffix(one_frame):
    path = one_frame.rename(one_frame.with_suffix(".data"))
    with pytest.raises(
        DataError, match=r"a.data: cannot recognise the format from '.data'; name it"
    ):
        read_structures(path)
    assert len(read_structures(path, format="extxyz")) == 1


def test_npz_of_unknown_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", P=np.zeros(3), Z=np.zeros(3))
    with pytest.raises(DataError, match=r"a.npz: cannot recognise .* arrays P, Z'; name it"):
        read_structures(tmp_path / "a.npz")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.extxyz: no such file"):
        iter_structures(tmp_path / "none.extxyz")


def test_npz_formats_are_told_apart():
    """No npz format's arrays are contained in another's."""
    marks = [known.arrays for known in FORMATS.values() if ".npz" in known.suffixes]
    assert len(marks) == 3
    assert not any(a <= b for a in marks for b in marks if a is not b)


@pytest.fixture(name="shipped", scope="module")
def _shipped() -> list[Structure]:
    return read_structures(SHIPPED / "ean_gfn2.extxyz.gz", require=("energy", "forces"))


def test_shipped_data_set(shipped):
    runs = [structure.info["trajectory"] for structure in shipped]
    counts = {run: runs.count(run) for run in dict.fromkeys(runs)}
    assert counts == {"T300": 61, "T400": 130, "T500": 70, "T650": 90, "T800": 80}
    for structure in shipped:
        # Round-off of 225 forces with 8 decimals.
        assert np.abs(structure.forces.sum(axis=0)).max() < 1e-6
        assert structure.info["trajectory"] == f"T{structure.info['temperature']:.0f}"
        assert np.unique(structure.species, return_counts=True)[1].tolist() == [120, 30, 30, 45]
    times = [structure.info["time_index"] for structure in shipped]
    assert times == [k for count in counts.values() for k in range(count)]


def test_shipped_data_set_is_the_labelled_one(shared_data, shipped):
    """Sorted by time, otherwise digit for digit what was labelled."""
    labelled = ase.io.read(shared_data / "ean_gfn2" / "ean_gfn2.extxyz", ":")
    by_energy = {atoms.info["REF_energy"]: atoms for atoms in labelled}
    assert len(by_energy) == len(shipped) == 431
    for structure in shipped:
        atoms = by_energy.pop(structure.energy)
        np.testing.assert_array_equal(structure.positions, atoms.positions)
        np.testing.assert_array_equal(structure.forces, atoms.arrays["REF_forces"])
        np.testing.assert_array_equal(structure.cell, atoms.cell.array)
        assert structure.info["trajectory"] == atoms.info["trajectory"]


def test_shipped_frames_are_in_the_order_of_time(shipped):
    """Neighbours in the file are closer to each other than frames five apart."""
    for run in ("T300", "T400", "T500", "T650", "T800"):
        frames = [s for s in shipped if s.info["trajectory"] == run]
        steps = [displacement(a, b) for a, b in pairwise(frames)]
        leaps = [displacement(a, b) for a, b in zip(frames, frames[5:], strict=False)]
        assert np.mean(steps) < 0.7 * np.mean(leaps)


def displacement(first, second) -> float:
    """Root mean square displacement between two frames, nearest images, A."""
    edges = np.diag(first.cell)
    step = second.positions - first.positions
    step -= edges * np.round(step / edges)
    return float(np.sqrt((step**2).sum(axis=1).mean()))


def test_shipped_isolated_atoms_bind():
    """The first frame lies 5 to 6 eV per atom below its isolated atoms."""
    atoms = json.loads((SHIPPED / "isolated_atoms_gfn2.json").read_text())["energies"]
    reference = 30 * atoms["C"] + 120 * atoms["H"] + 30 * atoms["N"] + 45 * atoms["O"]
    first = next(iter_structures(SHIPPED / "ean_gfn2.extxyz.gz"))
    assert 5.0 < (reference - first.energy) / 225 < 6.0
