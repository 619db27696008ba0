"""The ASE calculator: stress, cells, elements, precision."""

import copy

import numpy as np
import pytest
import torch
from ase.build import bulk, molecule
from ase.calculators.calculator import PropertyNotImplementedError
from ase.stress import voigt_6_to_full_3x3_stress
from ean_systems import SYSTEMS
from systems import compute, make_checkpoint

from physrep import ops
from physrep.checkpoint import CheckpointError, save_checkpoint
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.engines.metadata import ExportError


def energy_at_strain(atoms, strain):
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    strained.calc = atoms.calc
    return strained.get_potential_energy()


@pytest.mark.parametrize("file", ["ckpt", "pt"])
def test_stress_is_the_slope_of_the_energy(exports, file):
    atoms = SYSTEMS["sheared"]()
    atoms.calc = PhysRepCalculator(exports.ckpt() if file == "ckpt" else exports.pt(None))
    stress = voigt_6_to_full_3x3_stress(atoms.get_stress()) * atoms.get_volume()
    step = 1e-5
    for a, b in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]:
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5 * step
        strain[b, a] += 0.5 * step
        slope = energy_at_strain(atoms, strain) - energy_at_strain(atoms, -strain)
        # Central difference: step^2 of curvature and 1e-16 E / step of round-off, in eV.
        assert slope / (2 * step) == pytest.approx(stress[a, b], abs=1e-5)
    assert np.abs(stress).max() > 1.0


@pytest.mark.parametrize("file", ["ckpt", "pt"])
def test_forces_are_the_slope_of_the_energy(exports, file):
    atoms = SYSTEMS["pair"]()
    atoms.calc = PhysRepCalculator(exports.ckpt() if file == "ckpt" else exports.pt(None))
    forces, start, step = atoms.get_forces(), atoms.positions.copy(), 1e-5
    for k in range(len(atoms)):
        for axis in range(3):
            energies = []
            for sign in (1, -1):
                atoms.positions = start
                atoms.positions[k, axis] += sign * step
                energies.append(atoms.get_potential_energy())
            slope = (energies[0] - energies[1]) / (2 * step)
            assert -slope == pytest.approx(forces[k, axis], abs=1e-6)


def test_all_properties_have_their_shapes_and_signs(exports):
    atoms = SYSTEMS["box"]()
    atoms.calc = PhysRepCalculator(exports.pt(None))
    expected = compute(exports.checkpoint().potential, atoms)
    assert atoms.get_potential_energies().shape == (225,)
    assert atoms.get_potential_energies().sum() == pytest.approx(atoms.get_potential_energy())
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    stress = -expected.virial[0].numpy() / 12.9**3
    np.testing.assert_allclose(voigt_6_to_full_3x3_stress(atoms.get_stress()), stress, atol=1e-12)


def test_partly_periodic_tiny_and_huge_cells(exports):
    calculator = PhysRepCalculator(exports.pt(None))
    reference = exports.checkpoint().potential
    slab = SYSTEMS["pair"]()
    slab.set_cell([7.0, 8.0, 30.0])
    slab.pbc = [True, True, False]
    crystal = bulk("C")  # 2 atoms, smaller than the cutoff
    lonely = molecule("H")
    lonely.set_cell([1000.0, 1000.0, 1000.0])
    lonely.pbc = True
    for atoms in (slab, crystal, lonely):
        expected = compute(reference, atoms)
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(expected.energy.item(), abs=1e-9)
        np.testing.assert_allclose(atoms.get_forces(), expected.forces.numpy(), atol=1e-9)
    assert lonely.get_potential_energy() == pytest.approx(-10.0, abs=1e-12)


def test_follows_the_atoms_as_they_change(exports):
    atoms = SYSTEMS["pair"]()
    atoms.calc = PhysRepCalculator(exports.pt(None))
    before = atoms.get_potential_energy()
    atoms.numbers[4] = 8
    assert atoms.get_potential_energy() != before
    atoms.numbers[4] = 6
    assert atoms.get_potential_energy() == pytest.approx(before, abs=1e-12)


def test_refuses_stress_without_volume(exports):
    atoms = SYSTEMS["pair"]()
    atoms.calc = PhysRepCalculator(exports.ckpt())
    with pytest.raises(PropertyNotImplementedError, match="stress needs a volume, and the cell is"):
        atoms.get_stress()


@pytest.mark.parametrize("file", ["ckpt", "pt"])
def test_refuses_an_unknown_element(exports, file):
    atoms = molecule("CH3Cl")
    atoms.calc = PhysRepCalculator(exports.ckpt() if file == "ckpt" else exports.pt(None))
    with pytest.raises(ExportError, match=r"element Cl is unknown .* fitted for C H N O"):
        atoms.get_potential_energy()


@pytest.mark.parametrize("file", ["ckpt", "pt"])
def test_a_model_of_whole_molecules_refuses_periodic_systems(tmp_path, file):
    checkpoint = make_checkpoint("physrep-molecule")
    save_checkpoint(checkpoint, tmp_path / "model.ckpt")
    export_potential(checkpoint, tmp_path / "model.pt", dtype="float64")
    water = molecule("H2O")
    water.calc = PhysRepCalculator(tmp_path / f"model.{file}")
    expected = compute(checkpoint.potential, water).energy.item()
    assert water.get_potential_energy() == pytest.approx(expected, abs=1e-9)
    water.set_cell([9.0, 9.0, 9.0])
    water.pbc = True
    with pytest.raises(ExportError, match=r"pbc = \[True, True, True\].*model.cls true"):
        water.get_potential_energy()


def test_dtype_casts_a_checkpoint(exports):
    calculator = PhysRepCalculator(exports.ckpt("float64"), dtype="float32")
    assert calculator.potential.dtype == "float32"
    atoms = SYSTEMS["pair"]()
    atoms.calc = calculator
    expected = compute(exports.checkpoint("float64").potential, atoms)
    difference = np.abs(atoms.get_forces() - expected.forces.numpy()).max()
    assert 1e-9 < difference < 1e-4  # float32 it is, and no worse


def test_dtype_of_an_exported_file_is_fixed(exports):
    PhysRepCalculator(exports.pt(None, "float64"), dtype="float64")
    with pytest.raises(ExportError, match="'float32', but this file was exported in float64; exp"):
        PhysRepCalculator(exports.pt(None, "float64"), dtype="float32")
    with pytest.raises(ExportError, match="dtype = 'half': choose float32 or float64"):
        PhysRepCalculator(exports.ckpt(), dtype="half")


def test_refuses_files_that_are_not_ours(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        PhysRepCalculator(tmp_path / "nothing.ckpt")
    text = tmp_path / "text.pt"
    text.write_text("hello")
    with pytest.raises(CheckpointError, match="not a physrep checkpoint"):
        PhysRepCalculator(text)
    foreign = tmp_path / "foreign.pt"
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(foreign))
    with pytest.raises(ExportError, match=r"TorchScript, but without physrep's metadata\.json"):
        PhysRepCalculator(foreign)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_run_equals_its_frames_one_by_one(exports, monkeypatch, compiled):
    """Pairs are kept over steps; motion, a cell that changes, and other systems in between."""
    if not compiled:
        monkeypatch.setattr(ops, "available", lambda: False)
    calculator, rng = PhysRepCalculator(exports.ckpt()), np.random.default_rng(0)
    atoms, other = SYSTEMS["sheared"](), SYSTEMS["pair"]()
    for step in range(8):
        atoms.positions += rng.normal(size=atoms.positions.shape) * 0.01
        if step % 3 == 2:
            atoms.set_cell(atoms.cell.array * 1.002, scale_atoms=True)
            atoms.wrap()
        if step == 5:
            other.calc = calculator
            other.get_forces()
        atoms.calc = calculator
        energy, forces, stress = (
            atoms.get_potential_energy(),
            atoms.get_forces(),
            atoms.get_stress(),
        )
        atoms.calc = copy.deepcopy(calculator)  # with a list of its own
        atoms.calc.reset()
        assert atoms.get_potential_energy() == energy
        np.testing.assert_array_equal(atoms.get_forces(), forces)
        np.testing.assert_array_equal(atoms.get_stress(), stress)
    assert calculator.neighbor_list.n_searches < 8 or compiled
