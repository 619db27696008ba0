"""Parts that do not apply to a system are skipped and say so; the rest gives the verdict."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.io import write

from physrep.cli.main import main
from physrep.config import ConfigError
from physrep.studies.certify.certificate import check_calculator
from physrep.studies.certify.check import verdict_of
from physrep.studies.certify.conservation import conservation_checks, conservation_runs
from physrep.studies.certify.ion_recovery import recovery_part
from physrep.studies.certify.levels import LEVELS
from physrep.studies.certify.smoothness import smoothness
from physrep.studies.certify.task import Task


def aluminium(what: str) -> Atoms:
    made = {
        "bulk": lambda: bulk("Al", "fcc", a=4.05, cubic=True) * (2, 2, 2),
        "slab": lambda: fcc111("Al", (2, 2, 3), vacuum=8.0),
        "atom": lambda: Atoms("Al", positions=[[0.0, 0.0, 0.0]]),
    }
    atoms = made[what]()
    atoms.info = {}
    if len(atoms) > 1:
        atoms.rattle(0.02, seed=1)
    return atoms


@pytest.mark.case
@pytest.mark.parametrize("what", ["bulk", "slab"])
def test_metals_have_no_jump_in_the_metal(what):
    """EMT of two atoms in vacuum jumps by 1 meV at its cutoff; in the metal, by nothing."""
    checks = {check.name: check for check in smoothness(EMT(), aluminium(what))}
    assert set(checks) == {
        "wall: Al-Al alone",
        "wall: Al-Al in the system",
        "cutoff: Al-Al in the system",
    }
    assert verdict_of(checks.values()) == "pass"


@pytest.mark.case
def test_a_metal_that_jumps_is_still_found():
    """EMT with another energy where the nearest neighbour is nearer than 2.7 A."""

    class Jumps(EMT):
        def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
            super().calculate(atoms, properties, system_changes)
            distances = self.atoms.get_all_distances(mic=True)
            np.fill_diagonal(distances, 9.0)
            self.results["energy"] += 1e-3 * float(distances.min() < 2.7)

    checks = {check.name: check for check in smoothness(Jumps(), aluminium("slab"))}
    check = checks["cutoff: Al-Al in the system"]
    assert check.verdict == "fail" and check.value == pytest.approx(1e-3, rel=0.05)


@pytest.mark.case
def test_one_atom_has_no_pair_no_structure_and_nothing_to_conserve():
    task = Task(EMT(), aluminium("atom"), LEVELS["quick"], [])
    found = [
        *smoothness(EMT(), task.atoms),
        *conservation_checks(list(conservation_runs(EMT(), task.atoms, 300.0, 0.02, 0.01))),
        *recovery_part(task).checks,
    ]
    assert {check.verdict for check in found} == {"skipped"}
    notes = " ".join(check.note for check in found)
    for why in ("one atom of Al: no such pair", "no force acts", "no structure to recover"):
        assert why in notes


@pytest.mark.case
def test_the_verdict_of_one_atom_is_that_of_the_rest(tmp_path, capsys):
    write(tmp_path / "atom.extxyz", aluminium("atom"))
    model, structure = "ase:ase.calculators.emt:EMT", str(tmp_path / "atom.extxyz")
    options = ["--survival", "0.06", "--scan-reference", "none", "-o", str(tmp_path / "out")]
    assert main(["certify", model, structure, *options]) == 0
    assert "pass (quick" in capsys.readouterr().out


@pytest.mark.case
def test_a_calculator_that_does_not_know_the_system_is_one_line():
    salt = bulk("NaCl", "rocksalt", a=5.64)
    task = Task(EMT(), salt, LEVELS["quick"], [], model="ase:ase.calculators.emt:EMT")
    with pytest.raises(ConfigError, match=r"EMT cannot compute this structure \(ClNa\): Not"):
        check_calculator(task)
