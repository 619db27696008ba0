"""What ``physrep box`` writes is what labels, export and MD take."""

from pathlib import Path

import numpy as np
import pytest
from openmm import LangevinMiddleIntegrator, System, app, unit
from repository import REPOSITORY

from physrep.cli.main import main
from physrep.engines.openmm import add_potential
from physrep_training.labels.read_frames import read_frames

pytestmark = pytest.mark.slow

EAN = ["CC[NH3+]", "O=[N+]([O-])[O-]"]
SHIPPED = REPOSITORY / "plugin" / "physrep" / "pretrained" / "ean-jat.ckpt"


def made(path: Path, *words: str) -> Path:
    assert main(["box", *EAN, *words, "-o", str(path)]) == 0
    return path


def test_labels_of_a_box_and_of_a_pair(tmp_path):
    box = made(tmp_path / "box.extxyz", "--pairs", "2", "--density", "1.1")
    pairs = made(tmp_path / "pairs.extxyz", "--distances", "4,10")
    for path in (box, pairs):
        assert main(["label", str(path), "-o", str(path.with_suffix(".done.extxyz"))]) == 0
    (labelled,) = read_frames(box.with_suffix(".done.extxyz"))
    assert labelled.arrays["REF_charges"].sum() == pytest.approx(0.0, abs=1e-3)
    near, far = read_frames(pairs.with_suffix(".done.extxyz"))
    assert near.info["REF_energy"] < far.info["REF_energy"]  # they attract
    assert "ion by ion" in far.info["method"]


def test_md_of_a_box_with_the_shipped_potential(tmp_path):
    path = made(tmp_path / "ean.pdb", "--pairs", "15", "--density", "1.21")
    exported = tmp_path / "ean.pt"
    assert main(["export", str(SHIPPED), "--topology", str(path), "-o", str(exported)]) == 0
    pdb = app.PDBFile(str(path))
    system = System()
    for atom in pdb.topology.atoms():
        system.addParticle(atom.element.mass)
    system.setDefaultPeriodicBoxVectors(*pdb.topology.getPeriodicBoxVectors())
    add_potential(system, pdb.topology, str(exported))
    integrator = LangevinMiddleIntegrator(300, 1 / unit.picosecond, 0.5 * unit.femtosecond)
    simulation = app.Simulation(pdb.topology, system, integrator)
    simulation.context.setPositions(pdb.positions)
    before = energy(simulation)
    simulation.minimizeEnergy(maxIterations=20)
    assert energy(simulation) < before
    simulation.context.setVelocitiesToTemperature(300, 1)
    simulation.step(40)
    state = simulation.context.getState(positions=True)
    moved = state.getPositions(asNumpy=True) - pdb.getPositions(asNumpy=True)
    assert np.abs(moved.value_in_unit(unit.angstrom)).max() < 5.0
    assert energy(simulation) < before


def energy(simulation: app.Simulation) -> float:
    """In kJ/mol."""
    state = simulation.context.getState(energy=True)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
