"""Charges, dipole and total charge: the same in every format that carries them, or refused."""

import json
import zlib

import numpy as np
import pytest
from refusals import refusal

from physrep.io import DataError, Structure, iter_structures, read_structures, write_npz
from physrep.io.structures.unread_labels import unread_lines

CHARGES = [-0.7, 0.35, 0.35]
DIPOLE = [0.1, -0.2, 0.3]
COLUMNS = "species:S:1:pos:R:3"
ATOMS = [("O", 0.0, 0.0, 0.0), ("H", 0.96, 0.0, 0.0), ("H", -0.24, 0.93, 0.0)]


def frame(pairs="", column="", charges=CHARGES) -> str:
    """Three atoms, with one more column where it is named."""
    rows = [" ".join(map(str, atom)) for atom in ATOMS]
    if column:
        rows = [f"{row} {q}" for row, q in zip(rows, charges, strict=True)]
    columns = COLUMNS + (f":{column}:R:1" if column else "")
    return "\n".join(["3", f"Properties={columns} {pairs}", *rows]) + "\n"


def write(tmp_path, text):
    path = tmp_path / "a.extxyz"
    path.write_text(text)
    return path


def dipole(name="dipole", values=DIPOLE) -> str:
    return f'{name}="{" ".join(map(str, values))}"'


@pytest.mark.parametrize("prefix", ["REF_", ""])
def test_names_in_extxyz(tmp_path, prefix):
    path = write(tmp_path, frame(dipole(prefix + "dipole"), prefix + "charges"))
    (structure,) = read_structures(path, unread="ignore", require=("charges", "dipole"))
    assert structure.charges.tolist() == CHARGES
    assert structure.dipole.tolist() == DIPOLE
    assert structure.info == {}


def test_names_that_are_given(tmp_path):
    """A frame may lack charges and dipole, but not every frame."""
    text = frame(dipole("mu") + " energy=-1", "mulliken") + frame("energy=-2")
    path = write(tmp_path, text)
    keys = {"energy_key": "energy", "charges_key": "mulliken", "dipole_key": "mu"}
    first, second = read_structures(path, **keys)
    assert first.charges.tolist() == CHARGES and first.dipole.tolist() == DIPOLE
    assert second.charges is None and second.dipole is None and second.energy == -2
    message = refusal(path, **{**keys, "charges_key": "muliken"})
    assert "missing 'muliken'" in message


def test_other_names_are_reported(tmp_path):
    path = write(tmp_path, frame(dipole("scf_dipole") + " polarizability=3.0", "mulliken"))
    said = unread_lines(iter_structures(path))
    assert f"{path}: charges is not read, but it holds 'mulliken' (data.charges_key=" in said[0]
    assert "dipole is not read, but it holds 'scf_dipole' (data.dipole_key=" in said[1]
    assert said[2].endswith("'polarizability' is not used: no model predicts it")
    assert "command line" not in "".join(said)


def test_a_value_of_another_shape_is_no_label(tmp_path):
    """The size of a dipole under the name of the vector stays what it was: information."""
    (structure,) = read_structures(write(tmp_path, frame("dipole=1.85 charges=0.5")))
    assert structure.dipole is None and structure.charges is None
    assert structure.info == {"dipole": 1.85, "charges": 0.5}


@pytest.mark.parametrize(
    ("units", "factor"), [("eV", 1.0), ("Hartree/Bohr", 0.529177210903), ("kJ/mol/nm", 10.0)]
)
def test_units_of_dipoles(tmp_path, units, factor):
    path = write(tmp_path, frame(dipole(), "charges"))
    (structure,) = read_structures(path, units=units)
    assert structure.dipole == pytest.approx(factor * np.array(DIPOLE), rel=1e-9)
    assert structure.charges.tolist() == CHARGES


def test_dipoles_of_periodic_structures_are_not_read(tmp_path):
    cell = 'Lattice="9 0 0 0 9 0 0 0 9" pbc="T T F" '
    path = write(tmp_path, frame(cell + dipole(), "charges"))
    (structure,) = read_structures(path)
    assert structure.dipole is None and structure.charges is not None
    assert unread_lines([structure]) == [
        f"{path}: 'dipole' of periodic structures is not read: its value depends on where the "
        "cell begins"
    ]
    made = Structure([[0, 0, 0]], [1], 9 * np.eye(3), pbc=True, dipole=DIPOLE)
    with pytest.raises(DataError, match="has a dipole and is periodic"):
        made.validate()


def test_charges_add_up_to_the_total_charge(tmp_path):
    ion = [-1.1, 0.05, 0.05]
    path = write(tmp_path, frame("", "charges", ion) + frame("", "charges", ion))
    message = refusal(path, 0)
    assert "has charges that add up to -1 e and states no total charge; state charge=..." in message
    path = write(tmp_path, frame("charge=1", "charges", ion))
    assert "add up to -1 e and states 1 in total" in refusal(path, 0)
    path = write(tmp_path, frame("charge=-1 energy=-3", "charges", ion))
    assert read_structures(path)[0].total_charge == -1
    path = write(tmp_path, frame("energy=-3", "charges", ion))
    assert read_structures(path, energy_key="energy")[0].charges is None


def test_shapes_and_numbers():
    with pytest.raises(DataError, match=r"charges has shape \(2,\); it needs shape \(3,\)"):
        Structure(np.eye(3), [1, 1, 1], charges=[0.5, -0.5])
    with pytest.raises(DataError, match=r"dipole has shape \(\); it needs shape \(3,\)"):
        Structure(np.eye(3), [1, 1, 1], dipole=1.85)
    with pytest.raises(DataError, match=r"charges\[1\] = nan is not finite"):
        Structure(np.eye(3), [1, 1, 1], charges=[0.5, np.nan, 0.0]).validate()
    with pytest.raises(DataError, match="has no charges; it holds 'mulliken': name what to read"):
        Structure(np.eye(3), [1] * 3, info={"mulliken": np.zeros(3)}).validate(["charges"])


@pytest.fixture
def ions() -> list[Structure]:
    """An ion with everything, a molecule with charges alone, one with neither."""
    positions = [row[1:] for row in ATOMS]
    ion = Structure(
        positions,
        [8, 1, 1],
        charges=[-1.1, 0.05, 0.05],
        dipole=DIPOLE,
        info={"charge": -1},
    )
    return [
        ion,
        Structure(positions, [8, 1, 1], charges=CHARGES),
        Structure(positions, [8, 1, 1], info={"total_charge": 2.0}),
        Structure(positions, [8, 1, 1], info={"initial_charges": np.array([0.5, 0.5, 0.0])}),
    ]


def test_npz_round_trip(tmp_path, ions):
    path = tmp_path / "store.npz"
    write_npz(path, ions)
    back = read_structures(path)
    assert [s.total_charge for s in back] == [-1, None, 2, 1]
    assert [s.charges is None for s in back] == [False, False, True, True]
    assert [s.dipole is None for s in back] == [False, True, True, True]
    np.testing.assert_array_equal(back[0].charges, ions[0].charges)
    np.testing.assert_array_equal(back[1].charges, ions[1].charges)
    np.testing.assert_array_equal(back[0].dipole, DIPOLE)


def test_npz_of_version_1_is_read(tmp_path, ions):
    path = tmp_path / "store.npz"
    write_npz(path, ions)
    with np.load(path) as archive:
        arrays = {k: v for k, v in archive.items() if "charges" not in k and "dipole" not in k}
    np.savez(path, **{**arrays, "format_version": 1})
    back = read_structures(path)
    assert [s.total_charge for s in back] == [-1, None, 2, 1]
    assert all(s.charges is None and s.dipole is None for s in back)
    np.savez(path, **arrays)
    assert "missing 'charges'" in refusal(path)


def test_ase_lmdb(tmp_path):
    lmdb = pytest.importorskip("lmdb", reason="the extra lmdb is not installed")
    row = {
        "numbers": [8, 1, 1],
        "positions": [row[1:] for row in ATOMS],
        "charges": [-1.1, 0.05, 0.05],
        "dipole": DIPOLE,
        "data": {"charge": -1},
    }
    path = tmp_path / "a.aselmdb"
    with (
        lmdb.open(str(path), subdir=False, map_size=1 << 20) as file,
        file.begin(write=True) as writer,
    ):
        for key, value in {"1": row, "nextid": 2}.items():
            writer.put(key.encode(), zlib.compress(json.dumps(value).encode()))
    (structure,) = read_structures(path)
    assert structure.charges.tolist() == row["charges"] and structure.total_charge == -1
    assert structure.dipole.tolist() == DIPOLE


def test_charges_of_another_npz_are_named(tmp_path):
    """Its format has no name of its own for them."""
    path = tmp_path / "water.npz"
    np.savez(
        path,
        nuclear_charges=[8, 1, 1],
        coords=[[row[1:] for row in ATOMS]],
        energies=[-1.0],
        mulliken=[CHARGES],
    )
    keys = {"energy_key": "energies", "charges_key": "mulliken"}
    assert read_structures(path, **keys)[0].charges.tolist() == CHARGES
    (said,) = unread_lines(iter_structures(path, unread="ignore"))
    assert "charges is not read, but it holds 'mulliken'" in said
