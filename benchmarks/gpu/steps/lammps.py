"""MD in LAMMPS by pair_style physrep."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from physrep.engines.lammps import write_data
from physrep.library import OPERATORS_FILE, PLUGIN_FILE, find_built
from steps.options import Emit, Options, Skip
from steps.systems import LEFT, REPEATS, Case, cases, exported, forms, liquid, measure_all

ELEMENTS = ["C", "H", "N", "O"]
SECONDS, QUICK = 8, 2  # of MD for one row
COMPARED = 1800  # atoms of rows that have the edges made by the host too
INPUT = """
units metal
atom_style atomic
boundary p p p
newton on
read_data {data}
replicate {repeats}
pair_style physrep device {device} edges {edges}
pair_coeff * * {potential} {elements}
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
velocity all create 300.0 20220 mom yes rot yes
timestep 0.0005
fix nve all nve
run 0
write_dump all custom forces.{edges} id fx fy fz modify sort id format float %.9g
thermo 50
run 10
timer timeout 0:00:{seconds:02d} every 5
run 1000
"""


def run(options: Options, emit: Emit) -> None:
    """A row for each size, model and form: edges made on the device, as a GPU's are by default.

    At one size also with edges of the host: its ns/day, and how far its forces are from the others.

    Raises:
        Skip: no LAMMPS or no plugin. RuntimeError: LAMMPS ran nothing.
    """
    lmp = Path(sys.executable).with_name("lmp")
    plugin, library = find_built(PLUGIN_FILE), find_built(OPERATORS_FILE)
    if not lmp.is_file():
        raise Skip("LAMMPS is not installed")
    if plugin is None or library is None or plugin.parent != library.parent:
        raise Skip(f"{PLUGIN_FILE} is not built")
    options.work.mkdir(parents=True, exist_ok=True)
    data = options.work / "liquid.data"
    write_data(liquid(225), data, ELEMENTS)

    def measured(case: Case, edges: str) -> dict:
        text = INPUT.format(
            data=data,
            repeats="{} {} {}".format(*REPEATS[case.atoms]),
            device=options.device,
            edges=edges,
            potential=exported(case.model, case.form, options.work),
            elements=" ".join(ELEMENTS),
            seconds=QUICK if options.quick else SECONDS,
        )
        return speed(lmp, text, options)

    def measure(case: Case) -> dict:
        found = measured(case, "device")
        if case.atoms == COMPARED and "ns/day" in found and options.left() > LEFT:
            other = measured(case, "host")
            found["host edges, ns/day"] = other.get("ns/day", other.get("note"))
            if "ns/day" in other:
                found["host edges, force difference eV/A"] = difference(options.work)
        return found

    wanted = cases(options.sizes, forms(options.device)[::-1])
    measure_all(measure, wanted, "ns/day", options, emit)


def difference(folder: Path) -> float:
    """Largest between the forces at the first step with edges of the device and of the host."""
    forces = [
        np.loadtxt(folder / f"forces.{edges}", skiprows=9)[:, 1:] for edges in ("device", "host")
    ]
    return float(np.abs(forces[0] - forces[1]).max())


def speed(lmp: Path, text: str, options: Options) -> dict:
    """ns/day and ms of a step of the last run; what LAMMPS says where there is none."""
    command = [str(lmp), "-log", "none", "-in", "lammps.in"]
    (options.work / "lammps.in").write_text(text)
    variables = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    try:
        done = subprocess.run(
            command,
            cwd=options.work,
            env=variables,
            capture_output=True,
            text=True,
            timeout=max(5.0, options.left()),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"note": "no result in time"}
    print(done.stdout[-4000:], done.stderr[-2000:])
    if done.returncode:
        errors = [x for x in done.stdout.splitlines() + done.stderr.splitlines() if "ERROR" in x]
        return {"note": errors[0][:300] if errors else f"lmp ended with {done.returncode}"}
    return performance(done.stdout)


def performance(output: str) -> dict:
    """Of the last "Performance:" line: ns/day, hours/ns, timesteps/s, ..."""
    lines = re.findall(
        r"^Performance: ([\d.eE+-]+) ns/day.*?([\d.eE+-]+) timesteps/s", output, re.MULTILINE
    )
    if not lines:
        return {"note": "LAMMPS printed no performance"}
    return {"ns/day": float(lines[-1][0]), "ms/step": 1000.0 / float(lines[-1][1])}
