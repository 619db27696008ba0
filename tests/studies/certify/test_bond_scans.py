"""Bonds pulled apart by calculators whose curve is known: what is wrong is found, and only that."""

import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator, all_changes

from physrep.io import Structure
from physrep.studies.certify.bond_scans import bonds_to_pull, dissociation_part
from physrep.studies.certify.cut_molecules import ion_pair_of, molecules_of
from physrep.studies.certify.levels import LEVELS
from physrep.studies.certify.scan_reference import scan_reference
from physrep.studies.certify.task import Options, Task

DEPTH, WIDTH, LENGTH = 5.0, 2.5, 1.2  # eV, 1/A, A


class Curve(Calculator):
    """Two atoms on a Morse curve with wells (eV, A, A: depth, place, width) added to it."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, *wells: tuple[float, float, float]) -> None:
        super().__init__()
        self.wells = wells

    def energy(self, r):
        morse = DEPTH * (1.0 - np.exp(-WIDTH * (r - LENGTH))) ** 2
        return morse - sum(e * np.exp(-(((r - at) / w) ** 2)) for e, at, w in self.wells)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        apart = self.atoms.positions[1] - self.atoms.positions[0]
        r = np.linalg.norm(apart)
        slope = (self.energy(r + 1e-5) - self.energy(r - 1e-5)) / 2e-5 * apart / r
        self.results = {"energy": self.energy(r), "forces": np.array([slope, -slope])}


def nitric_oxide(length: float = LENGTH) -> Atoms:
    return Atoms("NO", [[0.0, 0.1, 0.2], [0.0, 0.1, 0.2 + length]])


def checks_of(calculator, reference="none", data=()) -> dict:
    task = Task(calculator, nitric_oxide(), LEVELS["quick"], list(data), scan_reference=reference)
    part = dissociation_part(task)
    return {check.name.removeprefix("dissociation: "): check for check in part.checks}


def test_a_morse_bond_passes_and_its_depth_is_found():
    found = checks_of(Curve(), reference=Curve())
    assert {check.verdict for check in found.values()} == {"pass"}
    assert found["N-O of NO, rigid: fall of the energy"].value == 0.0
    end = found["N-O of NO, relaxed: off the reference, at the end"]
    known = Curve().energy(2.0 * LENGTH)
    assert f"dissociation energy {known:.2f} eV" in end.note and end.value < 1e-6


def test_without_a_reference_the_curve_alone_is_judged():
    found = checks_of(Curve(), reference="not there")
    assert found.pop("reference").verdict == "skipped"
    assert {check.verdict for check in found.values()} == {"pass"}
    assert not any("off the reference" in name for name in found)


def test_a_reference_that_computes_nothing_is_told():
    class Refuses(Curve):
        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            raise ValueError("no parameters for N")

    found = checks_of(Curve(), reference=Refuses())
    for way in ("rigid", "relaxed"):
        check = found[f"N-O of NO, {way}: off the reference"]
        assert check.verdict == "skipped" and "computes none" in check.note
    assert found["N-O of NO, rigid: push inside"].verdict == "pass"


def test_a_second_minimum_behind_a_low_barrier_fails():
    """A well of 3 eV at 1.65 A: the top before it is 0.9 eV high."""
    found = checks_of(Curve((3.0, 1.75, 0.15)), reference=Curve())
    for way in ("rigid", "relaxed"):
        check = found[f"N-O of NO, {way}: fall of the energy"]
        assert check.verdict == "fail" and check.value > 1.0
        assert "a minimum of" in check.note
        place = float(check.note.rpartition(" at ")[2].removesuffix(" A"))
        assert place == pytest.approx(1.75, abs=0.1)


def test_a_second_minimum_that_no_run_reaches_is_a_warning():
    check = checks_of(Curve((1.0, 2.2, 0.1)))["N-O of NO, rigid: fall of the energy"]
    assert check.verdict == "warn" and "a minimum of" in check.note


def test_a_second_minimum_that_the_reference_has_as_well_is_none():
    real = Curve((3.0, 1.75, 0.15))
    assert checks_of(real, reference=real)["N-O of NO, rigid: fall of the energy"].value == 0.0


def test_a_push_within_the_data_fails():
    stretched = [Structure(nitric_oxide(r).positions, [7, 8]) for r in (1.1, 1.6)]
    pushing = Curve((-1.5, 1.45, 0.1))
    check = checks_of(pushing, data=stretched)["N-O of NO, rigid: pull in the data range"]
    assert check.verdict == "fail" and check.value < 0.0
    assert "data ends at 1.60 A, pushed apart from 1.50 A" in check.note


def test_a_hole_inside_fails():
    check = checks_of(Curve((12.0, 0.9, 0.1)))["N-O of NO, rigid: push inside"]
    assert check.verdict == "fail" and check.value < 0.0


def test_a_reference_that_raises_leaves_gaps():
    class Broken(Curve):
        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            if np.ptp(atoms.positions[:, 2]) > 1.5:
                raise RuntimeError("SCF not converged")
            super().calculate(atoms, properties, system_changes)

    found = checks_of(Curve(), reference=Broken())
    end = found["N-O of NO, rigid: off the reference, at the end"]
    assert end.verdict == "pass" and "both at 1.5" in end.note


def test_without_tblite_the_comparison_is_skipped_with_advice(monkeypatch):
    monkeypatch.setitem(sys.modules, "tblite.ase", None)
    assert "pip install tblite" in scan_reference("gfn2")
    assert "as requested" in scan_reference("none")


def test_the_smaller_side_is_carried_and_rings_are_left_alone():
    chosen = dict(bonds_to_pull(molecule("CH3CH2NH2")))
    assert set(chosen) == {"C-C", "C-H", "C-N", "H-N"}
    assert len(chosen["C-N"].carried) == 3 and len(chosen["C-C"].carried) == 4
    assert set(dict(bonds_to_pull(molecule("CH3CH2NH2"), ("N-C", "O-N")))) == {"C-N"}
    assert "C-C" not in dict(bonds_to_pull(molecule("C6H6")))


def test_ions_are_cut_out_whole_with_their_charges():
    nitrate = Atoms("NO3", [[0, 0, 0], [1.25, 0, 0], [-0.62, 1.08, 0], [-0.62, -1.08, 0]])
    ammonium = molecule("NH3") + Atoms("H", [[0.0, 0.0, 1.15]])
    ammonium.positions += [9.0, 0.0, 0.0] - ammonium.positions[0]  # nearest through the boundary
    box = nitrate + ammonium
    box.set_cell([12.0] * 3)
    box.pbc = True
    box.wrap()
    found = {one.label: one for one in molecules_of(box)}
    assert {label: one.charge for label, one in found.items()} == {"NO3-": -1, "H4N+": 1}
    for one in found.values():
        assert one.atoms.get_initial_charges().sum() == pytest.approx(one.charge)
        assert one.atoms.get_all_distances().max() < 2.5
    pair = ion_pair_of(box)
    assert pair.charge == 0 and pair.n_ions == 2 and len(pair.atoms) == 9
    first = pair.atoms.numbers.tolist().index(8)
    apart = pair.atoms.get_distances(first, range(9))
    assert apart.max() < 6.0


def test_scans_in_the_box():
    """Of the ion alone in a large box: the same as without one."""
    boxed = nitric_oxide()
    boxed.set_cell([20.0] * 3)
    boxed.pbc = True
    options = Options(periodic_scans=True)
    part = dissociation_part(Task(Curve(), boxed, LEVELS["quick"], [], options=options))
    names = [check.name for check in part.checks if "in the box" in check.name]
    assert len(names) == 2 and len(part.figures) == 1


def test_an_ion_that_relaxes_into_something_else_is_a_warning():
    """A pit of 9 eV at 2.2 A, without a barrier: the two atoms run off into it."""
    found = checks_of(Curve((30.0, 2.2, 1.2)))
    assert found["NO at rest"].verdict == "warn"
    assert "relaxing changes its bonds" in found["NO at rest"].note
