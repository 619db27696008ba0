"""MD of sampling: temperature, pressure and compressibility by closed forms; exact continuation."""

import json

import numpy as np
import pytest
from ase import Atoms, units
from toy_liquid import Balloon, Springs

from physrep.errors import UserError
from physrep_training.sampling.md_settings import Run
from physrep_training.sampling.trajectory import LARGEST_FORCE, Trajectory, relaxed_start


def argon(n: int = 8, edge: float = 10.0) -> Atoms:
    """Atoms far from each other in a cubic cell."""
    places = np.stack(np.meshgrid(*[np.arange(2)] * 3), axis=-1).reshape(-1, 3)[:n]
    return Atoms(f"Ar{n}", (places + 0.25) * edge / 2.0, cell=[edge] * 3, pbc=True)


def moving(atoms: Atoms, calculator, run: Run, seed: int = 0) -> Trajectory:
    atoms.calc = calculator
    rng = np.random.default_rng(seed)
    spread = np.sqrt(atoms.get_masses()[:, None] * units.kB * run.temperature)
    atoms.set_momenta(spread * rng.normal(size=(len(atoms), 3)))
    return Trajectory(atoms, run, rng)


def test_temperature_of_positions_and_velocities():
    """Equipartition: <k x^2> = kT and <m v^2> = kT."""
    run = Run(400.0, None, None, 0)
    trajectory = moving(Atoms("H100"), Springs(k=3.0), run)
    potential, kinetic = [], []
    for step in range(1600):
        trajectory.step()
        if step >= 400 and step % 20 == 0:
            potential.append(trajectory.atoms.get_potential_energy() / 150.0 / units.kB)
            kinetic.append(trajectory.atoms.get_temperature())
    # 300 numbers, some 6 independent times in 0.6 ps: 400 K sqrt(2 / 1800) = 13 K
    assert np.mean(potential) == pytest.approx(400.0, abs=40.0)
    assert np.mean(kinetic) == pytest.approx(400.0, abs=40.0)


def test_barostat():
    """With E(V) of a balloon, p(V) ~ V^N exp(-(E + P V) / kT). Mean and spread of V are its
    moments; P is 5 kbar, so that a wrong sign or unit is many spreads away.
    """
    pressure, kt, n = 5000.0, units.kB * 400.0, 8
    trajectory = moving(argon(), Balloon(), Run(400.0, None, pressure, 0))
    volumes = []
    for step in range(8000):
        trajectory.step()
        if step > 1500:
            volumes.append(trajectory.atoms.get_volume())
    v = np.linspace(500.0, 1500.0, 20_001)
    energy = 0.5 * 3.0 * units.GPa * (v - 1000.0) ** 2 / 1000.0 + pressure * units.bar * v
    weight = n * np.log(v) - energy / kt
    weight = np.exp(weight - weight.max())
    mean = np.average(v, weights=weight)
    spread = np.sqrt(np.average((v - mean) ** 2, weights=weight))
    # 3 ps with the damping time of the volume, 0.5 ps: some 6 independent values
    assert np.mean(volumes) == pytest.approx(mean, abs=spread)
    assert np.std(volumes) == pytest.approx(spread, rel=0.5)
    assert mean < 1000.0 - 3.0 * spread
    lengths = trajectory.atoms.cell.lengths()
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-12)


@pytest.mark.parametrize("pressure", [None, 1.0])
def test_a_run_goes_on_bit_by_bit(pressure):
    run = Run(300.0, None, pressure, 3)
    whole, first = (moving(argon(), Balloon(), run) for _ in range(2))
    for _ in range(30):
        whole.step()
    for _ in range(10):
        first.step()
    state = json.loads(json.dumps(first.state()))
    other = argon()
    other.calc = Balloon()
    rest = Trajectory.restore(other, run, state)
    for _ in range(20):
        rest.step()
    assert rest.n_steps == 30
    np.testing.assert_array_equal(rest.atoms.positions, whole.atoms.positions)
    np.testing.assert_array_equal(rest.atoms.get_momenta(), whole.atoms.get_momenta())
    np.testing.assert_array_equal(rest.atoms.cell.array, whole.atoms.cell.array)


def test_what_has_failed():
    trajectory = moving(argon(), Balloon(), Run(300.0, None, 1.0, 0))
    assert trajectory.failure() == ""
    atoms = trajectory.atoms
    atoms.positions[1] = atoms.positions[0] + [-10.0, 0.0, 0.55]  # of an image
    assert trajectory.failure() == "0.55 A between atoms"
    atoms.positions[1] += 2.0
    atoms.set_momenta(10.0 * atoms.get_momenta())
    assert trajectory.failure().startswith("the atoms are at ")
    atoms.set_momenta(0.0 * atoms.get_momenta())
    atoms.set_cell(2.0 * atoms.cell, scale_atoms=True)
    assert trajectory.failure() == "the box has 8.00 times its first volume"
    atoms.positions[0] = np.nan
    assert trajectory.failure() == "positions or energy are no longer finite"


def test_only_starts_with_large_forces_are_relaxed(capsys):
    atoms = Atoms("H2", [[1.0, 0, 0], [0, 1.0, 0]], calculator=Springs(k=9.0))
    relaxed_start(atoms)
    assert atoms.positions.tolist() == [[1.0, 0, 0], [0, 1.0, 0]]
    atoms.positions[0] = [3.0, 0, 0]
    relaxed_start(atoms)
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() <= LARGEST_FORCE
    assert "the start has a force of 27 eV/A: relaxed to 10" in capsys.readouterr().err


def test_a_pressure_without_stress():
    with pytest.raises(UserError, match=r"--pressure 1: the potential has no stress; leave"):
        moving(argon(), Springs(), Run(300.0, None, 1.0, 0))
