"""An exported committee gives what its members give alone, in every engine of Python."""

import pickle

import ase.io
import numpy as np
import openmm
import pytest
from ase import Atoms
from openmm import app, unit
from openmm_forces import bare_system, needs_openmmtorch
from systems import compute, liquid, make_committee, molecule

from physrep.checkpoint import load_checkpoint, members_of, save_checkpoint
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.engines.metadata import ExportError, read_metadata
from physrep.engines.openmm import (
    DeviationReporter,
    GuardStop,
    TorchForce,
    add_potential,
    topology_from_atoms,
)
from physrep.pair.electrostatics_config import ElectrostaticsConfig
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

CHARGES = ElectrostaticsConfig(smearing=1.3)
MIXED = ("jat-gated-sum", "jat-angular", "physrep")
FORCE_UNIT = EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM


@pytest.fixture(name="files", scope="module", params=["plain", "charged"])
def _files(request, tmp_path_factory):
    """A checkpoint and its exported file, bound to the molecule."""
    made = make_committee(MIXED, electrostatics=CHARGES if request.param == "charged" else None)
    folder = tmp_path_factory.mktemp(request.param)
    save_checkpoint(made, folder / "a.ckpt")
    export_potential(made, folder / "a.pt", molecule(), "float64", ops="portable")
    return folder / "a.ckpt", folder / "a.pt"


def alone(files, atoms: Atoms):
    """Energies (n_members,) and forces of the members, each computed by itself."""
    found = [compute(one.potential, atoms) for one in members_of(load_checkpoint(files[0]))]
    return np.array([float(p.energy) for p in found]), np.array([p.forces.numpy() for p in found])


@pytest.mark.parametrize("kind", [0, 1], ids=["eager", "exported"])
def test_ase_reports_mean_members_and_deviations(files, kind):
    for atoms in (liquid(), molecule()):
        energies, forces = alone(files, atoms)
        atoms.calc = pickle.loads(pickle.dumps(PhysRepCalculator(files[kind], dtype="float64")))
        assert atoms.get_potential_energy() == pytest.approx(energies.mean(), abs=1e-9)
        np.testing.assert_allclose(atoms.get_forces(), forces.mean(axis=0), atol=1e-12)
        found = atoms.calc.results
        np.testing.assert_allclose(found["energy_comm"], energies, atol=1e-10)
        np.testing.assert_allclose(found["forces_comm"], forces, atol=1e-12)
        assert found["energy_deviation"] == pytest.approx(energies.std())
        spread = np.sqrt(forces.var(axis=0).sum(axis=1))
        np.testing.assert_allclose(found["forces_deviation"], spread, atol=1e-12)


def test_a_single_potential_reports_no_deviation(exports):
    atoms = liquid()
    atoms.calc = PhysRepCalculator(exports.ckpt())
    atoms.get_forces()
    assert not {"forces_comm", "forces_deviation"} & set(atoms.calc.results)


def test_the_file_says_what_it_holds(files):
    metadata = read_metadata(files[1])
    assert (metadata.n_members, metadata.model) == (3, "committee")
    assert metadata.format_version == (3 if metadata.electrostatics is None else 5)
    assert metadata.cutoff == 3.5
    assert metadata.width == 16 * 3


def simulation_of(file, atoms: Atoms, step_fs: float = 0.1) -> app.Simulation:
    topology, system = topology_from_atoms(atoms), bare_system(atoms)
    add_potential(system, topology, file)
    integrator = openmm.VerletIntegrator(step_fs * unit.femtosecond)
    platform = openmm.Platform.getPlatformByName("Reference")
    simulation = app.Simulation(topology, system, integrator, platform)
    simulation.context.setPositions(atoms.positions / NM_IN_ANGSTROM)
    return simulation


def test_openmm_runs_the_mean_and_writes_deviations(files, tmp_path):
    atoms = molecule()
    energies, forces = alone(files, atoms)
    simulation = simulation_of(files[1], atoms)
    state = simulation.context.getState(getForces=True, getEnergy=True)
    assert state.getPotentialEnergy()._value == pytest.approx(energies.mean() * EV_IN_KJ_PER_MOL)
    np.testing.assert_allclose(
        state.getForces(asNumpy=True)._value / FORCE_UNIT, forces.mean(axis=0), atol=1e-8
    )
    with DeviationReporter(tmp_path / "d.txt", files[1], 2) as reporter:
        simulation.reporters.append(reporter)
        simulation.step(5)
        atoms.positions = NM_IN_ANGSTROM * np.array(
            simulation.context.getState(getPositions=True).getPositions(asNumpy=True)._value
        )
        simulation.currentStep = 9
        simulation.step(1)
    rows = np.loadtxt(tmp_path / "d.txt")
    assert rows[:, 0].tolist() == [2, 4, 10]
    energies, forces = alone(files, atoms)  # one step of 0.1 fs before the last row
    spread = FORCE_UNIT * np.sqrt(forces.var(axis=0).sum(axis=1))
    expected = [spread.max(), spread.mean(), spread.min(), EV_IN_KJ_PER_MOL * energies.std()]
    np.testing.assert_allclose(rows[-1, 1:], expected, rtol=0.05)


@pytest.mark.slow
@needs_openmmtorch
def test_torchforce_runs_the_mean(files):
    atoms = molecule()
    system = bare_system(atoms)
    system.addForce(TorchForce(files[1], topology_from_atoms(atoms)))
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(atoms.positions / NM_IN_ANGSTROM)
    forces = context.getState(getForces=True).getForces(asNumpy=True)._value / FORCE_UNIT
    np.testing.assert_allclose(forces, alone(files, atoms)[1].mean(axis=0), atol=1e-8)


def test_limits_warn_and_stop(files, tmp_path, caplog):
    atoms = molecule()
    spread = FORCE_UNIT * np.sqrt(alone(files, atoms)[1].var(axis=0).sum(axis=1))
    most, k = float(spread.max()), int(spread.argmax())
    simulation = simulation_of(files[1], atoms, step_fs=1e-6)
    warner = DeviationReporter(tmp_path / "w.txt", files[1], 1, warn=0.9 * most, stop=1.1 * most)
    simulation.reporters.append(warner)
    simulation.step(2)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2 and f"force deviation of atom {k} (" in said[0]
    simulation.reporters = [DeviationReporter(tmp_path / "s.txt", files[1], 1, stop=0.9 * most)]
    with pytest.raises(GuardStop, match=rf"stopped at step 3 .*atom {k} \(.*s.txt-stop.extxyz"):
        simulation.step(5)
    assert ase.io.read(tmp_path / "s.txt-stop.extxyz").info["step"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"interval": 0}, "interval = 0: must be above 0"),
        ({"interval": 1, "warn": -1.0}, "warn = -1: must be above 0"),
        ({"interval": 1, "stop": 0.0}, "stop = 0: must be above 0"),
    ],
)
def test_limits_that_mean_nothing_are_refused(files, tmp_path, arguments, message):
    with pytest.raises(ExportError, match=message):
        DeviationReporter(tmp_path / "d.txt", files[1], **arguments)


def test_a_single_potential_has_no_deviation_to_report(exports, tmp_path):
    with pytest.raises(ExportError, match=r"holds one potential.*physrep committee"):
        DeviationReporter(tmp_path / "d.txt", exports.pt(None), 10)
    assert not (tmp_path / "d.txt").exists()


@pytest.mark.slow
def test_fused_operators_give_the_same(tmp_path):
    made, atoms = make_committee(("jat-angular", "physrep")), liquid()
    export_potential(made, tmp_path / "a.pt", dtype="float64", ops="fused")
    atoms.calc = PhysRepCalculator(tmp_path / "a.pt")
    forces = [compute(one.potential, atoms).forces.numpy() for one in members_of(made)]
    np.testing.assert_allclose(atoms.get_forces(), np.mean(forces, axis=0), atol=1e-9)
    np.testing.assert_allclose(atoms.calc.results["forces_comm"], forces, atol=1e-9)


def test_a_committee_of_one_is_exported_as_that_potential(tmp_path):
    made, atoms = make_committee(("physrep",)), liquid()
    export_potential(made, tmp_path / "a.pt", dtype="float64")
    atoms.calc = PhysRepCalculator(tmp_path / "a.pt")
    expected = compute(members_of(made)[0].potential, atoms)
    np.testing.assert_allclose(atoms.get_forces(), expected.forces, atol=1e-9)
    assert "forces_deviation" not in atoms.calc.results
