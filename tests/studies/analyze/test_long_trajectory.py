"""100,000 frames of 225 atoms: 7 minutes of CPU at most and 2 GB, every frame analysed."""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pytest
from liquid_box import TOPOLOGY, Frames

N_FRAMES = 100_000
AT_ONCE = 1000


def write_dcd(path, frames):
    formats = pytest.importorskip("mdtraj.formats", reason="DCD is read through mdtraj")
    rng, lengths = np.random.default_rng(0), frames.atoms.cell.lengths()
    with formats.DCDTrajectoryFile(str(path), "w") as file:
        for first in range(0, N_FRAMES, AT_ONCE):
            boxes = np.tile(lengths, (AT_ONCE, 1)), np.full((AT_ONCE, 3), 90.0)
            parts = (frames.positions(first, first + AT_ONCE, rng), *boxes)
            file.write(*(part.astype(np.float32) for part in parts))


@pytest.mark.slow
def test_a_long_trajectory_is_analysed_in_minutes_and_little_memory(tmp_path):
    windows = [(10_000, 10_500), (50_000, 50_020), (99_000, 100_000)]
    frames = Frames(windows)
    write_dcd(tmp_path / "long.dcd", frames)
    command = [sys.executable, "-m", "physrep.cli.main", "analyze", tmp_path / "long.dcd"]
    command += ["--topology", TOPOLOGY, "--timestep", "10", "-o", tmp_path / "out", "--json"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    wall, after = time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    gigabytes = after.ru_maxrss / 1024**2
    print(f"{cpu:.0f} s of CPU, {wall:.0f} s by the clock, {gigabytes:.2f} GB")
    found = json.loads(done.stdout)
    assert found["n_frames"] == found["structure"]["elements"]["n_frames"] == N_FRAMES
    # The second bond is back after 0.2 ps; the last one is not, and the end of the run is near.
    kinds = [(e["time"], e["kind"], e["atoms"]) for e in found["reactions"]["events"]]
    expected = []
    for (nitrogen, oxygen, _), (first, last) in zip(frames.events, windows, strict=True):
        pair = sorted((nitrogen, oxygen))
        expected.append((first / 100, "N-O break", pair))
        if last < N_FRAMES:
            expected.append((last / 100, "recombination", pair))
    assert kinds == [(pytest.approx(t), kind, pair) for t, kind, pair in sorted(expected)]
    assert found["motion"]["displacements"]["kinds"]["NO3-"]["msd"][-1] < 1.0  # drift is removed
    # Other jobs on the machine count by the clock, not in the time of the CPU.
    # 3.3 ms for each frame and 50 s for structure factors, maps and the report, as docs/analyze.md
    # has it.
    assert cpu < 430.0
    assert gigabytes < 2.0
