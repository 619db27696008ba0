"""Errors of every label: known offsets come back, isolated atoms and unread labels are said."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT

from physrep.cli.main import main
from physrep.io import Structure
from physrep.studies.evaluate.label_errors import evaluate


def labelled(atoms: Atoms, virial_offset: float = 0.0, **info) -> Structure:
    """EMT's energy and forces; its virial by finite differences of the energy under strain."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    virial = strained_virial(atoms) + virial_offset
    return Structure(
        atoms.positions,
        atoms.numbers,
        atoms.cell.array,
        atoms.pbc,
        energy=atoms.get_potential_energy(),
        forces=atoms.get_forces(),
        virial=virial,
        info=info,
    )


def strained_virial(atoms: Atoms, h: float = 1e-5) -> np.ndarray:
    """-dE/dstrain, symmetric, by central differences."""
    virial = np.zeros((3, 3))
    for k in range(3):
        for m in range(3):
            energies = []
            for sign in (1, -1):
                strain = np.eye(3)
                strain[k, m] += 0.5 * sign * h
                strain[m, k] += 0.5 * sign * h
                moved = atoms.copy()
                moved.set_cell(atoms.cell.array @ strain)
                moved.positions = atoms.positions @ strain
                moved.calc = EMT()
                energies.append(moved.get_potential_energy())
            virial[k, m] = -(energies[0] - energies[1]) / (2 * h)
    return virial


def rattled(atoms: Atoms) -> Atoms:
    atoms.rattle(0.1, seed=3)
    return atoms


SYSTEMS = {
    "bulk": bulk("Cu", cubic=True),
    "slab without a vacuum vector": fcc111("Cu", (1, 1, 2), periodic=False),
    "molecule": molecule("H2O"),
}


@pytest.mark.case
@pytest.mark.parametrize("name", SYSTEMS)
def test_virials_are_compared_for_any_periodicity(name):
    """Against strained energies: sign and size; 1e-4 meV/atom is their truncation error."""
    atoms = rattled(SYSTEMS[name].copy())
    exact = evaluate(EMT(), [labelled(atoms)] * 2)
    assert exact.virial_mae_mev_per_atom < 1e-3
    offset = evaluate(EMT(), [labelled(atoms, 0.5)] * 2)
    assert offset.virial_mae_mev_per_atom == pytest.approx(500.0 / len(atoms), abs=1e-3)
    assert offset.virial_rmse_mev_per_atom == pytest.approx(500.0 / len(atoms), abs=1e-3)
    if atoms.pbc.all():
        volume = atoms.get_volume()
        assert offset.stress_mae_mev_per_a3 == pytest.approx(500.0 / volume, abs=1e-3)
    else:
        assert offset.stress_mae_mev_per_a3 is None
    assert exact.force_max < 1e-9


def test_virials_alone_are_enough_to_compare():
    whole = labelled(SYSTEMS["bulk"])
    alone = Structure(whole.positions, whole.species, whole.cell, whole.pbc, virial=whole.virial)
    errors = evaluate(EMT(), [alone])
    assert errors.virial_mae_mev_per_atom < 1e-3 and errors.force_mae is None


class Charges(Calculator):
    """A water molecule with fixed charges."""

    implemented_properties = ("charges", "dipole")

    def calculate(self, atoms=None, properties=(), system_changes=()):
        charges = np.array([-0.8, 0.4, 0.4])
        self.results = {"charges": charges, "dipole": charges @ atoms.positions}


def test_charges_and_dipoles(capsys):
    """Offsets come back; what a calculator lacks is said and not compared."""
    water = molecule("H2O")
    charges = np.array([-0.8, 0.3, 0.5])
    dipole = np.array([-0.8, 0.4, 0.4]) @ water.positions + [0.0, 0.3, 0.0]
    structure = Structure(water.positions, water.numbers, charges=charges, dipole=dipole)
    errors = evaluate(Charges(), [structure])
    assert errors.charge_mae == pytest.approx(0.2 / 3)
    assert errors.charge_rmse == pytest.approx(np.sqrt(0.02 / 3))
    assert errors.dipole_mae == pytest.approx(0.1)
    assert errors.dipole_rmse == pytest.approx(np.sqrt(0.03))
    found = evaluate(EMT(), [replace(labelled(SYSTEMS["molecule"]), charges=charges)])
    assert found.charge_mae is None
    assert "charges of 1 structures are not compared" in capsys.readouterr().err


def test_labels_of_some_structures_are_said(capsys):
    whole = labelled(SYSTEMS["bulk"])
    bare = Structure(whole.positions, whole.species, whole.cell, whole.pbc, energy=whole.energy)
    held = replace(bare, info={"dft_stress": np.zeros(6)}, frame=7)
    evaluate(EMT(), [whole, bare, held])
    said = capsys.readouterr().err
    assert "1 of 3 structures have a label of forces" in said
    assert "1 of 3 structures have a label of virial" in said and "label of energy" not in said
    assert "memory: stress is not read, but it holds 'dft_stress'" in said  # of a later frame


class WithoutStress(Calculator):
    """A calculator as many are: energy and forces."""

    implemented_properties = ["energy", "forces"]

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.results = {"energy": 0.0, "forces": np.zeros((len(self.atoms), 3))}


def test_a_calculator_without_stress_is_said(capsys):
    errors = evaluate(WithoutStress(), [labelled(SYSTEMS["bulk"])] * 2)
    assert errors.virial_mae_mev_per_atom is None and errors.force_mae is not None
    assert "virials of 2 structures are not compared: the calculator has no stress" in (
        capsys.readouterr().err
    )


@pytest.mark.case
def test_isolated_atoms_are_not_judged(capsys):
    atom = labelled(Atoms("Cu", cell=[20] * 3, pbc=True), config_type="isolated_atom")
    errors = evaluate(EMT(), [atom, labelled(SYSTEMS["bulk"]), labelled(SYSTEMS["bulk"])])
    assert errors.n_structures == 2
    said = capsys.readouterr().err
    assert "1 frame of isolated atoms (config_type=IsolatedAtom) set apart: not judged" in said


@pytest.mark.case
def test_keys_of_all_labels_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "cu.extxyz"
    atoms = rattled(bulk("Cu", cubic=True))
    atoms.calc = EMT()
    virial = -atoms.get_volume() * atoms.get_stress(voigt=False)
    cell = " ".join(map(str, atoms.cell.array.ravel()))
    lines = [
        f"Cu {' '.join(map(str, row))}"
        for row in np.hstack([atoms.positions, atoms.get_forces()]).tolist()
    ]
    path.write_text(
        f'{len(atoms)}\nLattice="{cell}" Properties=species:S:1:pos:R:3:dft_forces:R:3 '
        f'dft_energy=0.0 dft_virial="{" ".join(map(str, virial.ravel().tolist()))}" dipole=1.0\n'
        + "\n".join(lines)
        + "\n"
    )
    command = ["evaluate", "ase:ase.calculators.emt:EMT", str(path)]
    assert main(command) == 2
    assert "--energy-key dft_energy on the command line" in capsys.readouterr().err
    assert main([*command, "--forces-key", "dft_forces", "--virial-key", "dft_virial"]) == 0
    said = capsys.readouterr()
    assert "virial_mae_mev_per_atom" in said.out and "stress_mae_mev_per_a3" in said.out
    assert "energy is not read, but it holds 'dft_energy'" in said.err
    assert "'dipole' is not used: no model predicts it" in said.err
