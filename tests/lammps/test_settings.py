"""What pair_coeff says and leaves as it was: type table, masses, threads, processes of a node."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lammps_run import PROGRAMS, head, style

import physrep


def test_table_of_types_and_masses(lammps, ean_box, potentials, tmp_path):
    start = head(ean_box, tmp_path)
    run = lammps(start + style(potentials["float64"]) + "run 0\n", 2)
    assert run.output.count("reference energy (eV)") == 1
    assert re.search(r"^ +1 +C +12\.0110 +-10\.0000$", run.output, re.MULTILINE)
    assert re.search(r"^ +4 +O +15\.9990 +-30\.0000$", run.output, re.MULTILINE)
    assert "has mass" not in run.output


def test_masses_of_other_elements_are_warned_about(lammps, ean_box, potentials, tmp_path):
    swapped = "pair_style physrep\npair_coeff * * {} C H O N\nmass 2 2.014\nrun 0\n"
    run = lammps(head(ean_box, tmp_path) + swapped.format(potentials["float64"]), 2)
    text = " ".join(run.output.split())
    assert "atom type 3 has mass 14.0070 u, but pair_coeff calls it O (15.9990 u)" in text
    assert "atom type 4 has mass 15.9990 u, but pair_coeff calls it N (14.0070 u)" in text
    assert "atom type 2 has mass 2.0140 u, but pair_coeff calls it H (1.0080 u)" in text
    assert "atom type 1 has mass" not in text


@pytest.mark.case
def test_a_host_keeps_its_threads(ean_box, potentials, plugin, tmp_path):
    script = f"""
import torch
from physrep.engines.lammps import load_mpi
load_mpi()
import lammps
lmp = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
torch.set_num_threads(3)
lmp.commands_string('''{head(ean_box, tmp_path) + style(potentials["float64"])}''')
print("threads", torch.get_num_threads())
lmp.command("run 0")
print("threads", torch.get_num_threads())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
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
    assert done.stdout.split() == ["threads", "3", "threads", "3"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_partitions_share_the_gpus_of_a_node(ean_box, potentials, plugin, tmp_path):
    """Each process asks for the GPU of its place among the processes of all partitions."""
    (tmp_path / "in").write_text(
        head(ean_box, tmp_path) + style(potentials["float64"], "device cuda")
    )
    lmp = [PROGRAMS / "lmp", "-partition", "2x1", "-in", "in"]
    done = subprocess.run(
        [PROGRAMS / "mpirun", "-np", "2", *lmp],
        cwd=tmp_path,
        env={**os.environ, "LAMMPS_PLUGIN_PATH": str(plugin)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    # The first partition to end ends the other, perhaps before its message is written.
    logs = {k: " ".join((tmp_path / f"log.lammps.{k}").read_text().split()) for k in (0, 1)}
    said = {k: text for k, text in logs.items() if "no usable GPU" in text}
    assert said, logs
    for k, text in said.items():
        assert f"process {k} of this node" in text
