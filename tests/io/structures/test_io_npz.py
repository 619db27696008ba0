"""physrep's own npz store: what goes in comes out, bit for bit; damage is one clear error."""

import numpy as np
import pytest
from refusals import refusal

from physrep.io import DataError, Structure, read_structures, write_npz
from physrep.io.structures import npz


@pytest.fixture
def structures():
    """Two compositions; frames with all labels, with some and with none."""
    rng = np.random.default_rng(2)
    grid = np.array(list(np.ndindex(2, 2, 2)), dtype=float)

    def frame(n, **labels):
        positions = grid[:n] + 0.1 * rng.random((n, 3))
        return Structure(positions, rng.integers(1, 9, n), **labels)

    cell = 4 * np.eye(3) + 0.1 * rng.random((3, 3))
    virial = rng.random((3, 3))
    virial += virial.T
    return [
        frame(5, energy=-1 / 3, forces=rng.random((5, 3)), cell=cell, pbc=True, virial=virial),
        frame(3, info={"trajectory": "T300", "temperature": 300.0, "step": np.int64(4)}),
        frame(8, energy=0.0, cell=cell, pbc=[True, False, True], info={"w": np.arange(3)}),
        frame(3, forces=np.zeros((3, 3))),
    ]


@pytest.fixture
def store(tmp_path, structures):
    path = tmp_path / "store.npz"
    write_npz(path, structures)
    return path


def rewritten(store, **changes):
    """The store with some arrays replaced, or left out where None."""
    with np.load(store) as archive:
        arrays = {**archive, **changes}
    np.savez(store, **{name: value for name, value in arrays.items() if value is not None})
    return store


def test_round_trip_is_exact(store, structures):
    back = read_structures(store)
    assert len(back) == 4
    for k, (new, old) in enumerate(zip(back, structures, strict=True)):
        for name in ("positions", "species", "cell", "pbc"):
            np.testing.assert_array_equal(getattr(new, name), getattr(old, name))
        for name in ("forces", "virial"):
            assert (getattr(new, name) is None) == (getattr(old, name) is None)
        assert new.energy == old.energy
        assert (new.source, new.frame) == (str(store), k)
    np.testing.assert_array_equal(back[0].forces, structures[0].forces)
    np.testing.assert_array_equal(back[0].virial, structures[0].virial)
    assert back[1].info == {"trajectory": "T300", "temperature": 300.0, "step": 4}
    assert back[2].info == {"w": [0, 1, 2]}


def test_layout_is_as_documented(store, structures):
    with np.load(store, allow_pickle=False) as archive:
        assert str(archive["format"]) == "physrep-structures"
        assert archive["offsets"].tolist() == [0, 5, 8, 16, 19]
        assert archive["positions"].shape == (19, 3)
        np.testing.assert_array_equal(archive["positions"][5:8], structures[1].positions)
        assert archive["has_energy"].tolist() == [True, False, True, False]
        assert archive["has_forces"].tolist() == [True, False, False, True]
        assert archive["has_virial"].tolist() == [True, False, False, False]
        assert archive["energy"].tolist() == [-1 / 3, 0.0, 0.0, 0.0]


def test_equal_structures_give_equal_bytes(tmp_path, store, structures):
    write_npz(tmp_path / "again.npz", structures)
    assert (tmp_path / "again.npz").read_bytes() == store.read_bytes()


def test_structures_from_a_generator_are_joined_in_blocks(tmp_path, store, structures, monkeypatch):
    for block in (1, 3, 4, 5):
        monkeypatch.setattr(npz, "BLOCK", block)
        write_npz(tmp_path / "again.npz", (structure for structure in structures))
        assert (tmp_path / "again.npz").read_bytes() == store.read_bytes()


def test_invalid_structures_are_not_written(tmp_path, structures):
    path = tmp_path / "a.npz"
    bad = Structure([[0, 0, 0]], [1], energy=np.nan, source="x.xyz", frame=3)
    with pytest.raises(DataError, match=r"x.xyz, frame 3 .*energy = nan"):
        write_npz(path, [*structures, bad])
    with pytest.raises(DataError, match="there are no structures to write"):
        write_npz(path, [])
    with pytest.raises(DataError, match=r"must end in .npz, got 'a.data'"):
        write_npz(tmp_path / "a.data", structures)
    odd = Structure([[0, 0, 0]], [1], info={"key": {1, 2}}, source="x.xyz", frame=3)
    with pytest.raises(DataError, match=r"frame 3 .*info cannot be stored \(\{1, 2\} is a set"):
        write_npz(path, [odd])
    assert not path.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"forces": None}, "missing 'forces'; it has: "),
        ({"format_version": 3}, "has format version 3, this physrep reads up to 2"),
        ({"offsets": np.array([0, 5, 8, 16, 18])}, "offsets run from 0 to 18"),
        ({"offsets": np.array([0, 5, 4, 16, 19])}, "must grow from 0 to the 19 atoms"),
        ({"positions": np.zeros((18, 3))}, "positions has shape (18, 3); it needs 19 entries"),
        ({"energy": np.zeros(5)}, "energy has shape (5,); it needs 4 entries"),
    ],
)
def test_arrays_that_do_not_match(store, changes, words):
    assert words in refusal(rewritten(store, **changes), format="physrep-npz")


def test_bad_values_name_the_frame(store):
    with np.load(store) as archive:
        energy, info = archive["energy"], archive["info"]
    energy[2] = np.inf
    assert "energy = inf is not finite" in refusal(rewritten(store, energy=energy), frame=2)
    info[1] = "{"
    assert "info '{' is not JSON" in refusal(rewritten(store, info=info), frame=1)


def test_nothing_is_unpickled(store):
    path = rewritten(store, info=np.array([{}, {}, {}, {}], dtype=object))
    assert "Object arrays cannot be loaded" in refusal(path)


def test_label_keys_are_fixed(store):
    assert "give no label keys" in refusal(store, energy_key="energy")


def test_truncated_store(store):
    packed = store.read_bytes()
    store.write_bytes(packed[: len(packed) // 2])
    assert "is not an npz archive" in refusal(store)
    assert "cannot be read" in refusal(store, format="physrep-npz")


def test_flipped_bytes(store):
    packed = bytearray(store.read_bytes())
    start = packed.index(b"positions.npy") + 40
    packed[start : start + 60] = bytes(60)
    store.write_bytes(packed)
    assert "cannot be read" in refusal(store)


def test_lone_array_under_the_name_of_an_archive(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    path = (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    assert "cannot be read" in refusal(path, format="rmd17")
