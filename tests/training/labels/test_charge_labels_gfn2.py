"""Charges and dipoles of GFN2-xTB: known molecules, the centre of mass, two ions far apart."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.spatial.transform import Rotation

from physrep.cli.main import main
from physrep.io import read_structures
from physrep.units import COULOMB_CONSTANT
from physrep_training.labels.charge_leak import leaked_charge
from physrep_training.labels.gfn2 import label
from physrep_training.labels.separate_ions import (
    ACCURACY,
    Distribution,
    interaction,
    label_ion,
)
from physrep_training.labels.with_tblite import with_tblite

DEBYE = 0.2081943  # e A

pytestmark = pytest.mark.case


def nitrate(distance=0.0) -> Atoms:
    angles = 2 * np.pi * np.arange(3) / 3
    ring = 1.25 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    return Atoms("NO3", np.vstack([[0, 0, 0], ring]) + [0, 0, distance], info={"charge": -1})


def ammonium() -> Atoms:
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    return Atoms("NH4", np.vstack([[0, 0, 0], corners * 1.02 / np.sqrt(3)]), info={"charge": 1})


def ions(distance: float, **info) -> Atoms:
    """Ammonium and nitrate, marked to be labelled one by one."""
    pair = ammonium() + nitrate(distance)
    pair.info = {"charge": 0, "ions_apart": True, "ion_charges": np.array([1, -1]), **info}
    pair.new_array("ion", np.repeat([0, 1], [5, 4]))
    return pair


def test_water(tmp_path):
    """From oxygen to the hydrogens; GFN2-xTB has 2.3 D, experiment 1.86 D."""
    water = molecule("H2O")
    ase.io.write(tmp_path / "water.xyz", water)
    output = tmp_path / "labelled.extxyz"
    assert main(["label", str(tmp_path / "water.xyz"), "-o", str(output)]) == 0
    (structure,) = read_structures(output, require=("energy", "forces", "charges", "dipole"))
    towards = water.positions[1:].mean(axis=0) - water.positions[0]
    size = structure.dipole @ towards / np.linalg.norm(towards)
    assert size == pytest.approx(2.29 * DEBYE, abs=0.02)
    assert np.linalg.norm(structure.dipole) == pytest.approx(size)
    assert structure.charges == pytest.approx([-0.561, 0.2805, 0.2805], abs=2e-3)
    assert structure.charges.sum() == pytest.approx(0.0, abs=1e-6)


def test_an_ion_anywhere():
    """Charges add up to the charge; the dipole about the centre of mass moves and turns with it."""
    ion = nitrate()
    ion.positions[1] *= 1.1  # no symmetry left
    first = label(ion)
    assert first.arrays["REF_charges"].sum() == pytest.approx(-1.0, abs=1e-6)
    assert np.linalg.norm(first.info["REF_dipole"]) > 0.05
    rotation = Rotation.from_euler("xyz", [20, 50, 70], degrees=True)
    ion.positions = rotation.apply(ion.positions) + [3.0, -4.0, 5.0]
    second = label(ion)
    assert second.info["REF_dipole"] == pytest.approx(
        rotation.apply(first.info["REF_dipole"]), abs=1e-4
    )


def test_periodic_frames_have_charges_and_no_dipole():
    crystal = label(bulk("NaCl", "rocksalt", a=5.6))
    assert "REF_dipole" not in crystal.info
    assert crystal.arrays["REF_charges"][0] > 0.3
    assert crystal.arrays["REF_charges"].sum() == pytest.approx(0.0, abs=1e-6)


def test_coulomb_energy_of_distributions():
    """A dipole made of two charges is a dipole; interactions are symmetric."""
    half = np.array([0.0, 0.0, 1e-3])
    point = Distribution(np.zeros((1, 3)), np.zeros(1), np.zeros(3), np.array([0.0, 0.0, 0.2]))
    made = Distribution(np.array([half, -half]), np.array([100.0, -100.0]), half, np.zeros(3))
    ion = Distribution(
        np.array([[1.0, 2.0, 6.0]]), np.array([-1.0]), np.array([1.0, 2.0, 6.0]), np.ones(3)
    )
    assert interaction(point, ion) == pytest.approx(interaction(made, ion), rel=1e-5)
    assert interaction(point, ion) == pytest.approx(interaction(ion, point), rel=1e-12)
    bare = ion._replace(dipole=np.zeros(3))
    other = bare._replace(positions=np.ones((1, 3)), centre=np.ones(3))
    distance = np.linalg.norm(ion.positions[0] - 1.0)
    assert interaction(bare, other) == pytest.approx(COULOMB_CONSTANT / distance)


def test_ions_one_by_one_agree_with_the_pair():
    """At 12 A the anion of this pair still has -1.00 e. Both ways differ by what is left out:
    induction, quadrupoles and the damping of Coulomb's law, which all fall off as r^-3 or faster.
    """
    apart, nearer = label(ions(12.0)), label(ions(9.0))
    together, less = (label(ions(d, ions_apart=False)) for d in (12.0, 9.0))
    assert together.arrays["REF_charges"][5:].sum() == pytest.approx(-1.0, abs=0.01)
    assert apart.info["REF_energy"] == pytest.approx(together.info["REF_energy"], abs=0.012)
    rest = [
        b.info["REF_energy"] - a.info["REF_energy"] for a, b in ((nearer, less), (apart, together))
    ]
    assert rest[0] / rest[1] > 0.9 * (12 / 9) ** 3
    assert apart.arrays["REF_forces"] == pytest.approx(together.arrays["REF_forces"], abs=0.05)
    assert apart.info["REF_dipole"] == pytest.approx(together.info["REF_dipole"], abs=0.3)
    assert apart.info["method"] == "GFN2-xTB, ion by ion"


def test_forces_of_ions_one_by_one():
    """Minus the derivative of their energy; they add up to zero."""
    pair = ions(9.0)
    pair.rattle(0.05, seed=1)
    forces = label(pair).arrays["REF_forces"]
    assert np.abs(forces.sum(axis=0)).max() < 1e-3
    energies = []
    for step in (0.01, -0.01):
        moved = pair.copy()
        moved.positions[6, 1] += step
        energies.append(label(moved).info["REF_energy"])
    assert forces[6, 1] == pytest.approx(-(energies[0] - energies[1]) / 0.02, abs=2e-3)
    ion = label_ion(with_tblite(nitrate(), -1, 1, ACCURACY))
    assert ion.distribution.charges.sum() == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ion_charges": np.array([1, 1, -2])}, "needs a column ion of 0 and 1"),
        ({"ion_charges": np.array([1, 1])}, "the charges are [1, 1], the total is +0"),
        ({"charge": 2}, "the total is +2"),
    ],
)
def test_ions_apart_that_are_not(change, words, tmp_path, capsys):
    ase.io.write(tmp_path / "a.extxyz", ions(9.0, **change))
    words_of_label = ["label", str(tmp_path / "a.extxyz"), "-o", str(tmp_path / "b.extxyz")]
    assert main(words_of_label) == 2
    said = capsys.readouterr().err
    assert words in said and "frame 0" in said


def test_leaking_charge_is_found():
    """A neighbour is a reason to lose charge; without one there is none."""
    for distance, moved, leak in ((9.0, 0.05, 0.05), (9.0, 0.01, 0.0), (3.5, 0.1, 0.0)):
        pair = ions(distance)
        charges = np.array([1 - moved, 0, 0, 0, 0, moved - 1, 0, 0, 0])
        assert leaked_charge(pair, charges) == pytest.approx(leak)
    assert leaked_charge(molecule("H2O"), np.ones(3)) == 0.0


def test_frames_with_leaking_charge_are_skipped(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("physrep_training.labels.tblite_method.leaked_charge", lambda *_: 0.08)
    ase.io.write(tmp_path / "a.extxyz", ions(9.0, ions_apart=False))
    assert main(["label", str(tmp_path / "a.extxyz"), "-o", str(tmp_path / "b.extxyz")]) == 0
    assert "frame 0 skipped: 0.08 e have leaked from an ion to others" in capsys.readouterr().err
