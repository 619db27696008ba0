"""``physrep dataset``: checked, described, divided, joined, thinned out, by the command line."""

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from physrep.cli.main import main
from physrep.io import Structure, read_structures
from physrep_training.dataset.environments_of import as_rows, distances_of, frame_features
from physrep_training.dataset.select_frames import farthest_points

pytestmark = pytest.mark.case


def frame(seed: int, scale: float = 0.03, **info) -> Atoms:
    """Ethanol, its bonds at random, with the labels of springs to where the atoms were."""
    atoms = molecule("CH3CH2OH")
    moves = np.random.default_rng(seed).normal(0, scale, (len(atoms), 3))
    moves -= moves.mean(axis=0)
    atoms.positions += moves
    atoms.info.update({"REF_energy": -100.0 + 10.0 * float((moves**2).sum()), **info})
    atoms.new_array("REF_forces", -20.0 * moves)
    return atoms


def write(path: Path, frames: list[Atoms]) -> str:
    ase.io.write(path, frames)
    return str(path)


def dataset(capsys, *words, code: int = 0) -> str:
    """What is printed; on standard error where the code is 2."""
    assert main(["dataset", *map(str, words)]) == code
    said = capsys.readouterr()
    if code == 2:
        assert said.err.splitlines()[-1].startswith("physrep: error: ")
        return said.err
    return said.out


@pytest.fixture(name="data")
def _data(tmp_path) -> str:
    """Two trajectories of 20 frames."""
    frames = [frame(k, trajectory=f"T{k // 20}", method="toy") for k in range(40)]
    return write(tmp_path / "data.extxyz", frames)


def test_a_sound_set(data, capsys):
    said = dataset(capsys, "check", data)
    assert "40 frames of C2H6O (40)" in said
    assert "level of theory: toy (40)" in said and said.endswith("sound\n")
    shortest = min(atoms.get_distance(0, 1) for atoms in ase.io.read(data, ":"))
    assert f"C-C {shortest:.3f}" in said
    assert json.loads(dataset(capsys, "check", data, "--json"))["sound"] is True


def test_what_is_wrong_is_listed(data, tmp_path, capsys):
    frames = ase.io.read(data, ":")
    again = frames[3].copy()
    again.positions = again.positions[:, [1, 2, 0]] + 4.0  # turned and moved
    again.arrays["REF_forces"] = again.arrays["REF_forces"][:, [1, 2, 0]]
    other_level = frames[5].copy()
    other_level.info["REF_energy"] -= 400.0
    broken = frames[6].copy()
    broken.positions[0] = broken.positions[1]
    pushed = frame(99)
    pushed.arrays["REF_forces"][2] += [80.0, 0, 0]
    found = write(tmp_path / "more.extxyz", [broken, again, other_level, pushed])
    said = dataset(capsys, "check", data, found, "--json", code=1)
    report = json.loads(said)
    assert [one["frame"] for one in report["repeats"]] == [[found, 1], [found, 2]]
    assert [one["repeats"] for one in report["repeats"]] == [[data, 3], [data, 5]]
    assert report["repeats"][0]["contradiction"] is None
    assert "energies" in report["repeats"][1]["contradiction"]
    assert "frame 0" in report["refused"][0] and "remove the duplicate atom" in report["refused"][0]
    told = {(one["frame"][1], one["what"].split()[0]) for one in report["outliers"]}
    assert told == {(2, "energy"), (3, "largest"), (3, "forces")}
    said = dataset(capsys, "check", data, found, code=1)
    assert "not sound" in said and "2 frames are unusual; look at them" in said


def test_merge_drops_repeats_and_keeps_the_labels(data, tmp_path, capsys):
    frames = ase.io.read(data, ":")
    richer = frames[0].copy()
    richer.new_array("REF_charges", np.linspace(-0.4, 0.4, 9))
    richer.new_array("ion", np.arange(9))
    new = frame(77, method="toy", temperature=300.0)
    second = write(tmp_path / "second.extxyz", [richer, new])
    output = tmp_path / "all.extxyz.gz"
    said = dataset(capsys, "merge", data, second, "-o", output)
    assert "merge: 41 of 42 frames of 2 files, 1 repeated geometries dropped" in said
    merged = read_structures(output, require=("energy", "forces"))
    assert len(merged) == 41
    (charged,) = [s for s in merged if s.charges is not None]
    np.testing.assert_array_equal(charged.info["ion"], np.arange(9))
    np.testing.assert_allclose(merged[-1].forces, new.arrays["REF_forces"], atol=1e-8)
    assert merged[-1].info["temperature"] == 300.0
    assert ase.io.read(output, -2).arrays["ion"].tolist() == list(range(9))
    assert {s.info["method"] for s in merged} == {"toy"}


def test_merge_refuses_mixed_levels(data, tmp_path, capsys):
    output = tmp_path / "all.extxyz"
    other = write(tmp_path / "other.extxyz", [frame(50, method="PBE")])
    said = dataset(capsys, "merge", data, other, "-o", output, code=2)
    assert "levels of theory are mixed" in said and "toy" in said and "PBE" in said
    silent = write(tmp_path / "silent.extxyz", [frame(50)])
    said = dataset(capsys, "merge", data, silent, "-o", output, code=2)
    assert "states no method" in said and "give --method 'toy'" in said
    assert not output.exists()
    assert "41 of 41" in dataset(capsys, "merge", data, silent, "-o", output, "--method", "toy")
    assert {s.info["method"] for s in read_structures(output)} == {"toy"}
    wrong = ase.io.read(data, ":")[:1]
    wrong[0].info["REF_energy"] += 1.0
    wrong = write(tmp_path / "wrong.extxyz", wrong)
    said = dataset(capsys, "merge", data, wrong, "-o", tmp_path / "no.extxyz", code=2)
    assert "repeats the geometry of" in said and "energies" in said
    assert "is given twice" in dataset(capsys, "merge", data, data, "-o", output, code=2)


def test_splits_keep_trajectories_apart(tmp_path, capsys):
    frames = [frame(k, trajectory=f"T{k // 10}") for k in range(40)]
    atom = Atoms("H", info={"config_type": "IsolatedAtom", "REF_energy": -13.6})
    data = write(tmp_path / "data.extxyz", [*frames, atom])
    said = dataset(capsys, "split", data, "-o", tmp_path / "parts", "--test", 0.25)
    assert said == "split: 21 in train.extxyz, 10 in validation.extxyz, 10 in test.extxyz\n"
    parts = {
        name: {s.info.get("trajectory") for s in read_structures(tmp_path / "parts" / name)}
        for name in ("train.extxyz", "validation.extxyz", "test.extxyz")
    }
    assert sum(len(names) for names in parts.values()) == len(set.union(*parts.values())) == 5
    assert None in parts["train.extxyz"]
    blocks = ("--by", "time_blocks", "--gap", 1)
    said = dataset(capsys, "split", data, "-o", tmp_path / "blocks", *blocks, "--test", 0.2)
    assert said.endswith("8 left out between them\n")


def test_splits_that_cannot_be(tmp_path, capsys):
    again = frame(3)
    again.positions += 1.0
    data = write(tmp_path / "data.extxyz", [frame(k) for k in range(12)] + [again])
    said = dataset(capsys, "split", data, "-o", tmp_path / "a", code=2)
    assert "too few for 3 parts: give --by time_blocks" in said
    said = dataset(capsys, "split", data, "-o", tmp_path / "a", "--by", "time_blocks", code=2)
    assert "repeats the geometry" in said and "'physrep dataset merge'" in said
    assert not (tmp_path / "a").exists()
    words = ("--by", "groups", "--group-key", "colour")
    said = dataset(capsys, "split", data, "-o", tmp_path / "a", *words, code=2)
    assert "--group-key 'colour': frame 0" in said and "has no such key" in said


def test_selection_covers_better_than_chance(tmp_path, capsys):
    """Many frames alike, three unlike them: farthest points take these three first."""
    frames = [frame(k, 0.01) for k in range(60)]
    for k in (7, 23, 41):
        frames[k] = frame(k, 0.15)
    data = write(tmp_path / "data.extxyz", frames)
    output = tmp_path / "few.extxyz"
    said = dataset(capsys, "select", data, "-n", 5, "-o", output)
    chosen = read_structures(output)
    energies = {round(atoms.info["REF_energy"], 6) for atoms in (frames[k] for k in (7, 23, 41))}
    assert len(chosen) == 5 and energies <= {round(s.energy, 6) for s in chosen}
    covered, at_random = (float(part.split()[0].rstrip(",;")) for part in said.split("within ")[1:])
    assert covered < 0.5 * at_random
    rest = write(tmp_path / "rest.extxyz", [frame(100, 0.15), frames[7].copy(), frame(101, 0.01)])
    dataset(capsys, "select", rest, "-n", 1, "--have", data, "-o", output)
    assert read_structures(output)[0].energy == pytest.approx(frame(100, 0.15).info["REF_energy"])


def test_farthest_points_are_within_twice_the_best():
    rows = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    chosen = farthest_points(rows, 2, np.zeros((0, 1)))
    assert sorted(rows[chosen.order].ravel() > 5.0) == [False, True]
    assert chosen.covered <= 2.0 < chosen.covered_at_random


def test_a_transferred_proton_is_far_from_the_rest():
    """The deviation over the atoms knows one atom in many; their mean alone hardly does."""
    tables = [frame_features(s, distances_of(s)) for s in _boxes()]
    rows = as_rows(tables)
    apart = np.linalg.norm(rows - rows[0], axis=1)
    assert apart[-1] > 2.0 * apart[1:-1].max()


def _boxes() -> list[Structure]:
    """Water molecules in a box, shaken; in the last an O-H bond is 0.6 A longer."""
    water = molecule("H2O")
    places = 3.2 * np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    start = np.concatenate([water.positions + place for place in places])
    species = np.tile(water.numbers, len(places))
    boxes = []
    for seed in range(6):
        positions = start + np.random.default_rng(seed).normal(0, 0.01, start.shape)
        if seed == 5:
            positions[1] += 0.6 * (positions[1] - positions[0])
        boxes.append(Structure(positions, species, 9.6 * np.eye(3), True))
    return boxes


def test_stats_write_a_page(data, tmp_path, capsys):
    folder = tmp_path / "report"
    said = dataset(capsys, "stats", data, "-o", folder)
    assert "40 frames of 9 atoms, not periodic" in said
    text = (folder / "report.html").read_text()
    assert text.count("<svg") == 2 and "Forces" in text and "T1" in text
    numbers = json.loads((folder / "stats.json").read_text())
    assert numbers["compositions"] == {"C2H6O": 40}
    largest = max(np.linalg.norm(a.arrays["REF_forces"][0]) for a in ase.io.read(data, ":"))
    assert numbers["force_ev_per_a"]["C"]["100"] >= largest - 1e-6
    assert numbers["density_g_per_cm3"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("merge data.extxyz", "'dataset merge' needs -o"),
        ("select data.extxyz -o a.extxyz", "'dataset select' needs -n"),
        ("check data.extxyz -o a", "-o means nothing to 'dataset check'"),
        ("check data.extxyz --tolerance 0", "--tolerance 0: must be above 0, in A"),
        ("check no.extxyz", "no.extxyz: no such file"),
        ("select data.extxyz -n 40 -o a.extxyz", "-n 40: there are 40 frames to choose from"),
        ("merge data.extxyz -o a.npz", "extended XYZ is written; give a name in .extxyz"),
        ("merge data.extxyz -o data.extxyz", "is the input data.extxyz"),
        ("split data.extxyz -o a --test 1.2", "--test 1.2: must be 0 or more and below 1"),
        ("split data.extxyz -o a --by groups", "--by groups and --group-key KEY go together"),
        ("check data.extxyz --energy-key U0", "missing 'U0'"),
    ],
)
def test_mistakes_are_one_line(data, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    said = dataset(capsys, *words.split(), code=2)
    assert message in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data.extxyz"]
