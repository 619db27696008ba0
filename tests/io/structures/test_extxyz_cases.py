"""Files that users brought: read with the right value, or refused with what to do."""

import numpy as np
import pytest
from refusals import refusal

from physrep.io import read_structures

pytestmark = pytest.mark.case

VIRIAL = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]])
COLUMNS = "species:S:1:pos:R:3:forces:R:3"
ATOMS = "O 0 0 0 0.1 0 0\nH 0.96 0 0 -0.1 0 0\nH -0.24 0.93 0 0 0 0\n"


@pytest.fixture(name="water")
def _water(tmp_path):
    """Writes one frame of water, 10 A box: its labels, columns and atoms as given."""

    def write(labels="energy=-1.0", columns=COLUMNS, atoms=ATOMS, start="", frames=1):
        path = tmp_path / "water.extxyz"
        comment = f'Lattice="10 0 0 0 10 0 0 0 10" Properties={columns} {labels} pbc="T T T"'
        path.write_text(start + f"3\n{comment}\n{atoms}" * frames, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", ["virial", "virials", "REF_virial", "REF_virials"])
def test_nine_numbers_of_a_virial(water, name):
    """The sign is -dE/dstrain, and energy and forces are read next to it."""
    (structure,) = read_structures(water(f'energy=-1.0 {name}="1 2 3 2 4 5 3 5 6"'))
    np.testing.assert_array_equal(structure.virial, VIRIAL)
    assert structure.energy == -1.0 and structure.forces[0, 0] == 0.1


@pytest.mark.parametrize("name", ["stress", "REF_stress"])
@pytest.mark.parametrize(
    "numbers",
    [
        "0.001 0.004 0.006 0.005 0.003 0.002",
        "0.001 0.002 0.003 0.002 0.004 0.005 0.003 0.005 0.006",
    ],
)
def test_six_or_nine_numbers_of_a_stress(water, name, numbers):
    """ASE's order xx yy zz yz xz xy and sign: virial = -volume * stress, whatever its name."""
    (structure,) = read_structures(water(f'energy=-1.0 {name}="{numbers}"'))
    np.testing.assert_allclose(structure.virial, -VIRIAL, rtol=1e-12)


def test_virial_and_stress_must_agree(water):
    nine = "1 2 3 2 4 5 3 5 6"
    stress = " ".join(str(float(number) / -1000.0) for number in nine.split())
    agreed = water(f'energy=-1.0 REF_virial="{nine}" REF_stress="{stress}"')
    np.testing.assert_array_equal(read_structures(agreed)[0].virial, VIRIAL)
    message = refusal(water(f'energy=-1.0 REF_virial="{nine}" REF_stress="{nine}"'), frame=0)
    assert "virial and stress contradict each other" in message
    assert "the virial's zz is 6 eV and -volume * stress is -6000 eV" in message
    other_sign = water(f'energy=-1.0 virial="{nine}" stress="{stress.replace("-", "")}"')
    assert "one of the two has the other sign" in refusal(other_sign, frame=0)
    # Naming one of them settles it.
    named = read_structures(other_sign, energy_key="energy", virial_key="virial")[0]
    np.testing.assert_array_equal(named.virial, VIRIAL)


@pytest.mark.parametrize("name", ["REF_virial", "stress"])
def test_a_virial_is_symmetric(water, name):
    message = refusal(water(f'energy=-1.0 {name}="1 90 0 -10 1 0 0 0 1"'), frame=0)
    assert "is not symmetric: as virial its xy is" in message


def test_energy_under_another_name(water):
    path = water("dft_energy=-1.0")
    message = refusal(path, frame=0)
    assert "no energy would be read, but the frame holds 'dft_energy'" in message
    assert "data.energy_key=dft_energy in a fit, --energy-key dft_energy" in message
    assert "to read forces alone, name forces alone" in message
    named = read_structures(path, energy_key="dft_energy", forces_key="forces")[0]
    assert named.energy == -1.0 and named.forces is not None
    assert read_structures(path, forces_key="forces")[0].energy is None


def test_forces_under_another_name(water):
    path = water(columns=COLUMNS.replace("forces", "dft_force"))
    message = refusal(path, frame=0)
    assert "no forces would be read, but the frame holds 'dft_force'" in message
    assert "data.forces_key=dft_force in a fit" in message
    assert read_structures(path, unread="ignore")[0].forces is None


def test_no_label_is_left_out_in_a_later_frame(water):
    path = water()
    path.write_text(path.read_text() + path.read_text().replace("energy", "dft_energy"))
    assert "holds 'dft_energy'" in refusal(path, frame=1)


def test_nothing_is_given_twice(water):
    message = refusal(water("energy=-1.0 energy=-2.0"), frame=0)
    assert "energy is given twice in the comment line, as '-1.0' and '-2.0'" in message
    message = refusal(water('PBC="F F F"'), frame=0)
    assert "pbc is given twice" in message
    twice = water(columns="species:S:1:pos:R:3:a:R:1:a:R:2")
    assert "names the column 'a' twice" in refusal(twice, frame=0)
    both = water("forces=1.0", columns=COLUMNS)
    assert "'forces' is a column and stands in the comment line too" in refusal(both, frame=0)
    spelt = water('virial="1 0 0 0 1 0 0 0 1" virials="2 0 0 0 2 0 0 0 2"')
    assert "has virial and virials; name the one to read (virial_key=)" in refusal(spelt, frame=0)


def test_species_against_atomic_numbers(water):
    lines = ["O 8 0 0 0 0.1 0 0", "H 1 0.96 0 0 -0.1 0 0", "H 6 -0.24 0.93 0 0 0 0", ""]
    columns = "species:S:1:Z:I:1:pos:R:3:forces:R:3"
    message = refusal(water(columns=columns, atoms="\n".join(lines)), frame=0)
    assert "atom 2 is H in the column species and 6 in the column Z" in message
    lines[2] = lines[2].replace("6", "1", 1)
    (structure,) = read_structures(water(columns=columns, atoms="\n".join(lines)))
    assert structure.species.tolist() == [8, 1, 1]


@pytest.mark.parametrize("columns", ["species:I:1", "species:S:1", "Z:I:1", "numbers:I:1"])
def test_numbers_as_elements(water, columns):
    atoms = ATOMS.replace("O", "8").replace("H", "1")
    path = water(columns=f"{columns}:pos:R:3:forces:R:3", atoms=atoms)
    (structure,) = read_structures(path)
    assert structure.species.tolist() == [8, 1, 1]
    np.testing.assert_array_equal(structure.positions[1], [0.96, 0, 0])


def test_a_byte_order_mark(water):
    (structure,) = read_structures(water(start="\ufeff"))
    assert structure.energy == -1.0


def test_colons_in_the_name_of_a_column(water):
    path = water(columns=f"{COLUMNS}:a::b:R:1", atoms=ATOMS.replace(" 0\n", " 0 1.5\n"))
    (structure,) = read_structures(path)
    np.testing.assert_array_equal(structure.info["a::b"], [1.5, 1.5, 1.5])
    assert structure.forces.shape == (3, 3)


def test_columns_that_nothing_announces(tmp_path):
    """Not even in plain XYZ: they might be forces."""
    path = tmp_path / "plain.xyz"
    path.write_text("1\nfrom a code\nH 0 0 0 0.1 0.2 0.3\n")
    assert "announce all columns in the comment line" in refusal(path, frame=0)


@pytest.mark.parametrize(
    ("text", "pbc"),
    [('"T F T"', [1, 0, 1]), ("TTF", [1, 1, 0]), ("true", [1, 1, 1]), ('"1 0 0"', [1, 0, 0])],
)
def test_spellings_of_pbc(water, text, pbc):
    path = water()
    path.write_text(path.read_text().replace('"T T T"', text))
    (structure,) = read_structures(path)
    assert structure.pbc.tolist() == [bool(value) for value in pbc]


@pytest.mark.parametrize("text", ["yes", '"T T"', '"1 2 0"', "xyz"])
def test_a_pbc_that_is_none(water, text):
    path = water()
    path.write_text(path.read_text().replace('"T T T"', text))
    assert "must be three of T and F" in refusal(path, frame=0)


def test_a_lattice_in_small_letters_is_a_lattice(water):
    path = water()
    path.write_text(path.read_text().replace("Lattice", "lattice").replace(' pbc="T T T"', ""))
    (structure,) = read_structures(path)
    assert structure.pbc.all() and structure.cell[0, 0] == 10


def test_forces_of_the_wrong_shape(water):
    path = water(columns="species:S:1:pos:R:3:forces:R:2:x:R:1")
    assert "forces has shape (3, 2); it needs shape (3, 3)" in refusal(path, frame=0)


@pytest.mark.parametrize(
    ("labels", "charge"),
    [("charge=-1", -1), ("total_charge=2.0", 2), ("charge=1 total_charge=1", 1), ("", None)],
)
def test_the_total_charge_is_kept(water, labels, charge):
    (structure,) = read_structures(water(f"energy=-1.0 {labels}"))
    assert structure.total_charge == charge
    atoms = structure.to_ase()
    assert atoms.get_initial_charges().sum() == pytest.approx(charge or 0)
    assert atoms.info.get("charge") == charge


def test_the_total_charge_as_the_sum_of_a_column(water):
    columns, atoms = f"{COLUMNS}:initial_charges:R:1", ATOMS.replace(" 0\n", " 0 -0.3333\n")
    assert read_structures(water(columns=columns, atoms=atoms))[0].total_charge == -1
    message = refusal(water("energy=-1.0 charge=1", columns=columns, atoms=atoms), frame=0)
    assert "charge is 1 and the sum of initial_charges is -0.9999; remove the wrong one" in message


@pytest.mark.parametrize("text", ["IsolatedAtom", "isolated_atom", "ISOLATEDATOM", "isolated-atom"])
def test_isolated_atoms_are_known(tmp_path, text):
    path = tmp_path / "atoms.xyz"
    path.write_text(f"1\nenergy=-1.0 config_type={text}\nH 0 0 0\n1\nenergy=-1.0\nH 0 0 0\n")
    assert [s.is_isolated_atom for s in read_structures(path)] == [True, False]


def test_a_stated_unit_is_not_overruled(water):
    path = water("energy=-1.0 units=Hartree")
    message = refusal(path, frame=0)
    assert (
        "units = 'Hartree', but labels of this format are in eV: give data.units=Hartree" in message
    )
    assert read_structures(path, units="Hartree")[0].energy == pytest.approx(-27.211386)
    assert read_structures(water("energy=-1.0 units=eV"))[0].energy == -1.0
    assert read_structures(water("energy=-1.0 units=metal"))[0].energy == -1.0
