"""``physrep committee``: members to one file, calibrated; one line for each mistake."""

import json

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from systems import compute, make_checkpoint, molecule

from physrep.checkpoint import load_checkpoint, members_of, save_checkpoint
from physrep.cli.main import main
from physrep.engines.metadata import read_metadata
from physrep.pair.electrostatics_config import ElectrostaticsConfig


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory):
    """Two members, a charged stranger, and frames labelled by a third fit."""
    folder = tmp_path_factory.mktemp("members")
    for name, seed in (("a", 1), ("b", 2)):
        save_checkpoint(make_checkpoint(seed=seed), folder / f"{name}.ckpt")
    charged = make_checkpoint(electrostatics=ElectrostaticsConfig())
    save_checkpoint(charged, folder / "charged.ckpt")
    teacher, frames = make_checkpoint(seed=3).potential, []
    for k in range(4):
        atoms = molecule(k)
        labels = compute(teacher, atoms)
        atoms.calc = SinglePointCalculator(
            atoms, energy=float(labels.energy), forces=labels.forces.numpy()
        )
        frames.append(atoms)
    ase.io.write(folder / "frames.extxyz", frames)
    return folder


def test_members_are_calibrated_and_exported(folder, tmp_path, capsys):
    made, exported = tmp_path / "ab.ckpt", tmp_path / "ab.pt"
    words = [folder / "a.ckpt", folder / "b.ckpt", "--calibrate", folder / "frames.extxyz"]
    words += ["--figure", tmp_path / "c.png", "-o", made, "--json"]
    assert main(["committee", *map(str, words)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["members"] == ["jat", "jat"]
    assert said["calibration"]["force_factor"] > 0.1
    assert said["calibration"]["n_atoms"] == 40
    assert said["calibration"]["data"] == "frames.extxyz"
    assert (tmp_path / "c.png").stat().st_size > 1000
    assert main(["export", str(made), "--dtype", "float64", "-o", str(exported)]) == 0
    metadata = read_metadata(exported)
    assert (metadata.n_members, metadata.calibration) == (2, said["calibration"])
    assert main(["inspect", str(made)]) == 0
    assert "committee" in capsys.readouterr().out


def test_a_committee_alone_is_calibrated_anew(folder, tmp_path, capsys):
    first, second = str(tmp_path / "ab.ckpt"), str(tmp_path / "again.ckpt")
    members = [str(folder / "a.ckpt"), str(folder / "b.ckpt")]
    assert main(["committee", *members, "-o", first]) == 0
    assert "not calibrated" in capsys.readouterr().out
    frames = str(folder / "frames.extxyz")
    assert main(["committee", first, "--calibrate", frames, "-o", second]) == 0
    assert "rank correlation" in capsys.readouterr().out
    read = load_checkpoint(second)
    assert read.calibration["n_structures"] == 4
    alone = [compute(one.potential, molecule()).forces.numpy() for one in members_of(read)]
    expected = compute(load_checkpoint(folder / "b.ckpt").potential, molecule()).forces
    np.testing.assert_array_equal(alone[1], expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.ckpt"], "one potential, and a committee needs two or more"),
        (["a.ckpt", "a.ckpt"], "hold the same parameters"),
        (["a.ckpt", "charged.ckpt"], "must agree in their electrostatics"),
        (["a.ckpt", "none.ckpt"], "none.ckpt: no such file"),
        (["a.ckpt", "b.ckpt", "--figure", "c.png"], "--figure means nothing without --calibrate"),
        (["a.ckpt", "b.ckpt", "--forces-key", "f"], "--forces-key means nothing without"),
    ],
)
def test_mistakes_are_one_line(folder, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(folder)
    assert main(["committee", *words, "-o", str(tmp_path / "x.ckpt")]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not (tmp_path / "x.ckpt").exists()


def test_a_committee_is_no_member_and_no_start_of_a_fit(folder, tmp_path, capsys):
    made = str(tmp_path / "ab.ckpt")
    a = str(folder / "a.ckpt")
    assert main(["committee", a, str(folder / "b.ckpt"), "-o", made]) == 0
    capsys.readouterr()
    assert main(["committee", a, made, "-o", str(tmp_path / "x.ckpt")]) == 2
    assert "is a committee itself" in capsys.readouterr().err
