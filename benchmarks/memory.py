"""Memory of 20,000 steps of dynamics in OpenMM, LAMMPS and ASE, from the examples that users copy.

``python benchmarks/memory.py ean.pt`` runs the examples one after the other, reads the memory of
each process (resident set) twice a second, and writes results/memory.json and memory.png. A line is
flat where the slope behind the first fifth is within 1 MB per 10,000 steps.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ase.io
import numpy as np
from matplotlib.figure import Figure

import lammps_process
from physrep.engines.lammps import write_data
from physrep.figures.style import BLUE, GREEN, VERMILION, in_house_style

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
EXAMPLES = ROOT / "md_examples"
SETTLED = 0.2  # of a run: libraries are loaded and lists have their size
COLORS = {"OpenMM": BLUE, "LAMMPS": VERMILION, "ASE": GREEN}


def commands(file: Path, steps: int, folder: Path) -> dict[str, list[str]]:
    """Engine -> command line of its example."""
    box = EXAMPLES / "ean.pdb"
    write_data(next(ase.io.iread(box)), folder / "ean.data", ["C", "H", "N", "O"])
    lammps = lammps_process.command("-in", str(ROOT / "lammps" / "in.ean"))
    variables = {"potential": str(file), "data": "ean.data", "steps": str(steps)}
    for name, value in variables.items():
        lammps += ["-var", name, value]
    python = [sys.executable, "-u"]
    arguments = [str(file), str(box), "--steps", str(steps)]
    return {
        "OpenMM": [*python, str(EXAMPLES / "openmm_nvt.py"), *arguments],
        "LAMMPS": lammps,
        "ASE": [*python, str(EXAMPLES / "ase_nvt.py"), *arguments],
    }


def resident_mb(pid: int) -> float:
    """Of a process and its children (``lmp`` is started by a Python script)."""
    total, pids = 0.0, [pid]
    while pids:
        one = pids.pop()
        try:
            pages = int(Path(f"/proc/{one}/statm").read_text().split()[1])
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except (OSError, IndexError):
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        pids += [int(child) for child in children]
    return total


def watch(command: list[str], folder: Path) -> list[tuple[float, float]]:
    """(seconds, MB) until the command ends; it must succeed."""
    rows, start = [], time.monotonic()
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=lammps_process.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            rows.append((round(time.monotonic() - start, 2), round(resident_mb(process.pid), 2)))
            time.sleep(0.5)
    if process.returncode:
        raise RuntimeError((folder / "output").read_text()[-2000:])
    return rows[:-1]  # the process may have been ending


def slope(rows: list[tuple[float, float]], steps: int) -> float:
    """MB per 10,000 steps behind the first fifth, by least squares."""
    times, memory = np.array(rows).T
    share = times / times[-1]
    settled = share > SETTLED
    return float(np.polyfit(share[settled] * steps / 10_000, memory[settled], 1)[0])


@in_house_style
def memory_figure(runs: dict[str, list[tuple[float, float]]], steps: int) -> Figure:
    """MB over steps."""
    figure = Figure(figsize=(6.0, 3.2), layout="constrained")
    axes = figure.subplots()
    for engine, rows in runs.items():
        times, memory = np.array(rows).T
        label = f"{engine}: {slope(rows, steps):+.2f} MB per 10,000 steps"
        axes.plot(times / times[-1] * steps, memory, color=COLORS[engine], label=label)
    axes.set_ylim(0, None)
    axes.set_xlabel("step")
    axes.set_ylabel("resident memory, MB")
    axes.legend(loc="lower right")
    return figure


def main() -> None:
    """Run the three, write, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="exported for md_examples/ean.pdb")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--only", nargs="+", choices=COLORS, default=list(COLORS))
    parser.add_argument("--keep", action="store_true", help="engines that were measured before")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "memory")
    parsed = parser.parse_args()
    before = parsed.output.with_suffix(".json")
    runs = json.loads(before.read_text()) if parsed.keep and before.is_file() else {}
    with tempfile.TemporaryDirectory() as name:
        every = commands(parsed.file.resolve(), parsed.steps, Path(name))
        for engine in parsed.only:
            runs[engine] = watch(every[engine], Path(name))
            print(f"{engine}: {slope(runs[engine], parsed.steps):+.2f} MB per 10,000 steps")
    parsed.output.with_suffix(".json").write_text(json.dumps(runs) + "\n")
    memory_figure(runs, parsed.steps).savefig(parsed.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
