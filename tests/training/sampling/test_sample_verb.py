"""``physrep sample``: runs, frames, potentials; killed at any time, no frame lost or twice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from repository import REPOSITORY

from physrep.cli.main import main
from physrep.errors import UserError
from physrep_training.sampling import potentials
from physrep_training.sampling.md_settings import MDSettings, Run
from physrep_training.sampling.potentials import automatic, made_of, moving_potential

pytestmark = pytest.mark.case

HERE = Path(__file__).parent
SPRINGS, BALLOON = "ase:toy_liquid:Springs", "ase:toy_liquid:Balloon"
EVERY = ("--every-fs", "5", "--ps", "0.02")  # four frames a run


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture(name="box")
def _box(tmp_path) -> str:
    """Two frames of four atoms at 0.2653 g/cm3, charged."""
    frames = []
    for k in range(2):
        places = np.array([[1, 1, 1], [6, 1, 1], [1, 6, 1], [1, 1, 6]], dtype=float) + 0.1 * k
        frames.append(Atoms("Ar4", places, cell=[10.0] * 3, pbc=True, info={"charge": 2}))
    ase.io.write(tmp_path / "box.extxyz", frames)
    return str(tmp_path / "box.extxyz")


def sample(*words, code: int = 0) -> None:
    assert main(["sample", *map(str, words)]) == code


def refused(capsys, *words) -> str:
    sample(*words, code=2)
    said = capsys.readouterr()
    assert said.out == "" and said.err.splitlines()[-1].startswith("physrep: error: ")
    return said.err.splitlines()[-1]


def test_every_temperature_density_and_seed_is_a_run(box, tmp_path, capsys):
    output = tmp_path / "md.extxyz"
    words = ("--temperature", "200,300", "--density", "0.2,0.25", "--seed", 4, "--seeds", 2)
    sample(box, "--with", BALLOON, *words, *EVERY, "-o", output)
    assert capsys.readouterr().out == f"sample: 32 frames in {output}\n"
    frames = ase.io.read(output, ":")
    names = Counter(atoms.info["trajectory"] for atoms in frames)
    wanted = [f"md{t}-{d}g-{s}" for t in (200, 300) for d in (0.2, 0.25) for s in (4, 5)]
    assert names == dict.fromkeys(wanted, 4)
    for atoms in frames:
        density = float(atoms.info["trajectory"].split("-")[1][:-1])
        mass = atoms.get_masses().sum() * 1.66053907
        assert mass / atoms.get_volume() == pytest.approx(density, rel=1e-8)
        assert atoms.info["charge"] == 2 and atoms.info["sampled_with"] == BALLOON
        assert atoms.info["time_fs"] == 5.0 * (1 + atoms.info["sample_index"])
        assert f"md{atoms.info['temperature']:g}-" in atoms.info["trajectory"]


def test_runs_differ_and_are_the_same_again():
    runs = MDSettings((300.0, 400.0), (1.0,), 1.0, seed=2, n_seeds=2).runs()
    assert [run.name for run in runs] == [
        f"md{t}-1g-1bar-{seed}" for t in (300, 400) for seed in (2, 3)
    ]
    first = [run.generator().normal() for run in runs]
    assert len(set(first)) == 4 and first == [run.generator().normal() for run in runs]
    assert Run(300.0, None, None, 0).name == "md300-0"


def test_pressure(box, tmp_path):
    output = tmp_path / "md.extxyz"
    sample(box, "--with", BALLOON, "--pressure", 1000, *EVERY, "-o", output)
    frames = ase.io.read(output, ":")
    assert len({atoms.get_volume() for atoms in frames}) == 4
    assert {atoms.info["pressure_bar"] for atoms in frames} == {1000.0}


def test_frames_are_independent_by_default(box, tmp_path):
    """Springs of 0.02 eV/A^2 on argon swing in 2.9 ps: energies of 0.3 ps are one drift."""
    few, many = tmp_path / "few.extxyz", tmp_path / "many.extxyz.gz"
    sample(box, "--with", SPRINGS, "--ps", 0.3, "-o", few)
    sample(box, "--with", SPRINGS, "--ps", 0.3, "--every-fs", 10, "-o", many)
    frames = ase.io.read(few, ":")
    assert len(ase.io.read(many, ":")) == 30 and 1 <= len(frames) <= 6
    assert frames[0].info["time_fs"] >= 100.0


def test_contacts_end_a_run_and_the_others_go_on(box, tmp_path, capsys):
    output = tmp_path / "md.extxyz"
    model = "ase:toy_liquid:Approach"
    words = ("--temperature", "300,400", "--every-fs", 100, "--ps", 2)
    sample(box, "--with", model, *words, "-o", output)
    said = capsys.readouterr()
    assert "stopped: md300-0, md400-0" in said.out
    assert "md300-0 stopped after " in said.err and "A between atoms" in said.err
    assert 0 < len(ase.io.read(output, ":")) < 40
    sample(box, "--with", model, *words, "-o", output)
    assert capsys.readouterr().out == said.out  # an end is an end


@pytest.mark.parametrize(("bad", "reason"), [("fails", "no convergence"), ("nan", "finite")])
def test_a_potential_that_fails(box, tmp_path, capsys, monkeypatch, bad, reason):
    from toy_liquid import Springs

    monkeypatch.setattr(Springs.__init__, "__defaults__", (1.0, 0.0, bad, 25))
    output = tmp_path / "md.extxyz"
    sample(box, "--with", SPRINGS, *EVERY, "-o", output)
    assert "md300-0 stopped after 1" in capsys.readouterr().err
    assert len(ase.io.read(output, ":")) in (2, 3)
    monkeypatch.setattr(Springs.__init__, "__defaults__", (1.0, 0.0, bad, 0))
    said = refused(capsys, box, "--with", SPRINGS, *EVERY, "-o", tmp_path / "b.extxyz")
    assert reason in said and "choose another --with" in said


@pytest.mark.parametrize("suffix", [".extxyz", pytest.param(".extxyz.gz", marks=pytest.mark.slow)])
def test_a_killed_call_goes_on(box, tmp_path, suffix):
    """SIGKILL twice on the way; then the output is that of a call that was not killed."""
    words = ["sample", box, "--with", "ase:slow_springs:Slow", "--every-fs", "2", "--ps", "0.02"]
    words += ["--temperature", "300,400"]
    (tmp_path / "slow_springs.py").write_text(
        "from toy_liquid import Springs\n"
        "class Slow(Springs):\n"
        "    def __init__(self):\n"
        "        super().__init__(seconds=0.01)\n"
    )
    outputs = [tmp_path / f"{name}{suffix}" for name in ("killed", "whole")]
    code = "import sys; from physrep.cli.main import main; sys.exit(main(sys.argv[1:]))"
    path = os.pathsep.join([str(HERE), str(tmp_path), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code, *words, "-o"]
    state = tmp_path / f"killed{suffix}.state"
    for frames in (3, 13):
        run = subprocess.Popen(
            [*command, str(outputs[0])], env=environment, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 300.0
        while written(state) < frames and run.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert written(state) < 20
    for output in outputs:
        done = subprocess.run(
            [*command, str(output)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    killed, whole = (ase.io.read(output, ":") for output in outputs)
    assert len(killed) == len(whole) == 20
    for one, other in zip(killed, whole, strict=True):
        assert one.info == other.info
        np.testing.assert_array_equal(one.positions, other.positions)


def written(state: Path) -> int:
    """Frames that a state knows of."""
    if not state.exists():
        return 0
    return sum(run["frames"] for run in json.loads(state.read_text())["runs"].values())


def test_a_frame_written_before_its_state_is_not_written_twice(box, tmp_path):
    """A kill between the two: the output is one frame ahead; or the frame is cut off."""
    words = (box, "--with", SPRINGS, *EVERY)
    whole, output = tmp_path / "whole.extxyz", tmp_path / "md.extxyz"
    sample(*words, "-o", whole)
    sample(*words, "-o", output)
    state = json.loads((tmp_path / "md.extxyz.state").read_text())
    # as it was before the first step: nothing known, one frame and a half written
    state["runs"] = {"md300-0": {"frames": 0, "ended": ""}}
    (tmp_path / "md.extxyz.state").write_text(json.dumps(state))
    lines = whole.read_text().splitlines(keepends=True)
    output.write_text("".join(lines[:6]) + "".join(lines[6:9])[:-5])
    sample(*words, "-o", output)
    assert output.read_text() == whole.read_text()


def test_outputs_of_others_are_kept(box, tmp_path, capsys):
    output = tmp_path / "md.extxyz"
    words = (box, "--with", SPRINGS, *EVERY)
    output.write_text(Path(box).read_text())
    said = refused(capsys, *words, "-o", output)
    assert "exists, and no run is there to go on with (md.extxyz.state is missing)" in said
    output.unlink()
    sample(*words, "-o", output)
    capsys.readouterr()
    said = refused(capsys, *words, "--temperature", 310, "-o", output)
    assert "was begun with --temperature 300, and now it is 310; give another -o" in said
    said = refused(capsys, box, "--with", BALLOON, *EVERY, "-o", output)
    assert "was begun with --with ase:toy_liquid:Springs" in said
    before = output.read_text()
    output.write_text("".join(before.splitlines(keepends=True)[:6]))
    said = refused(capsys, *words, "-o", output)
    assert "holds 1 frames of md300-0, and md.extxyz.state knows of 4" in said
    (tmp_path / "md.extxyz.state").write_text("{}")
    assert "not a state that this 'physrep sample' wrote" in refused(capsys, *words, "-o", output)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--with", "gfn3"), "--with gfn3: no such file; give auto, gfn2, gfn1, a file"),
        (("--with", "ase:nowhere:No"), "No module named 'nowhere'; give ase:MODULE:CLASS"),
        (("--temperature", "300,hot"), "--temperature 300,hot: '300,hot' is not numbers"),
        (("--temperature", "300,300"), "--temperature 300,300: 300 is there twice"),
        (("--density", "0"), "--density 0: must be above 0, in g/cm3"),
        (("--pressure", "nan"), "--pressure nan: must be a number, in bar"),
        (("--every-fs", "0.3"), "--every-fs 0.3: give a multiple of the time step, 0.5 fs"),
        (("--ps", "0.05"), "--ps 0.05: is shorter than the 100 fs to the first frame"),
        (("-o", "md.xyz2"), "-o md.xyz2: end the name in .extxyz or .extxyz.gz"),
    ],
)
def test_bad_options(box, tmp_path, capsys, monkeypatch, words, reason):
    monkeypatch.chdir(tmp_path)
    assert reason in refused(capsys, box, "-o", "md.extxyz", *words)
    assert not Path("md.extxyz").exists()


def test_frames_that_do_not_suit(tmp_path, capsys):
    ase.io.write(tmp_path / "one.extxyz", molecule("H2O"))
    words = (tmp_path / "one.extxyz", "--with", SPRINGS, "-o", tmp_path / "md.extxyz")
    for option in ("--density", "--pressure"):
        said = refused(capsys, *words, option, 1)
        assert f"{option} 1: needs frames that are periodic in all directions, and frame 0" in said
    ase.io.write(tmp_path / "ar.extxyz", Atoms("Ar", cell=[9.0] * 3, pbc=True))
    said = refused(capsys, tmp_path / "ar.extxyz", *words[1:], "--pressure", 1)
    assert "--pressure 1: the potential has no stress; leave --pressure out" in said


def test_a_charge_that_contradicts_itself(tmp_path, capsys):
    atoms = molecule("H2O")
    atoms.info.update(charge=1, total_charge=2)
    ase.io.write(tmp_path / "one.extxyz", atoms)
    said = refused(capsys, tmp_path / "one.extxyz", "--with", SPRINGS, "-o", tmp_path / "md.extxyz")
    assert "charge is 1 and total_charge is 2; remove the wrong one" in said


def water(periodic: bool) -> Atoms:
    atoms = molecule("H2O")
    atoms.center(vacuum=2.0)
    atoms.pbc = periodic
    return atoms


@pytest.mark.parametrize(
    ("start", "chosen", "why"),
    [
        ("ean", "ean-jat.ckpt", "was fitted to C2H8N+ and NO3-"),
        ("isolated", "gfn2", "3 atoms, isolated: GFN2-xTB is fast enough"),
        ("periodic", "gfn2", "3 atoms, periodic: no shipped potential fits; GFN2-xTB is slow"),
    ],
)
def test_what_auto_chooses(start, chosen, why):
    ean = REPOSITORY / "md_examples" / "ean.pdb"
    found, reason = automatic([ase.io.read(ean) if start == "ean" else water(start == "periodic")])
    assert Path(found).name == chosen and why in reason


def test_a_proton_between_two_ions_is_no_strange_molecule():
    """Ethylamine and a proton are made of ethylammonium; water, or all ions broken, are not."""
    ean = ase.io.read(REPOSITORY / "md_examples" / "ean.pdb")
    ions = ("C2H8N+", "NO3-")
    nitrogen = next(k for k, z in enumerate(ean.numbers) if z == 7)
    distances = ean.get_distances(nitrogen, range(len(ean)), mic=True)
    proton = next(k for k in np.argsort(distances) if ean.numbers[k] == 1)
    broken = ean.copy()
    broken.positions[proton] += 0.6 * ean.get_distance(nitrogen, proton, mic=True, vector=True)
    assert made_of(ean, ions) and made_of(broken, ions)
    assert len(potentials.pieces_of(broken)) == len(potentials.pieces_of(ean)) + 1
    wet = ean + water(periodic=True)
    wet.positions[-3:] = water(periodic=True).positions + [0.0, 0.0, 50.0]
    wet.cell[2, 2] += 100.0
    assert not made_of(wet, ions)
    assert not made_of(Atoms("H", cell=[9.0] * 3, pbc=True), ions)


def test_one_strange_molecule_and_the_shipped_potential_is_not_taken():
    ean = ase.io.read(REPOSITORY / "md_examples" / "ean.pdb")
    assert automatic([ean, water(periodic=True)])[0] == "gfn2"


def test_auto_with_nothing_installed(monkeypatch):
    monkeypatch.setattr(potentials, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--with auto: no shipped potential fits .* tblite: pip"):
        automatic([water(periodic=True)])
    with pytest.raises(UserError, match=r"--with gfn2: needs tblite: pip install"):
        moving_potential("gfn2", [water(periodic=True)])


def test_gfn2_with_the_charge_of_the_frame(tmp_path, capsys):
    atoms = Atoms("OH", [[0, 0, 0], [0.97, 0, 0]], info={"charge": -1})
    ase.io.write(tmp_path / "hydroxide.extxyz", atoms)
    output = tmp_path / "md.extxyz"
    sample(tmp_path / "hydroxide.extxyz", "--ps", 0.002, "--every-fs", 1, "-o", output)
    assert "MD with GFN2-xTB (2 atoms, isolated: GFN2-xTB is fast" in capsys.readouterr().err
    frames = ase.io.read(output, ":")
    assert len(frames) == 2 and frames[0].get_initial_charges().sum() == pytest.approx(-1)
    assert {atoms.info["charge"] for atoms in frames} == {-1}
