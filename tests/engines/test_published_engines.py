"""The published potentials keep their authors' numbers in OpenMM and ASE."""

import numpy as np
import pytest
from openmm_forces import force_of
from published import ENERGY_ERROR, FORCE_ERROR, NAMES, published, reference
from test_openmm import context_of, energy_and_forces

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential


@pytest.mark.parametrize("name", NAMES)
def test_exported_file_equals_the_original(name, tmp_path):
    atoms, energy, forces = reference(name)[5]
    path = tmp_path / "published.pt"
    export_potential(published(name), path, atoms, dtype="float64")
    calculator = PhysRepCalculator(path)
    found = {"ASE": (calculator.get_potential_energy(atoms), calculator.get_forces(atoms))}
    found["OpenMM"] = energy_and_forces(context_of(atoms, force_of(path)))
    for engine_energy, engine_forces in found.values():
        assert engine_energy == pytest.approx(energy, abs=ENERGY_ERROR[name])
        assert np.abs(engine_forces - forces).max() <= FORCE_ERROR[name]
