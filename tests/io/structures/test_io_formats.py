"""Published formats: NeuralIL JSON lines, ANI-1 HDF5, rMD17 and distilled npz."""

import gzip
import itertools
import json

import ase.io
import h5py
import numpy as np
import pytest
from refusals import refusal

from physrep.io import DataError, iter_structures, read_structures
from physrep.io.structures.neuralil_json import ethylammonium_nitrate_species
from physrep.io.structures.unread_labels import unread_lines

HARTREE = 27.211386245988  # eV, CODATA 2018
KCAL = 0.0433641  # eV, to the digits found in tables


# NeuralIL JSON lines


def ion_pair(**changes) -> dict:
    """One record with the keys of the published EAN files."""
    rng = np.random.default_rng(3)
    grid = np.array(list(np.ndindex(3, 3, 2)), dtype=float)[:15] * 2
    return {
        "Energy": -84.7,
        "Positions": (grid + 0.1 * rng.random((15, 3))).tolist(),
        "Forces": rng.random((15, 3)).tolist(),
        "Cell-Size": [6.5, 7.0, 7.5],
        "Charges": [0] * 15,
        "Date": "2020-06-15 13:04:01",
        "Natoms": 15,
        **changes,
    }


def json_lines(tmp_path, *records, name="a.json"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_neuralil_record(tmp_path):
    record = ion_pair()
    path = json_lines(tmp_path, record, ion_pair(Energy=-85))
    first, second = read_structures(path, require=("energy", "forces"))
    assert (first.energy, second.energy) == (-84.7, -85.0)
    assert first.positions.tolist() == record["Positions"]
    assert first.forces.tolist() == record["Forces"]
    assert np.array_equal(first.cell, np.diag([6.5, 7.0, 7.5])) and first.pbc.all()
    assert first.species.tolist() == [7, 1, 1, 1, 6, 1, 1, 6, 1, 1, 1, 7, 8, 8, 8]
    assert first.info == {"Charges": [0] * 15, "Date": "2020-06-15 13:04:01"}


def test_neuralil_types_and_gzip(tmp_path):
    path = tmp_path / "a.json.gz"
    types = ["Ti", "Sr"] + ["O"] * 13
    path.write_bytes(gzip.compress(json.dumps(ion_pair(Types=types, T=500)).encode()))
    (structure,) = read_structures(path)
    assert structure.species.tolist() == [22, 38] + [8] * 13
    assert structure.info["T"] == 500


def test_ean_atom_order_is_that_of_the_dft_set(shared_data):
    atoms = ase.io.read(shared_data / "ean_dft" / "ean_dft_50.extxyz", 0)
    assert ethylammonium_nitrate_species(225) == list(atoms.symbols)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Types": ["Qq"] * 15}, "'Qq' in Types is not an element symbol"),
        ({"Natoms": 16}, "Natoms = 16, but it has 15 Positions"),
        ({"Cell-Size": [6.5, 7.0]}, "Cell-Size = [6.5, 7.0]; it needs three edges in A"),
        ({"Energy": None}, "has no energy"),
        ({"Energy": float("nan")}, "energy = nan is not finite"),
        ({"Forces": [[0, 0, 0]]}, "forces has shape (1, 3); it needs shape (15, 3)"),
        ({"Forces": [[0, 0], [0]]}, "forces is ragged"),
        ({"Positions": [[0, 0, 0]], "Natoms": 1}, "1 atoms are no whole number of ethylammonium"),
        ({"Positions": [], "Natoms": 0}, "has no atoms"),
    ],
)
def test_neuralil_damaged_record(tmp_path, changes, words):
    path = json_lines(tmp_path, ion_pair(), ion_pair(**changes))
    assert words in refusal(path, frame=1, require=("energy", "forces"))


def test_neuralil_damaged_lines(tmp_path):
    path = json_lines(tmp_path, ion_pair(), ion_pair())
    path.write_text(path.read_text()[:-80])
    assert "is not a JSON object" in refusal(path, frame=1)
    assert "is a JSON list" in refusal(json_lines(tmp_path, ion_pair(), [1, 2]), frame=1)
    lacking = {key: value for key, value in ion_pair().items() if key != "Positions"}
    message = refusal(json_lines(tmp_path, ion_pair(), lacking), frame=1)
    assert "missing 'Positions'; it has: Energy, Forces" in message
    assert "missing 'E'" in refusal(json_lines(tmp_path, ion_pair()), frame=0, energy_key="E")


# ANI-1


def ani_file(tmp_path, **changes):
    path = tmp_path / "a.h5"
    molecule = {
        "coordinates": np.array([[[0, 0, 0], [0, 0, 0.74]], [[0, 0, 0], [0, 0, 0.8]]], np.float32),
        "energies": np.array([-1.17, -1.16]),
        "species": np.array([b"H", b"H"]),
        **changes,
    }
    with h5py.File(path, "w") as file:
        for name, values in molecule.items():
            if values is not None:
                file[f"set/set-0/{name}"] = values
    return path


def test_ani_is_in_hartree(tmp_path):
    first, second = read_structures(ani_file(tmp_path))
    assert first.energy == pytest.approx(-1.17 * HARTREE, rel=1e-14)
    assert second.positions[1, 2] == np.float32(0.8)
    assert first.info == {"molecule": "set-0"} and first.forces is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"species": None}, "missing 'species'; it has: coordinates, energies"),
        ({"species": np.array([b"H", b"Qq"])}, "'Qq' is not an element symbol"),
        ({"energies": np.zeros(3)}, "has 2 coordinates and 3 energy entries"),
        ({"coordinates": None}, "holds no structures"),
    ],
)
def test_ani_arrays_that_do_not_match(tmp_path, changes, words):
    assert words in refusal(ani_file(tmp_path, **changes))


def test_ani_damage(tmp_path):
    path = ani_file(tmp_path, energies=np.array([-1.17, np.nan]))
    assert "energy = nan is not finite" in refusal(path, frame=1)
    path = ani_file(tmp_path, species=np.array([b"H", b"H", b"H"]))
    assert "positions has shape (2, 3); it needs shape (3, 3)" in refusal(path, frame=0)
    path = ani_file(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    assert "cannot be read (OSError" in refusal(path)


def test_ani_methane_ammonia_water(shared_data):
    path = shared_data / "ani1" / "ani_gdb_s01.h5"
    structures = read_structures(path, require=("energy",))
    assert len(structures) == 10800
    with h5py.File(path) as file:
        for start, name in ((0, "gdb11_s01-0"), (5400, "gdb11_s01-1"), (9000, "gdb11_s01-2")):
            group = file["gdb11_s01"][name]
            for k in (0, 777, 1799):
                structure = structures[start + k]
                assert structure.info["molecule"] == name and structure.frame == start + k
                assert structure.energy == pytest.approx(group["energies"][k] * HARTREE, rel=1e-14)
                np.testing.assert_array_equal(structure.positions, group["coordinates"][k])
    assert structures[0].species.tolist() == [6, 1, 1, 1, 1]
    # wB97x/6-31G(d) methane, -40.48058817 Hartree
    assert structures[0].energy == pytest.approx(-1101.53291, abs=1e-4)


def test_ani_is_read_as_it_is_asked_for(tmp_path):
    """The first molecule comes although the second cannot be read."""
    path = ani_file(tmp_path)
    with h5py.File(path, "a") as file:
        file["set/set-1/coordinates"] = np.zeros((1, 2, 3))
    frames = iter_structures(path)
    assert [structure.frame for structure in itertools.islice(frames, 2)] == [0, 1]
    with pytest.raises(DataError, match="missing 'species'; it has: coordinates"):
        next(frames)


# npz with the frames along the first axis


def rmd17_file(tmp_path, **changes):
    arrays = {
        "nuclear_charges": np.array([1, 1], np.uint8),
        "coords": np.array([[[0, 0, 0], [0, 0, 0.74]]] * 3),
        "energies": np.array([-730.0, -731.0, -732.0]),
        "forces": np.full((3, 2, 3), 23.0),
        **changes,
    }
    path = tmp_path / "a.npz"
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    return path


def test_rmd17_is_in_kcal_per_mol(tmp_path):
    structure = read_structures(rmd17_file(tmp_path), require=("energy", "forces"))[1]
    assert structure.energy == pytest.approx(-731 * KCAL, rel=1e-6)
    assert structure.forces == pytest.approx(np.full((2, 3), 23 * KCAL), rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"energies": np.zeros(2)}, "energy has shape (2,) for 3 frames of positions"),
        ({"old_indices": np.zeros(4, int)}, "old_index has shape (4,) for 3 frames"),
        ({"nuclear_charges": None}, "missing 'nuclear_charges'; it has: coords, energies"),
        ({"coords": np.zeros((0, 2, 3)), "energies": None, "forces": None}, "holds no structures"),
    ],
)
def test_rmd17_arrays_that_do_not_match(tmp_path, changes, words):
    assert words in refusal(rmd17_file(tmp_path, **changes), format="rmd17")


def test_rmd17_damaged_frame(tmp_path):
    forces = np.zeros((3, 2, 3))
    forces[2, 1, 0] = np.nan
    assert "forces[1] = [nan  0.  0.]" in refusal(rmd17_file(tmp_path, forces=forces), frame=2)
    path = rmd17_file(tmp_path, coords=np.zeros((3, 2, 3)))
    assert "atoms 0 (H) and 1 (H) are 0.0000 A apart" in refusal(path, frame=0)
    with pytest.raises(DataError, match=r"frame 0 .* has no forces"):
        read_structures(rmd17_file(tmp_path, forces=None), require=("forces",))


def test_rmd17_ethanol(shared_data):
    path = shared_data / "rmd17" / "rmd17_ethanol_train_01.npz"
    structures = read_structures(path, require=("energy", "forces"))
    assert len(structures) == 1000
    with np.load(path) as archive:
        for k in (0, 500, 999):
            structure = structures[k]
            np.testing.assert_array_equal(structure.positions, archive["coords"][k])
            np.testing.assert_allclose(structure.forces, archive["forces"][k] * KCAL, rtol=1e-6)
            assert structure.energy == pytest.approx(archive["energies"][k] * KCAL, rel=1e-6)
            assert structure.info == {"old_index": archive["old_indices"][k]}
        old = read_structures(path, energy_key="old_energies", forces_key="old_forces")[0]
        assert old.energy == pytest.approx(archive["old_energies"][0] * KCAL, rel=1e-6)
    assert structures[0].species.tolist() == [6, 6, 8] + [1] * 6


def test_distilled_ethylammonium_nitrate(shared_data):
    path = shared_data / "ean_distilled" / "ean_neuralil_labels.npz"
    structures = read_structures(path, require=("energy", "forces"))
    assert len(structures) == 411
    with np.load(path) as archive:
        for k in (0, 410):
            structure = structures[k]
            assert structure.energy == archive["energies"][k]
            np.testing.assert_array_equal(structure.forces, archive["forces"][k])
            np.testing.assert_array_equal(structure.positions, archive["positions"][k])
            np.testing.assert_array_equal(structure.cell, archive["cell_length"][k] * np.eye(3))
            assert structure.info == {"temperature": archive["temperature"][k]}
            assert structure.pbc.all()


# No label is left out without a word, in any format


def test_labels_under_other_names_in_json(tmp_path):
    record = ion_pair()
    record["energy"] = record.pop("Energy")
    path = json_lines(tmp_path, record)
    assert "holds 'energy': name the one to read (data.energy_key=energy" in refusal(path, frame=0)
    (named,) = read_structures(path, energy_key="energy", forces_key="Forces")
    assert named.energy == -84.7 and named.forces is not None


def test_json_with_two_energies(tmp_path):
    path = json_lines(tmp_path, ion_pair())
    path.write_text(path.read_text().replace('"Energy"', '"Energy": -1.0, "Energy"'))
    assert "has Energy twice; remove one" in refusal(path, frame=0)


def test_forces_next_to_the_energies_of_ani(tmp_path):
    path = ani_file(tmp_path, forces=np.zeros((2, 2, 3)))
    message = refusal(path, frame=0)
    assert "no forces would be read, but the frame holds 'forces'" in message
    first = read_structures(path, energy_key="energies", forces_key="forces")[0]
    assert first.energy == pytest.approx(-1.17 * HARTREE) and first.forces.shape == (2, 3)
    # What ANI sorted out for its high energy is no label of these conformers.
    high = {"coordinatesHE": np.zeros((2, 2, 3)), "energiesHE": np.zeros(2)}
    assert len(read_structures(ani_file(tmp_path, **high))) == 2


def test_labels_under_other_names_in_an_npz(tmp_path):
    path = tmp_path / "a.npz"
    xyz = np.array([[[0, 0, 0], [0, 0, 0.74]], [[0, 0, 0], [0, 0, 0.8]]])
    arrays = {"nuclear_charges": [1, 1], "coords": xyz, "energies": [-1.0, -2.0]}
    np.savez(path, **arrays, dft_forces=np.zeros((2, 2, 3)))
    assert "holds 'dft_forces'" in refusal(path, frame=0)
    second = read_structures(path, energy_key="energies")[1]
    assert second.energy == pytest.approx(-2 * KCAL)
    assert "forces is not read, but it holds 'dft_forces'" in unread_lines([second])[0]
    # MD17's own labels are of another level and are not missed.
    np.savez(path, **arrays, forces=np.zeros((2, 2, 3)), old_energies=[0, 0])
    assert read_structures(path)[0].forces is not None
