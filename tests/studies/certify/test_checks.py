"""The checks find what is wrong with calculators that were made wrong, and pass sound ones."""

import numpy as np
import pytest
from ase import Atoms
from calculators import Wrong, argon, smooth_lj

from physrep.studies.certify.check import at_least, at_most, skipped, verdict_of
from physrep.studies.certify.exactness import exactness
from physrep.studies.certify.smoothness import open_direction, smoothness


def by_name(checks) -> dict:
    return {check.name: check for check in checks}


@pytest.mark.parametrize("pbc", [True, False])
def test_a_sound_calculator_is_exact(pbc):
    found = by_name(exactness(smooth_lj(), argon(pbc)))
    assert {c.verdict for name, c in found.items() if "virial" not in name} == {"pass"}
    assert found["exactness: virial"].verdict == ("pass" if pbc else "skipped")
    assert ("exactness: periodic image" in found) == pbc


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        (lambda a, e, f: (e, 3.0 * f), "forces"),
        (lambda a, e, f: (e + 0.01 * a.positions[:, 0].sum(), f), "translation"),
        (lambda a, e, f: (e + 0.1 * a.get_distance(0, 1), f), "order of atoms"),
        (lambda a, e, f: (e + 0.01 * len(a) ** 2, f), "size extensivity"),
        (lambda a, e, f: (e + 0.3 * np.ptp(a.positions[:, 2]), f), "rotation"),
        (lambda a, e, f: (e + 0.01 * np.ptp(a.positions[:, 2]), f), "periodic image"),
    ],
)
def test_what_is_not_exact_is_found(change, caught):
    assert by_name(exactness(Wrong(change), argon()))[f"exactness: {caught}"].verdict == "fail"


def test_a_smooth_pair_has_no_jump_and_a_wall():
    found = by_name(smoothness(smooth_lj(), argon()))
    assert {check.verdict for check in found.values()} == {"pass"}
    assert set(found) == {"wall: Ar-Ar alone", "wall: Ar-Ar in the system", "cutoff: Ar-Ar"}


def test_a_truncated_pair_jumps_at_its_cutoff():
    def truncated(atoms, energy, forces):
        if len(atoms) == 2 and atoms.get_distance(0, 1) < 5.005:
            return energy - 2e-4, forces
        return energy, forces

    check = by_name(smoothness(Wrong(truncated), argon()))["cutoff: Ar-Ar"]
    assert check.verdict == "fail"
    assert check.value == pytest.approx(2e-4, rel=0.05)
    assert check.note == "at 5.00 A"


def test_a_hole_in_the_wall_is_found():
    """Forces that pull two atoms together once they are near."""

    def hole(atoms, energy, forces):
        if len(atoms) == 2 and atoms.get_distance(0, 1) < 0.8:
            return energy, -np.abs(forces) * np.sign(atoms.positions[1, 2]) * [[-1], [1]]
        return energy, forces

    check = by_name(smoothness(Wrong(hole), argon()))["wall: Ar-Ar alone"]
    assert check.verdict == "fail" and check.value < 0.0


def test_a_calculator_that_raises_is_told_not_failed():
    def refuse(atoms, energy, forces):
        if len(atoms) == 2:
            raise RuntimeError("SCF not converged")
        return energy, forces

    found = by_name(smoothness(Wrong(refuse), argon()))
    assert found["cutoff: Ar-Ar"].verdict == "skipped"
    assert "RuntimeError: SCF not converged" in found["cutoff: Ar-Ar"].note


def test_verdicts():
    good, middling, bad = (at_most("a", x, "eV", 1.0, 2.0) for x in (1.0, 1.5, 2.5))
    assert [c.verdict for c in (good, middling, bad)] == ["pass", "warn", "fail"]
    assert [at_least("a", x, "", 1.0, 0.0).verdict for x in (1, 0.5, -1)] == [
        "pass",
        "warn",
        "fail",
    ]
    assert at_most("a", float("nan"), "", 1.0, 2.0).verdict == "fail"
    assert verdict_of([good, skipped("b", "why")]) == "pass"
    assert verdict_of([good, middling]) == "warn"
    assert verdict_of([bad, good]) == "fail"
    assert verdict_of([skipped("b", "why")]) == "fail"


def test_an_atom_is_not_carried_through_a_third_one():
    """Nitrogen, and the hydrogen behind the carbon that it is bonded to."""
    atoms = Atoms("NCH", [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    direction = open_direction(atoms, 2, 0, 0.7)
    assert np.linalg.norm(direction) == pytest.approx(1.0)
    assert direction[0] > 0.97  # away from the carbon in the middle
    assert np.linalg.norm(open_direction(atoms[:2], 0, 1, 0.7)) == pytest.approx(1.0)
