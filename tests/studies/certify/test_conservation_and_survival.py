"""Energy conservation and survival, on calculators that keep energy and on some that do not."""

import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from calculators import Wrong, argon, smooth_lj

from physrep.analysis.statistics.lifetimes import censored_lifetime
from physrep.analysis.structure.contacts import shortest_contacts
from physrep.io import Structure
from physrep.studies.certify.check import verdict_of
from physrep.studies.certify.conservation import conservation_checks, conservation_runs
from physrep.studies.certify.survival import survival_checks, survival_run


def contacts():
    atoms = argon()
    return shortest_contacts([Structure(atoms.positions, atoms.numbers, atoms.cell.array, True)])


def stiff_argon() -> LennardJones:
    """Argon of a hundred times the depth: its vibrations are as fast as those of molecules."""
    return LennardJones(sigma=3.4, epsilon=10.3, rc=8.0, ro=6.5, smooth=True)


def test_a_conservative_calculator_passes_and_its_error_is_of_second_order():
    runs = list(conservation_runs(stiff_argon(), argon(), 300.0, duration=0.2, equilibration=0.05))
    checks = {check.name: check for check in conservation_checks(runs)}
    assert verdict_of(checks.values()) == "pass"
    assert checks["conservation: exponent off 2"].value < 0.3
    assert [run.timestep for run in runs] == [0.25, 0.5, 1.0]
    assert all(run.times[-1] == pytest.approx(0.2) for run in runs)


def test_forces_that_are_no_gradient_drift():
    def twisted(atoms, energy, forces):
        x, y, z = (atoms.positions - atoms.positions.mean(axis=0)).T
        return energy, forces + 0.02 * np.stack([-y, x, 0 * z], axis=1)

    runs = list(conservation_runs(Wrong(twisted), argon(False), 50.0, 0.3, 0.02))
    checks = list(conservation_checks(runs))
    assert verdict_of(checks) == "fail"
    assert all(check.verdict == "fail" for check in checks if "drift" in check.name)


def test_a_sound_run_survives():
    run = survival_run(smooth_lj(), argon(), contacts(), 60.0, duration=0.4, seed=1)
    assert run.stability.sound and len(run.samples) == 100
    (check,) = survival_checks([run])
    assert check.verdict == "pass" and check.value == 1.0


def test_a_run_that_ends_between_two_samples_survives():
    """0.05 ps are 12.5 intervals of samples: the run is carried on to the next one."""
    run = survival_run(smooth_lj(), argon(), contacts(), 60.0, duration=0.05, seed=1)
    (check,) = survival_checks([run])
    assert len(run.samples) == 13
    assert check.verdict == "pass"
    assert check.value == 1.0


def test_a_collapse_is_found_with_its_time():
    def attractive(atoms, energy, forces):
        return energy, -3.0 * forces

    runs = [
        survival_run(Wrong(attractive), argon(), contacts(), 60.0, duration=3.0, seed=seed)
        for seed in (1, 2)
    ]
    assert not any(run.stability.sound for run in runs)
    (check,) = survival_checks(runs)
    assert check.verdict == "fail" and check.value < 1.0
    assert "0 of 2 runs of 3 ps sound" in check.note and "A apart" in check.note


def test_a_calculator_that_raises_ends_the_run():
    calls = []

    def raising(atoms, energy, forces):
        calls.append(1)
        if len(calls) > 50:
            raise RuntimeError("SCF not converged")
        return energy, forces

    run = survival_run(Wrong(raising), argon(), contacts(), 60.0, duration=0.4, seed=1)
    assert run.stability.first_failure.kind == "calculator"
    assert "SCF not converged" in run.stability.first_failure.message


def test_kaplan_meier_of_a_textbook_case():
    """Failures at 1, 2, 2, 4; ended alive at 3 and 5: 5/6, 5/6 3/5, 5/6 3/5 1/2."""
    found = censored_lifetime([1, 2, 2, 3, 4, 5], [True, True, True, False, True, False])
    np.testing.assert_allclose(found.ages, [1, 2, 4])
    np.testing.assert_allclose(found.survival, [5 / 6, 5 / 6 * 3 / 5, 5 / 6 * 3 / 5 * 1 / 2])
    assert len(censored_lifetime([3.0], [False]).ages) == 0
