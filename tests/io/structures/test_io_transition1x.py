"""Transition1x HDF5: every reaction once, with its roles, told apart from ANI-1 by content."""

import itertools

import h5py
import numpy as np
import pytest

from physrep.io import DataError, iter_structures, read_structures

ENERGY, FORCES = "wB97x_6-31G(d).energy", "wB97x_6-31G(d).forces"
ROLES = ("reactant", "transition_state", "product")
N_PATH = 5


def write_frames(group, n_frames, start, **changes):
    rng = np.random.default_rng(abs(int(start)))
    arrays = {
        "atomic_numbers": np.array([6, 1, 8]),
        "positions": np.arange(9).reshape(3, 3) + rng.uniform(0, 0.3, (n_frames, 3, 3)),
        ENERGY: start + np.arange(n_frames) / 100,
        FORCES: rng.normal(size=(n_frames, 3, 3)),
        **changes,
    }
    for name, values in arrays.items():
        if values is not None:
            group[name] = values


def write_reaction(file, name, start=-100.0, **path_changes):
    group = file.create_group(name)
    for k, role in enumerate(ROLES):
        write_frames(group.create_group(role), 1, start - 10 * (k + 1))
    write_frames(group, N_PATH, start, **path_changes)


@pytest.fixture(name="path")
def _path(tmp_path):
    """Two reactions in `data`, linked into train and test; a third one that only val has."""
    path = tmp_path / "t1x.h5"
    with h5py.File(path, "w") as file:
        write_reaction(file, "data/CHO/rxn0001", -100)
        write_reaction(file, "data/CHO/rxn0002", -200)
        write_reaction(file, "val/CHO/rxn0003", -300)
        file["train/CHO/rxn0001"] = h5py.SoftLink("/data/CHO/rxn0001")
        file["test/CHO/rxn0002"] = h5py.SoftLink("/data/CHO/rxn0002")
    return path


def test_every_reaction_once_with_its_roles(path):
    structures = read_structures(path, require=("energy", "forces"))
    assert len(structures) == 3 * (3 + N_PATH)
    first = structures[: 3 + N_PATH]
    assert [s.info["role"] for s in first] == [*ROLES, *["path"] * N_PATH]
    assert [s.energy for s in first[:5]] == [-110, -120, -130, -100, -99.99]
    said = [(s.info["reaction"], s.info["split"]) for s in structures[:: 3 + N_PATH]]
    assert said == [("rxn0001", "train"), ("rxn0002", "test"), ("rxn0003", "val")]
    assert {s.info["formula"] for s in structures} == {"CHO"}
    with h5py.File(path) as file:
        group = file["data/CHO/rxn0002"]
        for k, structure in enumerate(structures[3 + N_PATH + 3 : 2 * (3 + N_PATH)]):
            np.testing.assert_array_equal(structure.positions, group["positions"][k])
            np.testing.assert_array_equal(structure.forces, group[FORCES][k])
            assert structure.species.tolist() == [6, 1, 8]


def test_long_path_is_read_in_blocks(tmp_path, monkeypatch):
    path = tmp_path / "t1x.h5"
    with h5py.File(path, "w") as file:
        write_reaction(file, "data/CHO/rxn0001")
    whole = read_structures(path)
    monkeypatch.setattr("physrep.io.structures.transition1x.FRAMES_PER_READ", 2)
    assert [s.energy for s in read_structures(path)] == [s.energy for s in whole]
    assert "split" not in whole[0].info


def test_asked_keys_replace_the_defaults(path):
    structure = read_structures(path, energy_key=ENERGY)[0]
    assert structure.energy == -110 and structure.forces is None
    with pytest.raises(DataError, match="missing 'E'; it has: "):
        read_structures(path, energy_key="E")


def test_ani_is_still_ani(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["set/m/coordinates"] = np.array([[[0, 0, 0], [0, 0, 0.74]]])
        file["set/m/energies"] = np.array([-1.0])
        file["set/m/species"] = np.array([b"H", b"H"])
    assert read_structures(path)[0].energy == pytest.approx(-27.211386245988)
    with pytest.raises(DataError, match="holds no structures"):
        read_structures(path, format="transition1x")


def test_read_as_asked_for(path):
    with h5py.File(path, "a") as file:
        del file["data/CHO/rxn0002/positions"]
    frames = iter_structures(path)
    assert len(list(itertools.islice(frames, 3 + N_PATH + 3))) == 11
    with pytest.raises(DataError, match="missing 'positions'"):
        next(frames)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({ENERGY: np.zeros(4)}, "/data/CHO/rxn0001 has 5 frames of positions and 4 energy"),
        ({FORCES: np.zeros((6, 3, 3))}, "has 5 frames of positions and 6 forces entries"),
        ({FORCES: np.zeros((5, 2, 3))}, r"forces has shape \(2, 3\); it needs shape \(3, 3\)"),
        ({ENERGY: np.full(5, np.nan)}, "energy = nan is not finite"),
        ({"atomic_numbers": None}, "missing 'atomic_numbers'"),
        ({"positions": np.zeros((5, 3, 3))}, r"atoms 0 \(C\) and 1 \(H\) are 0.0000 A apart"),
    ],
)
def test_damaged_reaction(tmp_path, changes, words):
    path = tmp_path / "t1x.h5"
    with h5py.File(path, "w") as file:
        write_reaction(file, "data/CHO/rxn0001", **changes)
    with pytest.raises(DataError, match=words):
        read_structures(path, format="transition1x")


def test_damaged_file(path):
    with h5py.File(path, "a") as file:
        file["val/CHO/rxn0001"] = h5py.SoftLink("/data/CHO/rxn0001")
    with pytest.raises(DataError, match="reaction CHO/rxn0001 is in train and in val"):
        read_structures(path)
    with h5py.File(path, "a") as file:
        del file["val/CHO/rxn0001"], file["data/CHO/rxn0001/product"]
    with pytest.raises(DataError, match="missing 'product'"):
        read_structures(path)
    with h5py.File(path, "a") as file:
        write_frames(file.create_group("data/CHO/rxn0001/product"), 2, -1.0)
    with pytest.raises(DataError, match="rxn0001/product has 2 frames, not 1"):
        read_structures(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cannot be read \(OSError"):
        read_structures(path)


def test_forces_under_another_name_are_not_left_out(tmp_path):
    path = tmp_path / "t1x.h5"
    with h5py.File(path, "w") as file:
        write_reaction(
            file, "data/CHO/rxn0001", **{FORCES: None, "dft.forces": np.zeros((5, 3, 3))}
        )
    with pytest.raises(
        DataError, match=r"no forces would be read, but the frame holds 'dft.forces'"
    ):
        read_structures(path)
