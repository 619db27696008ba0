"""A potential with charges is certified on structures that state a total charge."""

import numpy as np
import pytest
from ase import Atoms
from calculators import argon, smooth_lj
from ean_systems import ion_pair
from systems import make_checkpoint

from physrep.checkpoint import save_checkpoint
from physrep.engines.ase import PhysRepCalculator
from physrep.io.structures.total_charge import state_charge
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.studies.certify.exactness import exactness, extensivity_check
from physrep.studies.certify.extrapolation import visited_frames
from physrep.studies.certify.far_field import far_field_part
from physrep.studies.certify.levels import LEVELS
from physrep.studies.certify.survival import survival_run
from physrep.studies.certify.task import Task


@pytest.fixture(name="calculator", scope="module")
def _calculator(tmp_path_factory) -> PhysRepCalculator:
    path = tmp_path_factory.mktemp("charged") / "charged.ckpt"
    # The images of a cell and of twice the cell are summed to this accuracy each.
    settings = ElectrostaticsConfig(accuracy=1e-6)
    save_checkpoint(make_checkpoint(electrostatics=settings), path)
    return PhysRepCalculator(path)


def charged(pbc: bool) -> Atoms:
    atoms = ion_pair()
    if pbc:
        atoms.set_cell([9.0, 10.0, 11.0])
        atoms.pbc = True
    state_charge(atoms, 1.0)
    return atoms


def test_a_charged_cell_is_exact(calculator):
    """Twice the cell has twice the charge."""
    found = {check.name: check for check in exactness(calculator, charged(pbc=True))}
    assert {check.verdict for check in found.values()} == {"pass"}, found
    assert "exactness: size extensivity" in found


def test_two_charged_molecules_are_not_twice_the_energy_of_one(calculator):
    check = extensivity_check(calculator, charged(pbc=False))
    assert check.verdict == "skipped" and "charge of 1 e" in check.note


def test_far_from_each_other_charges_that_add_up_to_those_of_the_ions_are_seen(calculator):
    """A random network; its charges follow no ion, but they do not end at the cutoff."""
    atoms = ion_pair()
    task = Task(calculator, atoms, LEVELS["quick"], [], scan_reference="none")
    checks = far_field_part(task).checks
    assert len(checks) == 3 and not any("sees nothing" in check.note for check in checks)
    assert all(np.isfinite(check.value) for check in checks[:2])


def test_frames_of_the_runs_keep_the_charge():
    atoms = argon()
    state_charge(atoms, 1.0)
    task = Task(smooth_lj(), atoms, LEVELS["quick"], [])
    run = survival_run(task.calculator, atoms, task.contacts(), 60.0, duration=0.02, seed=0)
    frames = visited_frames(task, [run])
    assert frames and all(one.total_charge == 1.0 for one in frames)
