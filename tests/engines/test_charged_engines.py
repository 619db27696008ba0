"""Potentials with charges: equal numbers in ASE and OpenMM, total charges, charges, dipoles."""

import json
import zipfile
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ean_systems import SYSTEMS
from openmm_forces import bare_system, needs_openmmtorch
from systems import compute, geometry_of, make_checkpoint

from physrep.checkpoint import save_checkpoint
from physrep.cli.main import main
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.engines.metadata import ExportError, read_metadata
from physrep.engines.openmm import add_potential, topology_from_atoms
from physrep.pair.electrostatics_config import ElectrostaticsConfig, PolarizationConfig
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

KJ = EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM
TOLERANCE = 1e-8  # eV/A
CHARGE = {"sheared": 0.0, "pair": 1.0}


@pytest.fixture(scope="module")
def checkpoint():
    settings = ElectrostaticsConfig(
        smearing=1.4, polarization=PolarizationConfig(), dispersion="d3"
    )
    return make_checkpoint("jat-angular", electrostatics=settings)


@pytest.fixture(scope="module")
def ckpt(checkpoint, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("charged") / "a.ckpt"
    save_checkpoint(checkpoint, path)
    return path


@pytest.fixture(scope="module", params=list(CHARGE))
def system(request) -> Atoms:
    atoms = SYSTEMS[request.param]()
    atoms.info["charge"] = CHARGE[request.param]
    return atoms


@pytest.fixture(scope="module")
def pt(checkpoint, system, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("charged") / "a.pt"
    export_potential(checkpoint, path, system, "float64", ops="portable")
    return path


def forces_in_openmm(atoms: Atoms, path: Path, **options) -> tuple[float, np.ndarray]:
    """eV, eV/A."""
    system, topology = bare_system(atoms), topology_from_atoms(atoms)
    add_potential(system, topology, path, **options)
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(atoms.positions / NM_IN_ANGSTROM)
    state = context.getState(getEnergy=True, getForces=True)
    forces = state.getForces(asNumpy=True)._value / KJ
    return state.getPotentialEnergy()._value / EV_IN_KJ_PER_MOL, forces


@pytest.mark.parametrize(
    "engine", ["pythonforce", pytest.param("torchforce", marks=needs_openmmtorch)]
)
def test_openmm_equals_ase(ckpt, pt, system, engine):
    atoms = system.copy()
    atoms.calc = PhysRepCalculator(ckpt)
    energy, forces = forces_in_openmm(system, pt, engine=engine)
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-8)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=TOLERANCE)


def test_exported_file_equals_checkpoint_in_ase(ckpt, pt, system):
    found = []
    for path in (ckpt, pt):
        atoms = system.copy()
        atoms.calc = PhysRepCalculator(path)
        atoms.get_forces()
        found.append(atoms.calc.results)
    for name in found[0]:
        np.testing.assert_allclose(found[1][name], found[0][name], atol=TOLERANCE, err_msg=name)
    assert found[0]["charges"].sum() == pytest.approx(system.info["charge"], abs=1e-12)


def test_file_keeps_the_charge_of_the_topology(pt, system):
    metadata = read_metadata(pt)
    assert metadata.total_charge == system.info["charge"]
    assert metadata.electrostatics["smearing"] == 1.4


def test_total_charge_is_an_argument_of_every_engine(ckpt, checkpoint, tmp_path):
    atoms = SYSTEMS["pair"]()
    export_potential(checkpoint, tmp_path / "free.pt", None, "float64", ops="portable")
    energies = []
    for charge in (0.0, -1.0):
        atoms.calc = PhysRepCalculator(ckpt, total_charge=charge)
        energies.append(atoms.get_potential_energy())
        energy, _ = forces_in_openmm(atoms, tmp_path / "free.pt", total_charge=charge)
        assert energy == pytest.approx(energies[-1], abs=1e-8)
    assert abs(energies[0] - energies[1]) > 0.01


def test_another_stated_charge_is_another_calculation(ckpt):
    """ASE itself does not look at ``info`` where it decides whether results still hold."""
    atoms = SYSTEMS["pair"]()
    atoms.calc = PhysRepCalculator(ckpt)
    neutral = atoms.get_potential_energy()
    atoms.info["charge"] = 1
    assert abs(atoms.get_potential_energy() - neutral) > 0.01
    assert atoms.get_charges().sum() == pytest.approx(1.0)


def test_torchforce_refuses_a_charge_that_the_file_does_not_have(checkpoint, tmp_path):
    atoms = SYSTEMS["pair"]()
    export_potential(checkpoint, tmp_path / "a.pt", atoms, "float64", ops="portable")
    with pytest.raises(ExportError, match=r"total_charge = 1: .* was exported for 0"):
        forces_in_openmm(atoms, tmp_path / "a.pt", engine="torchforce", total_charge=1.0)


def test_dipole_of_an_ion_is_about_its_center_of_mass(ckpt, checkpoint):
    """Of its charges and of the induced dipoles."""
    atoms = SYSTEMS["pair"]()
    atoms.info["charge"] = 1
    atoms.calc = PhysRepCalculator(ckpt)
    dipole = atoms.get_dipole_moment()
    of_charges = atoms.get_charges() @ (atoms.positions - atoms.get_center_of_mass())
    found = compute(checkpoint.potential, atoms)
    long_range = checkpoint.potential.long_range
    one = torch.zeros(len(atoms), dtype=torch.int64)
    arguments = found.charges, found.polarizabilities, one, geometry_of([atoms])
    induced = long_range.induced_dipoles(*arguments).sum(dim=0).numpy()
    assert np.linalg.norm(induced) > 1e-3
    np.testing.assert_allclose(dipole, of_charges + induced, atol=1e-10)
    atoms.translate([5.0, -2.0, 1.0])
    np.testing.assert_allclose(atoms.get_dipole_moment(), dipole, atol=1e-8)


def test_command_line_states_the_charge(ckpt, tmp_path, capsys):
    SYSTEMS["pair"]().write(tmp_path / "pair.xyz")
    argv = ["export", str(ckpt), "--topology", str(tmp_path / "pair.xyz"), "--charge=-1"]
    assert main([*argv, "--ops", "portable", "-o", str(tmp_path / "a.pt")]) == 0
    assert read_metadata(tmp_path / "a.pt").total_charge == -1.0


@pytest.mark.parametrize(("polarization", "version"), [(None, 4), (PolarizationConfig(), 6)])
def test_earlier_releases_refuse_what_they_do_not_know(polarization, version, exports, tmp_path):
    settings = ElectrostaticsConfig(polarization=polarization)
    made = make_checkpoint(electrostatics=settings)
    export_potential(made, tmp_path / "a.pt", ops="portable")
    with zipfile.ZipFile(tmp_path / "a.pt") as file:
        name = next(n for n in file.namelist() if n.endswith("metadata.json"))
        assert json.loads(file.read(name))["format_version"] == version
    assert read_metadata(exports.pt(None)).format_version == 3


def test_potentials_without_charges_say_so(exports, tmp_path):
    atoms = SYSTEMS["pair"]()
    atoms.calc = PhysRepCalculator(exports.ckpt())
    with pytest.raises(PropertyNotImplementedError, match=r"has no charges; fit one with"):
        atoms.get_charges()
    with pytest.raises(ExportError, match=r"total_charge = 1: the potential in .* has no charges"):
        forces_in_openmm(atoms, exports.pt(None), total_charge=1.0)
    with pytest.raises(ExportError, match=r"total charge \+1: this potential has no charges"):
        export_potential(
            exports.checkpoint(), tmp_path / "a.pt", atoms, ops="portable", total_charge=1.0
        )
