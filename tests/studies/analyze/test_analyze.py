"""``physrep analyze`` from file to report: exact times, mdtraj's g(r), one line per mistake."""

import json
import subprocess
import sys
from html.parser import HTMLParser

import ase.io
import numpy as np
import pytest
from ase import Atoms
from liquid_box import TOPOLOGY, Frames
from repository import REPOSITORY
from undrawn import figures_undrawn

from physrep.analysis.chemistry.bond_tracking import molecules
from physrep.analysis.chemistry.bonds import find_bonds
from physrep.cli.main import main

mdtraj = pytest.importorskip("mdtraj", reason="DCD and XTC are read through mdtraj")
# Beyond the limits of hysteresis, undone within tau (frames are 10 fs apart), near the end.
WINDOWS = [(100, 180), (50, 53), (150, 400), (198, 400)]


def write_dcd(path, frames, n_frames):
    lengths = np.tile(frames.atoms.cell.lengths(), (n_frames, 1)).astype(np.float32)
    positions = frames.positions(0, n_frames, np.random.default_rng(0)).astype(np.float32)
    with mdtraj.formats.DCDTrajectoryFile(str(path), "w") as file:
        file.write(positions, lengths, np.full((n_frames, 3), 90.0, np.float32))
    return path


@pytest.fixture(scope="module")
def reactive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reactive")
    frames = Frames(WINDOWS, drift=0.01)
    return frames, write_dcd(folder / "run.dcd", frames, 200)


def analyzed(capfd, *arguments) -> dict:
    """The JSON of stdout, alone there."""
    assert main(["analyze", *map(str, arguments), "--json"]) == 0
    return json.loads(capfd.readouterr().out)


def refused(capsys, *arguments) -> str:
    """The one line of a refusal."""
    assert main(["analyze", *map(str, arguments)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()[-1]


class Page(HTMLParser):
    """What a page would fetch or run."""

    def __init__(self, text):
        super().__init__()
        self.fetched, self.figures = [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.figures += tag == "svg"
        self.fetched += [tag] if tag in ("script", "link", "img", "iframe") else []
        self.fetched += [v for k, v in attrs if k in ("src", "href") and not v.startswith("#")]


def test_events_have_their_exact_times(reactive, tmp_path):
    frames, path = reactive
    command = [sys.executable, "-m", "physrep.cli.main", "analyze", path, "--topology", TOPOLOGY]
    command += ["--timestep", 10, "-o", tmp_path, "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)  # alone there: mdtraj's reader prints from C
    first, _, third, last = (sorted(pair[:2]) for pair in frames.events)
    assert [(e["time"], e["kind"], e["atoms"], e["confirmed"])
            for e in found["reactions"]["events"]] == [
        (pytest.approx(1.0), "N-O break", first, True),
        (pytest.approx(1.5), "N-O break", third, True),
        (pytest.approx(1.8), "recombination", first, True),
        (pytest.approx(1.98), "N-O break", last, False),
    ]  # fmt: skip
    assert found["reactions"]["n_undone"] == 2
    assert found["reactions"]["lifetimes"]["NO3-"]["ended"] == 3
    assert found == json.loads((tmp_path / "analysis.json").read_text())
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert page.fetched == []
    assert page.figures > 8
    for words in ("NO3- -&gt; NO2 + O", "physrep", "not resolved", "225 atoms, 200 frames"):
        assert words in text


def test_g_of_r_is_that_of_mdtraj_on_frames_of_molecular_dynamics(tmp_path, capfd):
    frames = ase.io.read(REPOSITORY / "data" / "ean_gfn2.extxyz.gz", ":30")
    assert {frame.info["trajectory"] for frame in frames} == {"T300"}
    shown = [Atoms(f.numbers, f.positions, cell=f.cell, pbc=True) for f in frames]
    ase.io.write(tmp_path / "run.extxyz", shown)
    arguments = (tmp_path / "run.extxyz", "-o", tmp_path, "--r-max", 6.0)
    both = analyzed(capfd, *arguments, "--intramolecular")
    with figures_undrawn():
        between = analyzed(capfd, *arguments)
    theirs = reference(frames)
    numbers, of = frames[0].numbers, molecules_of(frames[0])
    for a, b in ((7, 8), (1, 8), (6, 6)):
        pairs = theirs.topology.select_pairs(*(np.flatnonzero(numbers == z) for z in (a, b)))
        for found, kept in ((both, pairs), (between, pairs[of[pairs[:, 0]] != of[pairs[:, 1]]])):
            r, g = mdtraj.compute_rdf(theirs, kept, r_range=(0.0, 0.6), n_bins=120)
            elements = found["structure"]["elements"]
            (own,) = (
                p for p in elements["pairs"]
                if {p["a"], p["b"]} == {"HCNO"[[1, 6, 7, 8].index(z)] for z in (a, b)}
            )  # fmt: skip
            np.testing.assert_allclose(elements["r"], 10.0 * r, atol=1e-6)
            # mdtraj computes in single precision: a few pairs land in the next bin.
            shells = 4.0 / 3.0 * np.pi * np.diff(np.array(elements["edges"]) ** 3)
            ideal = len(kept) * len(frames) * shells / frames[0].get_volume()
            assert np.abs((np.array(own["g"]) - g) * ideal).max() < 2.0


def reference(frames):
    topology = mdtraj.Topology()
    residue = topology.add_residue("box", topology.add_chain())
    for number in frames[0].numbers:
        topology.add_atom("x", mdtraj.element.Element.getByAtomicNumber(int(number)), residue)
    positions = np.array([f.positions for f in frames], dtype=np.float32) / 10.0
    lengths = np.array([f.cell.lengths() for f in frames]) / 10.0
    return mdtraj.Trajectory(positions, topology, None, lengths, np.full((len(frames), 3), 90.0))


def molecules_of(atoms):
    pairs = find_bonds(atoms.positions, atoms.numbers, atoms.cell.array, atoms.pbc).pairs
    return molecules(pairs, len(atoms))


def test_a_slice_and_its_times(reactive, tmp_path, capfd):
    _, path = reactive
    options = ("--topology", TOPOLOGY, "--timestep", 10, "--start", 40, "--stop", 140)
    found = analyzed(capfd, path, *options, "--stride", 2, "-o", tmp_path)
    assert found["n_frames"] == 50
    assert found["interval"] == pytest.approx(0.02)
    assert (found["start"], found["end"]) == (pytest.approx(0.4), pytest.approx(1.38))


def test_a_dcd_without_times_is_a_labelled_gap(reactive, tmp_path, capsys):
    _, path = reactive
    arguments = (path, "--topology", TOPOLOGY, "--stop", 20, "-o", tmp_path)
    assert main(["analyze", *map(str, arguments)]) == 0
    said = capsys.readouterr().out
    assert "motion: not measured: the frames have no times" in said
    assert "--timestep" in (tmp_path / "report.html").read_text()


def test_a_file_that_is_cut_off_says_so_in_the_report(tmp_path, capfd):
    frames = [Atoms("NaCl", [[0, 0, 0], [5, 0, k]], cell=[20] * 3, pbc=True) for k in range(12)]
    ase.io.write(tmp_path / "run.extxyz", frames)
    text = (tmp_path / "run.extxyz").read_text()
    (tmp_path / "run.extxyz").write_text(text[: text.rindex("Na")])
    options = ("--timestep", 5, "-o", tmp_path / "out")
    found = analyzed(capfd, tmp_path / "run.extxyz", *options)
    assert found["n_frames"] == 11
    assert "11 frames before it were read" in found["notes"][0]
    assert "11 frames before it were read" in (tmp_path / "out" / "report.html").read_text()


def test_mistakes_are_one_line(reactive, tmp_path, capsys):
    _, path = reactive
    topology = ("--topology", TOPOLOGY, "-o", tmp_path)
    assert "topology" in refused(capsys, path)
    assert "no such file" in refused(capsys, tmp_path / "nothing.dcd")
    said = refused(capsys, path, *topology, "--start", 5_000)
    assert "none of them from 5000 on (counted from 0)" in said


def test_bad_frames_are_one_line(tmp_path, capsys):
    frames = [Atoms("NaCl", [[0, 0, 0], [5, 0, 0]]), Atoms("Na", [[0, 0, 0]])]
    ase.io.write(tmp_path / "run.extxyz", frames)
    said = refused(capsys, tmp_path / "run.extxyz", "-o", tmp_path)
    assert "has 1 atoms, the first frame or the topology 2" in said
    lines = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n"
    lines += "0 9\n0 9\n0 9\nITEM: ATOMS id type x y z\n1 1 0 0 0\n"
    (tmp_path / "run.dump").write_text(lines)
    assert "give the element of each type (--elements C H ..." in refused(
        capsys, tmp_path / "run.dump", "-o", tmp_path
    )
    arguments = ("--elements", "Xx", "-o", tmp_path)
    assert "'Xx', which is not an element" in refused(capsys, tmp_path / "run.dump", *arguments)
    times = [Atoms("Na", info={"time": t}) for t in (1.0, 0.5)]
    ase.io.write(tmp_path / "back.extxyz", times)
    assert "times must rise" in refused(capsys, tmp_path / "back.extxyz", "-o", tmp_path)
