"""extxyz: equal to what ASE wrote or read, and one clear error for each kind of damage."""

import gzip

import ase
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from refusals import refusal

from physrep.io import DataError, iter_structures, read_structures

CELL = np.array([[9.0, 0.0, 0.0], [1.0, 8.0, 0.0], [-0.5, 0.7, 7.0]])
STRESS = np.array([[0.01, 0.002, 0.003], [0.002, -0.02, 0.004], [0.003, 0.004, 0.03]])

FRAME = """2
Lattice="9.0 0.0 0.0 0.0 9.0 0.0 0.0 0.0 9.0" Properties=species:S:1:pos:R:3:REF_forces:R:3 \
REF_energy=-5.5 trajectory=T300 temperature=300.0 pbc="T T T"
O 0.0 0.0 0.0 0.1 0.2 0.3
H 0.96 0.0 0.0 -0.1 -0.2 -0.3
"""


def water(rng) -> ase.Atoms:
    positions = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    return ase.Atoms("OH2", positions + 0.1 * rng.random((3, 3)), cell=CELL, pbc=True)


@pytest.fixture
def images():
    """Three frames as ASE computes them: labels in a calculator, one more column, info."""
    rng = np.random.default_rng(1)
    frames = []
    for k in range(3):
        atoms = water(rng)
        atoms.info["trajectory"] = f"T{300 + 100 * k}"
        atoms.arrays["drude"] = rng.random(3)
        atoms.calc = SinglePointCalculator(
            atoms, energy=-14.5 - k, forces=rng.random((3, 3)), stress=STRESS
        )
        frames.append(atoms)
    return frames


def write(tmp_path, text, name="bad.extxyz"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["a.extxyz", "a.xyz", "a.extxyz.gz", "a.XYZ"])
def test_labels_that_ase_keeps_in_a_calculator(tmp_path, images, name):
    path = tmp_path / name
    ase.io.write(path, images, format="extxyz")
    structures = read_structures(path, require=("energy", "forces", "virial"))
    assert len(structures) == 3
    for k, (structure, atoms) in enumerate(zip(structures, images, strict=True)):
        # ASE writes positions and forces with 8 decimals.
        np.testing.assert_allclose(structure.positions, atoms.positions, atol=1e-8)
        np.testing.assert_allclose(structure.forces, atoms.get_forces(), atol=1e-8)
        np.testing.assert_array_equal(structure.cell, CELL)
        np.testing.assert_array_equal(structure.species, [8, 1, 1])
        assert structure.energy == -14.5 - k
        np.testing.assert_allclose(
            structure.virial, -atoms.get_volume() * atoms.get_stress(voigt=False), rtol=1e-12
        )
        assert structure.info["trajectory"] == atoms.info["trajectory"]
        np.testing.assert_allclose(structure.info["drude"], atoms.arrays["drude"], atol=1e-8)
        assert (structure.source, structure.frame) == (str(path), k)
        assert structure.pbc.all()


def test_reference_names_win_over_plain_ones(tmp_path, images):
    for atoms in images:
        atoms.info["REF_energy"] = -99.0
        atoms.arrays["REF_forces"] = np.full((3, 3), 0.25)
        atoms.info["REF_virial"] = np.diag([1.0, 2.0, 3.0])
    path = tmp_path / "a.extxyz"
    ase.io.write(path, images)
    structure = read_structures(path)[0]
    assert structure.energy == -99.0
    np.testing.assert_array_equal(structure.forces, np.full((3, 3), 0.25))
    np.testing.assert_array_equal(structure.virial, np.diag([1.0, 2.0, 3.0]))
    assert structure.info["energy"] == -14.5


def test_plain_forces_are_not_mixed_with_a_reference_energy(tmp_path, images):
    """Next to both REF_energy and energy, forces belong to either: the user says to which."""
    for atoms in images:
        atoms.info["REF_energy"] = -99.0
    path = tmp_path / "a.extxyz"
    ase.io.write(path, images)
    message = refusal(path, frame=0)
    assert "no forces would be read, but the frame holds 'forces'" in message
    assert "to read energy alone, name energy alone" in message
    assert read_structures(path, energy_key="REF_energy")[0].forces is None
    both = read_structures(path, energy_key="REF_energy", forces_key="forces")[0]
    np.testing.assert_allclose(both.forces, images[0].get_forces(), atol=1e-8)


def test_a_reference_virial_goes_with_plain_names(tmp_path, images):
    """No label has two names, so nothing is ambiguous."""
    images[0].info["REF_virial"] = -images[0].get_volume() * STRESS.ravel()
    path = tmp_path / "a.extxyz"
    ase.io.write(path, images[:1])
    structure = read_structures(path)[0]
    assert structure.energy == -14.5 and structure.forces is not None
    np.testing.assert_allclose(structure.virial, -images[0].get_volume() * STRESS, rtol=1e-12)


def test_named_keys_replace_the_defaults(tmp_path, images):
    for atoms in images:
        atoms.info["dft_energy"] = -7.0
        atoms.arrays["dft_forces"] = np.full((3, 3), 0.5)
    path = tmp_path / "a.extxyz"
    ase.io.write(path, images)
    structure = read_structures(path, energy_key="dft_energy")[0]
    assert structure.energy == -7.0
    assert structure.forces is None and structure.virial is None
    structure = read_structures(path, forces_key="dft_forces")[0]
    assert structure.energy is None
    np.testing.assert_array_equal(structure.forces, np.full((3, 3), 0.5))


@pytest.mark.parametrize("spelling", ["full", "flat", "voigt"])
def test_stress_spellings(tmp_path, images, spelling):
    voigt = STRESS[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    value = {"full": STRESS, "flat": STRESS.ravel(), "voigt": voigt}[spelling]
    images[0].info["dft_stress"] = value
    path = tmp_path / "a.extxyz"
    ase.io.write(path, images[:1])
    virial = read_structures(path, stress_key="dft_stress")[0].virial
    np.testing.assert_allclose(virial, -abs(np.linalg.det(CELL)) * STRESS, rtol=1e-12)


def test_stress_without_a_cell(tmp_path):
    text = '1\nProperties=species:S:1:pos:R:3 dft_stress="1 0 0 0 1 0 0 0 1"\nH 0 0 0\n'
    path = write(tmp_path, text)
    assert "no cell volume; give the virial" in refusal(path, 0, stress_key="dft_stress")


def test_virial_that_is_no_tensor(tmp_path):
    text = FRAME.replace("trajectory=T300", 'REF_virial="1 2 3"')
    assert "virial has shape (3,); it needs shape (3, 3)" in refusal(write(tmp_path, text), 0)


def test_plain_xyz_has_no_labels(tmp_path):
    path = write(tmp_path, "2\na comment\nO 0 0 0\nH 0.96 0 0\n\n\n", "a.xyz")
    (structure,) = read_structures(path)
    assert structure.energy is None and structure.forces is None
    assert not structure.pbc.any()
    with pytest.raises(DataError, match=r"frame 0 .* has no energy"):
        read_structures(path, require=("energy",))


def test_frames_of_different_composition(tmp_path):
    path = write(tmp_path, FRAME + "1\nREF_energy=-13.6\nH 0 0 0\n" + FRAME)
    assert [len(structure) for structure in read_structures(path)] == [2, 1, 2]


def test_iteration_gives_the_frames_before_the_damage(tmp_path):
    frames = iter_structures(write(tmp_path, FRAME + "2\nbroken\nO 0 0 0\n"))
    assert next(frames).energy == -5.5
    with pytest.raises(DataError, match="frame 1"):
        next(frames)


DAMAGE = {
    "lost lines": ("2\nx\nO 0 0 0\n", "announces 2 atoms and the file ends after 1"),
    "lost comment": ("2\n", "announces 2 atoms and the file ends after 0"),
    "no count": ("Properties=pos:R:3\n", "must begin with its number of atoms, got 'Properties"),
    "zero atoms": ("0\n\n", "must begin with its number of atoms, got '0'"),
    "blank line": ("\n" + FRAME, "found a blank line instead of the number of atoms"),
    "extra column": (FRAME.replace("0.3\n", "0.3 9.9\n", 1), "atom 0 has 8 columns"),
    "lost column": (FRAME.replace(" -0.3\n", "\n"), "atom 1 has 6 columns"),
    "not a number": (FRAME.replace("0.96", "0.9x"), "cannot be parsed as extended XYZ"),
    "stars": (FRAME.replace("-5.5", "******"), "energy starts with ['******']"),
    "no value": (FRAME.replace("=-5.5", ""), "energy starts with [True]; it needs numbers"),
    "bad lattice": (FRAME.replace(' 9.0"', '"'), "cannot be parsed as extended XYZ"),
    "unknown element": (FRAME.replace("H 0.96", "Qq 0.96"), "'Qq' is not an element symbol"),
    "dummy element": (FRAME.replace("H 0.96", "X 0.96"), "atom 1 has atomic number 0"),
    "nan": (FRAME.replace("-5.5", "nan"), "energy = nan is not finite"),
    "inf force": (FRAME.replace("-0.2", "inf"), "forces[1] = [-0.1  inf -0.3]"),
    "flat cell": (FRAME.replace(' 9.0"', ' 0.0"'), "enclose no volume"),
    "overlap": (FRAME.replace("0.96", "9.01"), "are 0.0100 A apart"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_names_file_and_frame(tmp_path, kind):
    text, words = DAMAGE[kind]
    assert words in refusal(write(tmp_path, FRAME + text), frame=1)


def test_labels_named_otherwise_in_a_later_frame(tmp_path):
    path = write(tmp_path, FRAME + FRAME + FRAME.replace("REF_", ""))
    message = refusal(path, frame=2)
    assert "labels are named energy, forces, in frames before it REF_energy" in message
    assert [s.energy for s in read_structures(write(tmp_path, FRAME * 3))] == [-5.5] * 3


def test_named_key_that_is_missing_lists_what_is_there(tmp_path):
    path = write(tmp_path, FRAME + FRAME.replace("REF_energy", "energy"))
    message = refusal(path, frame=1, energy_key="REF_energy")
    assert "missing 'REF_energy'; it has: " in message and "temperature" in message


def test_empty_file(tmp_path):
    assert "holds no structures" in refusal(write(tmp_path, ""))


def test_truncated_gzip(tmp_path):
    path = tmp_path / "a.extxyz.gz"
    packed = gzip.compress(FRAME.encode() * 500)
    path.write_bytes(packed[: len(packed) // 2])
    assert "EOFError" in refusal(path) and "truncated" in refusal(path)


def test_gzip_that_is_not_one(tmp_path):
    assert "BadGzipFile" in refusal(write(tmp_path, FRAME, "a.extxyz.gz"))


def test_binary_under_the_name_of_text(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_bytes(b"\xff\xfe\x00\x80")
    assert "UnicodeDecodeError" in refusal(path)


def test_dft_ethylammonium_nitrate(shared_data):
    path = shared_data / "ean_dft" / "ean_dft_50.extxyz"
    structures = read_structures(path, require=("energy", "forces"))
    images = ase.io.read(path, ":")
    assert len(structures) == len(images) == 50
    for structure, atoms in zip(structures, images, strict=True):
        assert structure.energy == atoms.info["REF_energy"]
        np.testing.assert_array_equal(structure.forces, atoms.arrays["REF_forces"])
        np.testing.assert_array_equal(structure.positions, atoms.positions)
        np.testing.assert_array_equal(structure.cell, atoms.cell.array)
    assert structures[0].energy == -1271.0969288340718


def test_oc20_slabs(shared_data):
    path = shared_data / "oc20" / "oc20_is2re_20.extxyz"
    first = read_structures(path, require=("energy", "forces"))[0]
    atoms = ase.io.read(path, 0)
    assert first.energy == atoms.get_potential_energy() == -57.74908337
    np.testing.assert_array_equal(first.forces, atoms.calc.results["forces"])
    np.testing.assert_array_equal(first.info["relaxed_pos"], atoms.arrays["relaxed_pos"])
    relaxed = read_structures(path, energy_key="relaxed_energy")[0]
    assert relaxed.energy == -60.58567902 and relaxed.forces is None


def test_qm9_by_key(shared_data):
    path = shared_data / "qm9" / "qm9_1200.extxyz"
    structures = read_structures(path, energy_key="U0_eV", require=("energy",))
    assert len(structures) == 1201
    assert structures[0].energy == -1101.4877900833399
