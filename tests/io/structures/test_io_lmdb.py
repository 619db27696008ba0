"""ASE-LMDB: rows in both spellings of arrays; pickles, truncated and damaged files refused."""

import builtins
import json
import pickle
import zlib

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from ase.db.row import AtomsRow
from ase.io.jsonio import encode
from refusals import refusal

from physrep.io import iter_structures, read_structures

lmdb = pytest.importorskip("lmdb", reason="the extra lmdb is not installed")


def row(energy=-3.5, **changes) -> dict:
    """One periodic row as ASE's database keeps it."""
    atoms = Atoms("CO", [[0, 0, 0], [0, 0, 1.1]], cell=[4, 5, 6], pbc=[True, True, False])
    atoms.set_tags([0, 1])
    atoms.set_constraint(FixAtoms([0]))
    known = {k: v for k, v in AtomsRow(atoms).__dict__.items() if not k.startswith("_")}
    return {
        **known,
        "cell": np.asarray(atoms.cell),
        "constraints": [constraint.todict() for constraint in atoms.constraints],
        "energy": energy,
        "forces": np.array([[0, 0, 1.5], [0, 0, -1.5]]),
        "key_value_pairs": {"sid": 17},
        "data": {"relaxed_energy": -4.5, "positions_relaxed": np.ones((2, 3))},
        "mtime": 1.0,
        **changes,
    }


def plain_lists(value):
    """Arrays as nested lists, the spelling of older files."""
    return value.tolist() if isinstance(value, np.ndarray) else float(value)


def write(path, values: dict):
    path.unlink(missing_ok=True)
    with (
        lmdb.open(str(path), subdir=False, map_size=1 << 20) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, value in values.items():
            transaction.put(key.encode(), value)
    return path


def packed(value) -> bytes:
    return zlib.compress(encode(value).encode())


def database(path, rows, deleted=(), **more):
    """A file of these rows, numbered from 1, without those deleted."""
    values = {str(k): packed(r) for k, r in enumerate(rows, 1) if k not in deleted}
    values |= {"nextid": packed(len(rows) + 1), "deleted_ids": packed(list(deleted))}
    return write(path, {**values, **more})


@pytest.mark.parametrize("name", ["a.aselmdb", "a.lmdb"])
def test_rows_in_order_without_the_deleted(tmp_path, name):
    rows = [row(energy=-float(k)) for k in range(1, 13)]
    path = database(tmp_path / name, rows, deleted=(3,), metadata=packed({"of": "nothing"}))
    structures = read_structures(path, require=("energy", "forces"))
    assert [s.energy for s in structures] == [-1, -2, *range(-4, -13, -1)]
    assert [s.info["row"] for s in structures] == [1, 2, *range(4, 13)]
    first = structures[0]
    assert first.species.tolist() == [6, 8] and first.positions[1, 2] == 1.1
    assert first.pbc.tolist() == [True, True, False]
    assert first.cell.tolist() == np.diag([4, 5, 0]).tolist()
    assert first.forces.tolist() == [[0, 0, 1.5], [0, 0, -1.5]]


def test_info_has_the_rest_of_the_row(tmp_path):
    (structure,) = read_structures(database(tmp_path / "a.aselmdb", [row()]))
    info = structure.info
    assert info["sid"] == 17 and info["relaxed_energy"] == -4.5
    assert info["tags"].tolist() == [0, 1]
    (constraint,) = info["constraints"]
    assert constraint["name"] == "FixAtoms" and list(constraint["kwargs"]["indices"]) == [0]
    assert not {"energy", "forces", "mtime", "unique_id", "numbers"} & set(info)


def test_arrays_as_lists(tmp_path):
    text = json.dumps(row(), default=plain_lists).encode()
    path = database(tmp_path / "a.lmdb", [row()], **{"1": zlib.compress(text)})
    (structure,) = read_structures(path)
    assert structure.energy == -3.5 and structure.forces[0, 2] == 1.5


def test_relaxed_energy_and_stress(tmp_path):
    stress = [0.1, 0.2, 0.3, 0.01, 0.02, 0.03]
    path = database(tmp_path / "a.aselmdb", [row(stress=np.array(stress), pbc=[True] * 3)])
    (structure,) = read_structures(path)
    assert np.diag(structure.virial) == pytest.approx([-12, -24, -36])  # -volume * stress
    assert structure.virial[1, 2] == pytest.approx(-120 * 0.01)
    (relaxed,) = read_structures(path, energy_key="relaxed_energy")
    assert relaxed.energy == -4.5 and relaxed.forces is None and relaxed.virial is None
    assert "missing 'E'" in refusal(path, frame=0, energy_key="E")


class Intruder:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize("pack", [bytes, zlib.compress])
def test_pickles_are_refused_and_never_run(tmp_path, pack):
    harmful = pack(pickle.dumps(Intruder()))
    words = "holds pickled objects (a legacy LMDB file), which can run any code"
    message = refusal(write(tmp_path / "a.lmdb", {"0": harmful, "length": pickle.dumps(1)}))
    assert words in message and "ase.io.write" in message
    path = database(tmp_path / "b.lmdb", [row(), row()], **{"2": harmful})
    assert words in refusal(path, frame=1)
    path = database(tmp_path / "c.lmdb", [row()], nextid=harmful)
    assert words in refusal(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"energy": float("nan")}, "energy = nan is not finite"),
        ({"forces": np.zeros((3, 3))}, "forces has shape (3, 3); it needs shape (2, 3)"),
        ({"forces": [[0, 0, 0], [0]]}, "forces is ragged"),
        ({"numbers": [6, "O"]}, "it needs whole numbers"),
        (
            {"positions": {"__ndarray__": [[2, 3], "float64", [1.0]]}},
            "an array of shape [2, 3] has 1 entries",
        ),
        ({"positions": {"__ndarray__": [[2, 3], 7, [1.0]]}}, "row 2 is not packed JSON"),
        ({"positions": {"__ndarray__": [[2, 3]]}}, "row 2 is not packed JSON (ValueError"),
        ({"cell": [4, 5, 6]}, "cell has shape (3,)"),
        ({"data": [1, 2]}, "data is a list, not an object"),
    ],
)
def test_damaged_row(tmp_path, changes, words):
    path = database(tmp_path / "a.aselmdb", [row(), row(**changes)])
    assert words in refusal(path, frame=1)


def test_rows_that_are_missing_or_no_rows(tmp_path):
    path = database(tmp_path / "a.aselmdb", [row(), row()], nextid=packed(4))
    assert "row 3 is missing and is not marked as deleted" in refusal(path, frame=2)
    path = database(tmp_path / "a.aselmdb", [row(), [1, 2]])
    assert "row 2 is a JSON list, not an object" in refusal(path, frame=1)
    path = database(tmp_path / "a.aselmdb", [{k: v for k, v in row().items() if k != "numbers"}])
    assert "missing 'numbers'; it has: " in refusal(path, frame=0)
    path = database(tmp_path / "a.aselmdb", [row()], **{"1": packed(row())[:-40]})
    assert "row 1 is not packed JSON (error: Error -5" in refusal(path, frame=0)
    path = database(tmp_path / "a.aselmdb", [row()], nextid=packed("2"))
    assert "nextid = '2' and deleted_ids = [] are no whole number and list" in refusal(path)


def test_other_files(tmp_path):
    assert "holds no structures" in refusal(write(tmp_path / "a.lmdb", {}))
    assert "has no key 'nextid' (its first is b'x')" in refusal(
        write(tmp_path / "a.lmdb", {"x": packed(1)})
    )
    path = database(tmp_path / "b.aselmdb", [row()] * 20)
    whole = path.read_bytes()
    for size in (0, 100, 4096):
        path.write_bytes(whole[:size])
        assert "cannot be read (" in refusal(path)
    path.write_bytes(whole[:12_000])
    assert "has 12000 bytes of the " in refusal(path)
    with pytest.raises(FileNotFoundError, match="is a folder; name the files in it"):
        read_structures(tmp_path)


def test_one_reader_at_a_time(tmp_path):
    path = database(tmp_path / "a.aselmdb", [row(), row()])
    frames = iter_structures(path)
    next(frames)
    assert "is already open in this process" in refusal(path)
    frames.close()
    assert len(read_structures(path)) == 2


def test_advice_without_the_package(tmp_path, monkeypatch):
    path = database(tmp_path / "a.aselmdb", [row()])
    known = builtins.__import__

    def without_lmdb(name, *rest, **named):
        if name == "lmdb":
            raise ImportError(name)
        return known(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_lmdb)
    assert "pip install 'physrep[lmdb]'" in refusal(path)


def test_two_energies_that_differ_are_refused(tmp_path):
    same = row(key_value_pairs={"energy": -3.5})
    assert read_structures(database(tmp_path / "a.lmdb", [same]))[0].energy == -3.5
    other = database(tmp_path / "b.lmdb", [row(key_value_pairs={"energy": -2.0})])
    assert "energy is -3.5 in one place and -2.0 in key_value_pairs" in refusal(other, frame=0)
