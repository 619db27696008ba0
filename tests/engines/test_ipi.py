"""i-PI with the driver of an exported file, over a socket and by hand."""

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ean_systems import SYSTEMS
from repository import REPOSITORY

from physrep.engines.ase import PhysRepCalculator

pytest.importorskip("ipi", reason="pip install 'physrep[ipi]'")

from physrep.engines import ipi_driver

INPUT = REPOSITORY / "md_examples" / "ipi" / "input.xml"
PROGRAMS = Path(sys.executable).parent
HARTREE, BOHR = 27.211386, 0.52917721  # eV, A
SECONDS = 300


def test_energy_forces_and_virial_are_those_of_the_calculator(exports, tmp_path):
    atoms = SYSTEMS["sheared"]()
    ase.io.write(tmp_path / "box.extxyz", atoms)
    driver = ipi_driver.PhysRepDriver(str(tmp_path / "box.extxyz"), str(exports.pt(None)))
    energy, forces, virial, _ = driver(atoms.cell.array.T / BOHR, atoms.positions / BOHR)
    atoms.calc = PhysRepCalculator(exports.pt(None))
    # The constants of i-PI and these agree to 1e-7.
    assert energy * HARTREE == pytest.approx(atoms.get_potential_energy(), rel=1e-6)
    np.testing.assert_allclose(forces * HARTREE / BOHR, atoms.get_forces(), atol=1e-5)
    expected = -atoms.get_stress(voigt=False) * atoms.get_volume()
    np.testing.assert_allclose(virial * HARTREE, expected, atol=1e-4)
    assert np.abs(expected).max() > 1.0


def test_a_molecule_has_no_virial(exports, tmp_path):
    atoms = SYSTEMS["pair"]()
    ase.io.write(tmp_path / "pair.xyz", atoms)
    driver = ipi_driver.PhysRepDriver(str(tmp_path / "pair.xyz"), str(exports.ckpt()))
    _, forces, virial, _ = driver(np.eye(3) * 1000.0, atoms.positions / BOHR)
    assert np.abs(forces).max() > 0.0
    assert not virial.any()


def test_mistakes_are_named(exports, tmp_path):
    with pytest.raises(ValueError, match="needs -o template=STRUCTURE,model=FILE, got template=,"):
        ipi_driver.PhysRepDriver(model="x.pt")
    ase.io.write(tmp_path / "pair.xyz", SYSTEMS["pair"]())
    driver = ipi_driver.PhysRepDriver(str(tmp_path / "pair.xyz"), str(exports.ckpt()))
    with pytest.raises(ValueError, match="i-PI sends 4 atoms and the template has 15: give both"):
        driver(np.eye(3), np.zeros((4, 3)))


def test_the_example_runs_over_a_socket(exports, tmp_path):
    """Two beads, three steps: the energy that i-PI reports is that of the positions it writes."""
    atoms, address = SYSTEMS["box"](), f"physrep-{uuid.uuid4().hex[:8]}"
    ase.io.write(tmp_path / "ean.pdb", atoms)
    text = INPUT.read_text().replace("../ean.pdb", "ean.pdb")
    for old, new in {
        ">physrep</address>": f">{address}</address>",
        'nbeads="4"': 'nbeads="2"',
        "<total_steps>1000": "<total_steps>3",
        'stride="20"': 'stride="1"',
    }.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "input.xml").write_text(text)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    path = subprocess.check_output(
        [sys.executable, "-m", "physrep.engines.ipi_driver"], text=True
    ).strip()
    options = f"template=ean.pdb,model={exports.ckpt()},device=cpu"
    common = {"cwd": tmp_path, "env": environment, "stdout": subprocess.PIPE, "text": True}
    server = subprocess.Popen([PROGRAMS / "i-pi", "input.xml"], stderr=subprocess.STDOUT, **common)
    try:
        wait_for(Path(f"/tmp/ipi_{address}"), server)
        words = ["-m", "custom", "-P", path, "-u", "-a", address, "-o", options]
        driver = subprocess.run(
            [PROGRAMS / "i-pi-driver-py", *words],
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
            **common,
        )
        output, _ = server.communicate(timeout=SECONDS)
    finally:
        server.kill()
    assert server.returncode == 0, output + driver.stdout
    rows = [line.split() for line in (tmp_path / "ean.out").read_text().splitlines()]
    energies = [float(row[4]) for row in rows if row[0] != "#"]
    assert len(energies) >= 3
    beads = [ase.io.read(tmp_path / f"ean.positions_{k}.extxyz", ":") for k in range(2)]
    calculator = PhysRepCalculator(exports.ckpt())
    for k, energy in enumerate(energies):
        found = []
        for frames in beads:
            frame = atoms.copy()
            frame.positions = frames[k].positions
            found.append(calculator.get_potential_energy(frame))
        # i-PI writes positions with 8 digits after the point, energies with 9 in all.
        assert energy == pytest.approx(np.mean(found), abs=2e-5)
    assert energies[0] != energies[2]


def wait_for(path: Path, process: subprocess.Popen) -> None:
    """Until it exists."""
    deadline = time.monotonic() + SECONDS
    while not path.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
