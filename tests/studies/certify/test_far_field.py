"""Ions far apart: point charges pass, a cutoff fails, what does not apply is skipped and told."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator, all_changes
from ean_systems import ion_pair

from physrep.studies.certify.check import Check, verdict_of_part
from physrep.studies.certify.cut_molecules import molecules_of, neutral_cluster
from physrep.studies.certify.far_field import ADVICE, MOST_IONS, far_field_part, pairs_of
from physrep.studies.certify.levels import LEVELS
from physrep.studies.certify.task import Task
from physrep.units import COULOMB_CONSTANT

NO_REFERENCE = "skipped as requested"
# Ethylammonium with its charge on N, nitrate with +1 on N and -2/3 on each O.
EAN = {"N": 1.0, "O": -2.0 / 3.0}
SALT = {"Na": 1.0, "Cl": -1.0}


class PointCharges(Calculator):
    """Coulomb's law between all atoms nearer than a cutoff (A); the charges belong to elements."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, charges: dict[str, float], cutoff: float = np.inf) -> None:
        super().__init__()
        self.charges, self.cutoff, self.stated = charges, cutoff, []

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.stated.append((atoms.info["charge"], float(atoms.get_initial_charges().sum())))
        q = np.array([self.charges.get(symbol, 0.0) for symbol in atoms.symbols])
        apart = atoms.positions[:, None] - atoms.positions[None, :]
        r = np.linalg.norm(apart, axis=-1)
        r[(r == 0.0) | (r > self.cutoff)] = np.inf
        energies = COULOMB_CONSTANT * q[:, None] * q[None, :] / r
        forces = (energies / r**2)[:, :, None] * apart
        self.results = {"energy": energies.sum() / 2.0, "forces": forces.sum(axis=1)}


def salt() -> Atoms:
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (2, 2, 2)
    atoms.info = {}
    return atoms


def checks_of(calculator, atoms, reference=NO_REFERENCE) -> dict[str, Check]:
    task = Task(calculator, atoms, LEVELS["quick"], [], scan_reference=reference)
    return {one.name.removeprefix("far field: "): one for one in far_field_part(task).checks}


def test_ions_with_charges_inside_pass_by_the_law_of_coulomb():
    found = checks_of(PointCharges(EAN), ion_pair())
    assert found.pop("reference").note == NO_REFERENCE
    assert set(found) == {
        "C2H8N+ / NO3-, off the law of Coulomb, 10 to 20 A",
        "C2H8N+ / NO3-, pull, 10 to 20 A",
    }
    for check in found.values():
        assert check.verdict == "pass", check


def test_every_pair_of_ions_unlike_and_like_and_each_above_a_cluster():
    calculator = PointCharges(SALT)
    found = checks_of(calculator, salt(), PointCharges(SALT))
    assert {check.verdict for check in found.values()} == {"pass"}
    assert {charge for charge, _ in calculator.stated} == {-2.0, -1.0, 0.0, 1.0, 2.0}
    assert all(total == pytest.approx(charge) for charge, total in calculator.stated)
    ranges = (
        "off the reference, contact to 8 A",
        "off the reference, 8 to 20 A",
        "off the law of Coulomb, 10 to 20 A",
    )
    expected = {
        f"{pair}, {span}" for pair in ("Na+ / Cl-", "Na+ / Na+", "Cl- / Cl-") for span in ranges
    }
    expected |= {"Na+ / Cl-, pull, 10 to 20 A", "Na+ / Na+, push, 10 to 20 A"}
    expected |= {"Cl- / Cl-, push, 10 to 20 A"}
    expected |= {f"{ion} 3 A above a cluster" for ion in ("Na+", "Cl-")}
    assert set(found) == expected


def test_a_potential_that_ends_at_its_cutoff_fails_and_is_told_what_to_do():
    """The charges of the ions in the pair are more than 7 A apart from 8 A on."""
    found = checks_of(PointCharges(SALT, cutoff=6.5), salt(), PointCharges(SALT))
    far = found["Na+ / Cl-, off the reference, 8 to 20 A"]
    assert far.verdict == "fail" and far.value == pytest.approx(COULOMB_CONSTANT / 8.0)
    expected = "unlike ions at 8 A: 0.00 eV, reference -1.80 eV; sees nothing from 7 A on: "
    assert far.note == expected + ADVICE and "electrostatics" in ADVICE
    law = found["Cl- / Cl-, off the law of Coulomb, 10 to 20 A"]
    assert law.verdict == "fail" and law.value == pytest.approx(1.0) and ADVICE in law.note
    assert found["Na+ / Cl-, pull, 10 to 20 A"].verdict == "fail"
    near = found["Na+ / Cl-, off the reference, contact to 8 A"]
    assert near.value == pytest.approx(COULOMB_CONSTANT / 7.0)


def test_without_a_reference_the_law_alone_fails_it():
    found = checks_of(PointCharges(EAN, cutoff=6.5), ion_pair())
    assert found["reference"].verdict == "skipped"
    assert found["C2H8N+ / NO3-, off the law of Coulomb, 10 to 20 A"].verdict == "fail"


def test_charges_of_the_wrong_sign_fail_and_half_of_them_warn():
    wrong = checks_of(PointCharges({"Na": 1.0, "Cl": 1.0}), salt())
    pull = wrong["Na+ / Cl-, pull, 10 to 20 A"]
    assert pull.verdict == "fail" and pull.value == pytest.approx(-1.0)
    assert pull.note.endswith("; they repel each other")
    assert wrong["Na+ / Na+, push, 10 to 20 A"].verdict == "pass"
    scaled = checks_of(PointCharges({"Na": 0.8, "Cl": -0.8}), salt())
    law = scaled["Na+ / Cl-, off the law of Coulomb, 10 to 20 A"]
    assert law.verdict == "warn" and law.value == pytest.approx(0.36) and ADVICE not in law.note


@pytest.mark.case
def test_systems_without_ions_are_skipped():
    for atoms in (molecule("CH3OH"), bulk("Al", cubic=True)):
        task = Task(PointCharges({}), atoms, LEVELS["quick"], [], scan_reference=PointCharges({}))
        part = far_field_part(task)
        assert verdict_of_part(part.checks) == "skipped" and not part.figures
        assert part.checks[-1].note == "the system holds no ions of known charge"


@pytest.mark.case
def test_molecules_of_unknown_charge_and_rare_ions_are_named():
    salts = [bulk(name, "rocksalt", a=6.0, cubic=True) for name in ("NaCl", "KBr")]
    mixture = salts[0] + salts[1][[0, 1]]
    mixture.positions[len(salts[0]) :] += [20.0, 0.0, 0.0]
    mixture += Atoms("NO2", [[40, 0, 0], [41.1, 0.5, 0], [38.9, 0.5, 0]])
    mixture.pbc = False
    found = checks_of(PointCharges({"Na": 1, "K": 1, "Cl": -1, "Br": -1}), mixture)
    assert found["NO2"].note == "its charge is not known"
    left_out = [name for name, check in found.items() if "most frequent" in check.note]
    assert left_out == ["Br-"] and MOST_IONS == 3


@pytest.mark.case
def test_a_calculator_or_a_reference_that_raises():
    class Refuses(PointCharges):
        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            raise ValueError("no parameters")

    found = checks_of(Refuses(EAN), ion_pair(), PointCharges(EAN))
    assert {check.verdict for check in found.values()} == {"skipped"}
    assert "calculator computes none" in found["C2H8N+ / NO3-"].note
    found = checks_of(PointCharges(EAN), ion_pair(), Refuses(EAN))
    for name, check in found.items():
        off = "reference" in name or "cluster" in name
        assert check.verdict == ("skipped" if off else "pass"), check


@pytest.mark.case
def test_a_number_that_is_missing_beside_the_reference_fails():
    class Gaps(PointCharges):
        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            if np.ptp(atoms.positions[:, 2]) > 15.0:
                self.results["energy"] = np.nan

    found = checks_of(Gaps(EAN), ion_pair(), PointCharges(EAN))
    assert found["C2H8N+ / NO3-, off the reference, 8 to 20 A"].verdict == "fail"


def test_one_ion_of_a_kind_has_no_like_one():
    ions = molecules_of(ion_pair())
    assert [(one.frequency, one.charge) for one in ions] == [(1, 1), (1, -1)]
    assert len(pairs_of(ions, periodic=False)) == 1
    unlike, *like = pairs_of(ions, periodic=True)
    assert unlike[0] is not unlike[1] and len(like) == 2


@pytest.mark.parametrize("most", [7, 20, 64])
def test_a_cluster_is_neutral_and_whole_and_near(most):
    cluster = neutral_cluster(salt(), most)
    assert most - 6 <= len(cluster) <= most and not cluster.pbc.any()
    assert (cluster.numbers == 11).sum() == (cluster.numbers == 17).sum()
    assert cluster.info["charge"] == 0.0
    distances = cluster.get_all_distances()[np.triu_indices(len(cluster), 1)]
    assert distances.min() == pytest.approx(2.82)


@pytest.mark.case
def test_no_cluster_where_nothing_neutral_fits():
    assert neutral_cluster(salt(), 1) is None
    assert neutral_cluster(salt()[[1, 3]], 10) is None
