"""``physrep analyze`` on LAMMPS dumps: a proton transfer, and positions wrapped or not."""

import json

import numpy as np
import pytest
from undrawn import figures_undrawn

from physrep.cli.main import main

SIDE = 12.0  # A
# Ammonium at the origin with one proton on the x axis, nitrate beyond it.
AMMONIUM = np.array([[0, 0, 0], [1.03, 0, 0], [-0.34, 0.97, 0], [-0.34, -0.49, 0.84],
                     [-0.34, -0.49, -0.84]])  # fmt: skip
NITRATE = np.array([[3.95, 0, 0], [2.7, 0, 0], [4.57, 1.08, 0], [4.57, -1.08, 0]])
ELEMENTS = "NHHHHNOOO"
TYPES = {"H": 1, "N": 2, "O": 3}


def ions(proton: float = 1.03) -> np.ndarray:
    """(9, 3) in A, in the middle of the cell; proton: A from its nitrogen."""
    positions = np.concatenate([AMMONIUM, NITRATE])
    positions[1, 0] = proton
    return positions + 0.35 * SIDE


def dump(path, frames, columns="x y z", named=True):
    """A text dump, one frame every 10 fs in units real (steps of 1 fs), atoms in any order."""
    text = ""
    for k, positions in enumerate(frames):
        text += f"ITEM: TIMESTEP\n{10 * k}\nITEM: NUMBER OF ATOMS\n{len(positions)}\n"
        text += "ITEM: BOX BOUNDS pp pp pp\n" + f"0 {SIDE}\n" * 3
        text += f"ITEM: ATOMS id type {'element ' if named else ''}{columns}\n"
        for i in reversed(range(len(positions))):
            name = f"{ELEMENTS[i]} " if named else ""
            place = " ".join(f"{x:.6f}" for x in positions[i])
            text += f"{i + 1} {TYPES[ELEMENTS[i]]} {name}{place}\n"
    path.write_text(text)
    return path


def analyzed(capsys, *arguments) -> dict:
    """The JSON on stdout."""
    assert main(["analyze", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_proton_transfer_in_a_dump_has_its_time_and_atoms(tmp_path, capsys):
    path = dump(tmp_path / "run.dump", [ions()] * 30 + [ions(1.7)] * 30)
    found = analyzed(capsys, path, "--timestep", 10, "-o", tmp_path)
    (event,) = found["reactions"]["events"]
    assert event["kind"] == "proton transfer"
    assert event["time"] == pytest.approx(0.3)
    assert sorted(event["atoms"][:3]) == [0, 1, 6]
    assert {one["label"]: one["n"] for one in found["molecules"]} == {"H4N+": 1, "NO3-": 1}
    assert "1 event from 0 to 0.59 ps: 1 proton transfer" in (tmp_path / "report.html").read_text()


def test_types_without_elements_need_them(tmp_path, capsys):
    path = dump(tmp_path / "run.lammpstrj", [ions()] * 3, named=False)
    found = analyzed(capsys, path, "--elements", "H", "N", "O", "-o", tmp_path)
    assert found["n_frames"] == 3 and found["interval"] is None
    assert "no times" in found["motion"]["reason"]


def moving() -> np.ndarray:
    """(100, 9, 3): nitrate goes along y through the boundary of the cell, 0.1 A a frame."""
    frames = np.repeat(ions()[None], 100, axis=0)
    frames[:, 5:, 1] += 0.1 * np.arange(100)[:, None]
    return frames


def nitrate_msd(found: dict) -> list[float]:
    return found["motion"]["displacements"]["kinds"]["NO3-"]["msd"]


def test_wrapped_and_unwrapped_positions_move_alike(tmp_path, capsys):
    options = ("--timestep", 10, "-o", tmp_path)
    whole = analyzed(capsys, dump(tmp_path / "u.dump", moving(), "xu yu zu"), *options)
    folded = dump(tmp_path / "w.dump", moving() % SIDE)
    with figures_undrawn():
        wrapped = analyzed(capsys, folded, *options)
        said_so = analyzed(capsys, folded, *options, "--wrapped")
        taken = analyzed(capsys, folded, *options, "--unwrapped")  # a lie: they jump by the cell
    np.testing.assert_allclose(nitrate_msd(wrapped), nitrate_msd(whole), atol=1e-6)
    # Relative to the centre of mass of all, to which nitrate has 62 of 80 parts.
    own = (0.1 * 18.039 / 80.043) ** 2
    np.testing.assert_allclose(nitrate_msd(whole)[:4], own * np.arange(4) ** 2, rtol=1e-3)
    np.testing.assert_allclose(nitrate_msd(said_so), nitrate_msd(whole), atol=1e-6)
    assert max(nitrate_msd(taken)) > 2.0 * max(nitrate_msd(whole))


def test_wrapped_and_unwrapped_exclude_each_other(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["analyze", "run.dump", "--wrapped", "--unwrapped"])
    assert "not allowed with argument" in capsys.readouterr().err
