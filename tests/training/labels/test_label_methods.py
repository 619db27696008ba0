"""``physrep label``: methods, settings, processes; killed at any time, no frame lost or twice."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.lj import LennardJones

from physrep.cli.main import main
from physrep.io import read_structures

pytestmark = pytest.mark.case

TOY = "ase:toy_calculator:Toy"
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


def write(folder: Path, frames: list[Atoms]) -> str:
    ase.io.write(folder / "frames.extxyz", frames)
    return str(folder / "frames.extxyz")


def atoms_at(k: float) -> Atoms:
    """Water, displaced by k A: no two frames have one energy."""
    atoms = molecule("H2O")
    atoms.positions += [k, 0, 0]
    return atoms


def label(*words, code: int = 0) -> None:
    assert main(["label", *map(str, words)]) == code


def refused(capsys, *words) -> str:
    label(*words, code=2)
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("physrep: error: ")
    return said


def test_gfn1_is_another_level(tmp_path, capsys):
    frames, output = write(tmp_path, [molecule("H2O")]), tmp_path / "a.extxyz"
    label(frames, "-o", output, "--method", "gfn1", "accuracy=0.1")
    (found,) = ase.io.read(output, ":")
    # tblite 0.8.0, command line: tblite run --method gfn1
    assert found.info["REF_energy"] == pytest.approx(-5.7687 * 27.2114, abs=0.05)
    assert found.info["method"] == "GFN1-xTB"
    assert found.info["method_program"].startswith("tblite ")
    wanted = "accuracy=0.1 electronic_temperature=300 max_iterations=250"
    assert found.info["method_settings"] == wanted
    assert found.info["charge"] == 0 and found.info["multiplicity"] == 1
    (structure,) = read_structures(output, require=("energy", "forces", "charges", "dipole"))
    assert structure.dipole is not None and np.linalg.norm(structure.dipole) > 0.3
    said = refused(capsys, frames, "-o", output)
    assert "was labelled by GFN1-xTB, and now this is GFN2-xTB; give another -o" in said
    said = refused(capsys, frames, "-o", output, "--method", "gfn1")
    assert "was labelled by GFN1-xTB (accuracy=0.1 " in said and "(accuracy=1 " in said
    label(frames, "-o", output, "--method", "gfn1", "accuracy=0.1")
    assert len(ase.io.read(output, ":")) == 1


def test_a_calculator_of_ase_with_its_arguments(tmp_path):
    crystal = bulk("Ar", cubic=True, a=5.3)
    crystal.rattle(0.1, seed=0)
    frames, output = write(tmp_path, [crystal]), tmp_path / "lj.extxyz.gz"
    model = "ase:ase.calculators.lj:LennardJones"
    label(frames, "-o", output, "--method", model, "sigma=3.4", "epsilon=0.01", "rc=8.0")
    (found,) = read_structures(output)
    crystal.calc = LennardJones(sigma=3.4, epsilon=0.01, rc=8.0)
    crystal.positions = ase.io.read(frames).positions
    assert found.energy == pytest.approx(crystal.get_potential_energy(), abs=1e-12)
    np.testing.assert_allclose(found.forces, crystal.get_forces(), atol=1e-8)
    virial = -crystal.get_volume() * crystal.get_stress(voigt=False)
    np.testing.assert_allclose(found.virial, virial, atol=1e-8)
    assert found.info["method"] == f"{model} sigma=3.4 epsilon=0.01 rc=8.0"
    assert found.info["method_program"].startswith("ase 3.")


@pytest.mark.parametrize("bad", ["fails", "nan"])
@pytest.mark.parametrize("workers", [1, 2])
def test_frames_without_labels_are_listed(tmp_path, capsys, bad, workers):
    frames = write(tmp_path, [atoms_at(0), atoms_at(60), atoms_at(1), atoms_at(2)])
    output = tmp_path / "a.extxyz"
    label(frames, "-o", output, "--method", TOY, f"bad={bad}", "--workers", workers)
    said = capsys.readouterr()
    reason = {"fails": "no convergence", "nan": "energy is not finite"}[bad]
    assert f"label: frame 1 skipped: {reason}" in said.err
    assert said.out == f"label: done, {output}; without labels: 1 of 4: 1\n"
    found = sorted(ase.io.read(output, ":"), key=lambda atoms: atoms.info["label_index"])
    assert [atoms.info["label_index"] for atoms in found] == [0, 2, 3]
    for atoms in found:
        assert atoms.info["REF_energy"] == pytest.approx(float((atoms.positions**2).sum()))


def test_a_worker_that_is_killed(tmp_path, capsys):
    frames = write(tmp_path, [*map(atoms_at, range(4)), atoms_at(60), atoms_at(5)])
    output = tmp_path / "a.extxyz"
    options = ("-o", output, "--method", TOY, "seconds=0.05", "bad=dies", "--workers", 2)
    said = refused(capsys, frames, *options)
    assert "a process that computed labels was killed" in said
    found = [atoms.info["label_index"] for atoms in ase.io.read(output, ":")]
    assert len(found) == len(set(found)) >= 2 and set(found) <= {0, 1, 2, 3, 5}


@pytest.mark.parametrize("workers", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_goes_on(tmp_path, workers):
    """SIGKILL twice on the way: at the end each frame is there once, and nothing runs on."""
    n = 24
    frames, output = write(tmp_path, [atoms_at(0.1 * k) for k in range(n)]), tmp_path / "a.extxyz"
    code = "import sys; from physrep.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = ["label", frames, "-o", str(output), "--method", TOY, "seconds=0.02"]
    command = [sys.executable, "-c", code, *words, "--workers", str(workers)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    for stop in (4, 13):
        run = subprocess.Popen(
            command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + 300.0
        while count(output) < stop and run.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
        gone_by = time.monotonic() + 60.0
        while alive(run.pid) and time.monotonic() < gone_by:
            time.sleep(0.05)
        assert not alive(run.pid), "a worker outlives its parent"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [atoms.info["label_index"] for atoms in ase.io.read(output, ":")]
    assert sorted(found) == list(range(n))


def count(path: Path) -> int:
    return path.read_text().count("label_index=") if path.exists() else 0


def alive(group: int) -> bool:
    """Whether any process of the group runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("name", ["a.extxyz", "a.extxyz.gz"])
def test_an_unfinished_last_frame_is_labelled_again(tmp_path, capsys, name):
    """Cut at any byte, as a full disk or a kill may leave it."""
    frames, output = write(tmp_path, [*map(atoms_at, range(3))]), tmp_path / name
    label(frames, "-o", output, "--method", TOY)
    whole, expected = output.read_bytes(), read_structures(output)
    ends = _frame_ends(whole, name)
    for cut in (ends[0] + 1, ends[0] + 10, ends[1] - 1, ends[1] + 40, ends[2] - 2):
        output.write_bytes(whole[:cut])
        label(frames, "-o", output, "--method", TOY)
        assert "the last frame was not finished" in capsys.readouterr().err
        again = read_structures(output)
        assert [s.energy for s in again] == [s.energy for s in expected]


def _frame_ends(whole: bytes, name: str) -> list[int]:
    text = gzip.decompress(whole) if name.endswith(".gz") else whole
    size = len(text) // 3
    if not name.endswith(".gz"):
        return [size, 2 * size, 3 * size]
    starts = [k for k in range(len(whole)) if whole[k : k + 4] == b"\x1f\x8b\x08\x00"]
    return [*starts[1:], len(whole)]


def test_a_file_of_somebody_else_is_not_cut(tmp_path, capsys):
    frames, output = write(tmp_path, [atoms_at(0)]), tmp_path / "a.extxyz"
    ase.io.write(output, [atoms_at(1), atoms_at(2)])
    before = output.read_bytes().rstrip()[:-3]
    output.write_bytes(before)
    refused(capsys, frames, "-o", output, "--method", TOY)
    assert output.read_bytes() == before


def test_two_at_once_are_refused(tmp_path, capsys):
    from filelock import FileLock

    frames, output = write(tmp_path, [atoms_at(0)]), tmp_path / "a.extxyz"
    with FileLock(tmp_path / "a.extxyz.lock"):
        said = refused(capsys, frames, "-o", output, "--method", TOY)
    assert "another 'physrep label' writes to" in said
    label(frames, "-o", output, "--method", TOY)
    assert not (tmp_path / "a.extxyz.lock").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--method gfn3", "--method gfn3: not known; did you mean 'gfn2'?"),
        ("max_iteration=9", "unknown key 'max_iteration': did you mean 'max_iterations'?"),
        ("accuracy=-1", "accuracy"),
        ("accuracy", "'accuracy': give settings of the method as key=value"),
        ("accuracy=1 accuracy=2", "accuracy is given twice"),
        ("--method ase:nowhere", "--method ase:nowhere: give ase:MODULE:CLASS"),
        ("--method ase:no.where:X", "No module named"),
        ("--method ase:toy_calculator:Toy colour=1", "with colour=1:"),
        ("--method pyscf xc=nothing", "PySCF does not know this functional"),
        ("--method pyscf basis=nothing", "basis=nothing: PySCF has it not for"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, message):
    frames = write(tmp_path, [atoms_at(0)])
    said = refused(capsys, frames, "-o", tmp_path / "a.extxyz", *words.split())
    assert message in said and said.count("physrep: error") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames.extxyz"]


def test_pyscf_refuses_periodic_frames(tmp_path, capsys):
    frames = write(tmp_path, [atoms_at(0), bulk("Ar")])
    said = refused(capsys, frames, "-o", tmp_path / "a.extxyz", "--method", "pyscf")
    assert "frame 1 (counted from 0): is periodic, and --method pyscf is for molecules" in said


def test_pyscf_forces_are_slopes_and_dipoles_are_about_the_centre(tmp_path):
    """Of OH-, which is charged, and shifted; dE/dx by central differences."""
    ion = Atoms("OH", [[0.0, 0, 0], [0.1, 0.2, 0.95]], info={"charge": -1})
    step, frames = 2e-3, [ion]
    for sign in (1, -1):
        moved = ion.copy()
        moved.positions[1, 2] += sign * step
        frames.append(moved)
    frames.append(ion.copy())
    frames[-1].positions += [1.0, -2.0, 3.0]
    output = tmp_path / "a.extxyz"
    label(write(tmp_path, frames), "-o", output, "--method", "pyscf", "basis=sto-3g", "grids=1")
    found = read_structures(output, require=("energy", "forces", "charges", "dipole"))
    slope = (found[1].energy - found[2].energy) / (2 * step)
    assert found[0].forces[1, 2] == pytest.approx(-slope, abs=2e-4)
    np.testing.assert_allclose(found[0].forces.sum(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(found[3].dipole, found[0].dipole, atol=1e-4)
    assert found[0].charges.sum() == pytest.approx(-1.0, abs=1e-6)
    assert found[0].info["method"] == "PBE/sto-3g"
    assert found[0].info["method_program"].startswith("PySCF ")
    assert "conv_tol=1e-09" in found[0].info["method_settings"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cp2k_shell") is None, reason="CP2K is not installed")
def test_cp2k_stress_is_the_slope_and_what_does_not_converge_is_skipped(tmp_path, capsys):
    water = molecule("H2O")
    water.set_cell([4.2, 4.4, 4.6])
    water.center()
    water.pbc, step, frames = True, 4e-3, [water]
    for sign in (1, -1):
        strained = water.copy()
        strained.set_cell(water.cell * (1.0 + sign * step), scale_atoms=True)
        frames.append(strained)
    output, settings = tmp_path / "a.extxyz", ["basis=SZV-MOLOPT-SR-GTH", "cutoff=300"]
    words = (write(tmp_path, frames), "-o", output, "--method", "cp2k", *settings)
    label(*words, "max_scf=2")
    assert "has not converged in 2 steps" in capsys.readouterr().err and not output.exists()
    label(*words)
    found = read_structures(output, require=("energy", "forces", "virial"))
    slope = (found[1].energy - found[2].energy) / (2 * step)
    assert np.trace(found[0].virial) == pytest.approx(-slope, rel=0.05)
    # The two hydrogens are mirror images in y. Forces add up to 0 on a finer grid only.
    assert found[0].forces[1, 1] == pytest.approx(-found[0].forces[2, 1], abs=1e-4)
    assert found[0].info["method"] == "revPBE-D3/SZV-MOLOPT-SR-GTH"
    assert found[0].info["method_program"].startswith("CP2K ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("xc=B3LYP", "xc = 'B3LYP': give one of PBE, revPBE, PBEsol"),
        ("", "--method cp2k: there is no program cp2k_shell; install CP2K"),
    ],
)
def test_cp2k_that_cannot_begin(tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.setattr("shutil.which", lambda _: None)
    frames = write(tmp_path, [bulk("Ar")])
    options = ("--method", "cp2k", *words.split())
    assert message in refused(capsys, frames, "-o", tmp_path / "a.extxyz", *options)


def test_pyscf_that_does_not_converge_writes_nothing(tmp_path, capsys):
    frames, output = write(tmp_path, [molecule("H2O")]), tmp_path / "a.extxyz"
    options = ("--method", "pyscf", "basis=sto-3g", "grids=0", "max_cycle=1")
    label(frames, "-o", output, *options)
    said = capsys.readouterr()
    assert "frame 0 skipped: the self-consistent cycle has not converged in 1 steps" in said.err
    assert "without labels: 1 of 1: 0" in said.out and not output.exists()
