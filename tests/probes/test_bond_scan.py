"""Bond scans against a curve that is known in closed form."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.morse import MorsePotential

from physrep.figures.plots import bond_scan_figure
from physrep.io import Structure
from physrep.probes.bond_scan import (
    BondScan,
    Stretch,
    bond_ranges,
    bond_scan,
    largest_fall,
    relaxed_structures,
    rigid_structures,
    scan_of,
)

DEPTH, RHO, R0 = 2.0, 4.0, 1.2  # eV, dimensionless, A


def morse_scan(distances, shift=0.0) -> BondScan:
    atoms = Atoms("NO", positions=[[0.3, 0.2, 0.1 + shift], [0.3, 1.3, 0.1 + shift]])
    calculator = MorsePotential(epsilon=DEPTH, rho0=RHO, r0=R0, rcut1=8.0, rcut2=9.0)
    return bond_scan(calculator, atoms, 0, 1, distances)


def test_scan_of_a_morse_bond_is_its_curve():
    distances = np.linspace(0.9, 2.5, 17)
    scan = morse_scan(distances)
    x = np.exp(-RHO * (distances / R0 - 1.0))
    np.testing.assert_allclose(scan.energies, DEPTH * (x * x - 2.0 * x), atol=1e-10)
    np.testing.assert_allclose(scan.forces, 2 * DEPTH * RHO / R0 * (x * x - x), atol=1e-10)
    assert not scan.spurious().any()


def test_bond_across_the_boundary_is_taken_the_short_way():
    atoms = Atoms("NO", positions=[[0.2, 0.0, 0.0], [9.0, 0.0, 0.0]], cell=[10.0] * 3, pbc=True)
    calculator = MorsePotential(epsilon=DEPTH, rho0=RHO, r0=R0, rcut1=3.0, rcut2=4.0)
    scan = bond_scan(calculator, atoms, 0, 1, np.array([R0]))
    assert scan.energies[0] == pytest.approx(-DEPTH)


def test_a_push_beyond_the_steepest_pull_is_spurious():
    distances = np.linspace(1.0, 2.0, 6)
    scan = BondScan(distances, np.zeros(6), np.array([5.0, 0.0, -3.0, -1.0, 2.0, -0.5]))
    assert scan.spurious().tolist() == [False, False, False, False, True, False]


def test_one_atom_has_no_bond():
    with pytest.raises(ValueError, match="needs two atoms"):
        bond_scan(MorsePotential(), Atoms("NO", positions=np.eye(3)[:2]), 1, 1, np.ones(1))


def test_fall_of_a_curve_drawn_by_hand():
    scan = BondScan(np.arange(6.0), np.array([0.0, 1.0, 3.0, 2.0, 2.5, 2.4]), np.zeros(6))
    fall = largest_fall(scan, 0)
    assert fall == (1.0, 2.0, 3.0, 3.0, 0.5)
    rising = BondScan(np.arange(4.0), np.array([0.0, 1.0, np.nan, 2.0]), np.zeros(4))
    assert largest_fall(rising, 0).size == 0.0


def test_relaxed_scan_holds_the_bond_and_lies_below_the_rigid_one():
    atoms = Atoms("OH2", [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    calculator = MorsePotential(epsilon=2.0, rho0=4.0, r0=1.0, rcut1=8.0, rcut2=9.0)
    stretch, distances = Stretch(0, 1, np.array([1])), np.linspace(1.0, 2.0, 6)
    relaxed = relaxed_structures(calculator, atoms, stretch, distances)
    lengths = [one.get_distance(0, 1) for one in relaxed]
    np.testing.assert_allclose(lengths, distances, atol=1e-10)
    rigid = scan_of(calculator, rigid_structures(atoms, stretch, distances), stretch)
    below = scan_of(calculator, relaxed, stretch)
    assert (below.energies <= rigid.energies + 1e-6).all()
    assert (below.energies < rigid.energies - 0.1).any()
    slope = -np.gradient(below.energies, distances)
    np.testing.assert_allclose(below.forces[2:-1], slope[2:-1], atol=0.4)  # coarse differences


def test_ranges_of_bonds_in_data():
    frames = [
        Structure(np.array([[0.0, 0.1, 0.2], [0.0, 0.1, 0.2 + r]]), [7, 8]) for r in (1.1, 1.2, 1.5)
    ]
    assert bond_ranges(frames) == {"N-O": (pytest.approx(1.1), pytest.approx(1.5))}


def test_figure_has_a_curve_for_each_model_in_both_panels():
    scans = {name: morse_scan(np.linspace(1.0, 2.2, 5)) for name in ("a", "b")}
    figure = bond_scan_figure(scans, "N-O", known=(1.15, 1.45))
    forces, energies = figure.axes
    assert [len(axes.lines) for axes in (forces, energies)] == [3, 2]  # zero line and two curves
    assert forces.get_xlabel() == "N-O distance (Å)"
