"""add_potential: what is compared with what, parts of a system, the box, saved systems."""

import copy
import logging

import numpy as np
import openmm
import pytest
import torch
from ase import Atoms
from ean_systems import SYSTEMS
from openmm import app, unit
from openmm_forces import bare_system, needs_openmmtorch
from test_openmm import assert_agree, eager, energy_and_forces

from physrep.engines import state_function
from physrep.engines.export import export_potential
from physrep.engines.metadata import ExportError
from physrep.engines.openmm import add_potential, python_force, topology_from_atoms
from physrep.units import NM_IN_ANGSTROM


def started(system: openmm.System, atoms: Atoms, platform: str = "Reference") -> openmm.Context:
    chosen = openmm.Platform.getPlatformByName(platform)
    context = openmm.Context(system, openmm.VerletIntegrator(5e-4), chosen)
    context.setPositions(atoms.positions / NM_IN_ANGSTROM)
    return context


ENGINES = ["pythonforce", pytest.param("torchforce", marks=needs_openmmtorch)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["box", "pair"])
def test_adds_the_potential(exports, name, engine):
    atoms = SYSTEMS[name]()
    system = bare_system(atoms)
    force = add_potential(system, topology_from_atoms(atoms), exports.pt(name), engine=engine)
    assert system.getNumForces() == 1
    assert force.usesPeriodicBoundaryConditions() == atoms.pbc.all()
    found = energy_and_forces(started(system, atoms))
    assert_agree(found, eager(exports, atoms, "float64"), len(atoms), 1e-8)


@pytest.mark.parametrize("name", ["box", "sheared", "pair"])
def test_one_file_without_topology_serves_any_system(exports, name):
    atoms = SYSTEMS[name]()
    system = bare_system(atoms)
    add_potential(system, topology_from_atoms(atoms), exports.pt(None))
    found = energy_and_forces(started(system, atoms, "CPU"))
    assert_agree(found, eager(exports, atoms, "float64"), len(atoms), 1e-8)


def test_serves_some_atoms_beside_others_and_virtual_sites(exports):
    """The ions stand at other numbers among argon atoms, one a virtual site without an element."""
    pair = SYSTEMS["pair"]()
    rng = np.random.default_rng(1)
    argon = Atoms("Ar6", positions=[[20.0 + 4.0 * k, 0, 0] for k in range(6)])
    mixed, chosen = argon + pair, 6 + rng.permutation(len(pair))
    topology = topology_from_atoms(mixed)
    list(topology.atoms())[2].element = None
    system = bare_system(mixed)
    system.setParticleMass(2, 0.0)
    system.setVirtualSite(2, openmm.TwoParticleAverageSite(0, 1, 0.5, 0.5))
    add_potential(system, topology, exports.pt(None), atoms=chosen)
    energy, forces = energy_and_forces(started(system, mixed))
    expected = eager(exports, mixed[chosen], "float64")
    assert_agree((energy, forces[chosen]), expected, len(pair), 1e-8)
    assert not forces[:6].any()


def test_atoms_without_elements_are_named(exports):
    atoms = SYSTEMS["pair"]()
    topology = topology_from_atoms(atoms)
    list(topology.atoms())[4].element = None
    with pytest.raises(ExportError, match=r"atom 4 \(\w+, .*no element.*give atoms="):
        add_potential(bare_system(atoms), topology, exports.pt(None))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"atoms": []}, r"atoms = \[\]: give at least one"),
        ({"atoms": [0, 15]}, "15 is not an atom of this System, which has 0 to 14"),
        ({"atoms": [3, 1, 3]}, "3 is given 2 times"),
        ({"engine": "torch"}, "engine = 'torch': choose one of pythonforce, torchforce"),
        ({"engine": "torchforce", "atoms": [0]}, "1 of 15 atoms: TorchForce passes all particles"),
    ],
)
def test_refuses_what_cannot_be_meant(exports, arguments, message):
    atoms = SYSTEMS["pair"]()
    with pytest.raises(ExportError, match=message):
        add_potential(bare_system(atoms), topology_from_atoms(atoms), exports.pt(None), **arguments)


def test_refuses_unknown_elements_and_missing_particles(exports):
    atoms = SYSTEMS["pair"]()
    topology = topology_from_atoms(atoms)
    with pytest.raises(ExportError, match="the System has 14 particles, the topology 15 atoms"):
        add_potential(bare_system(atoms[:-1]), topology, exports.pt(None))
    atoms.symbols[0] = "S"
    with pytest.raises(ExportError, match="element S is unknown to this potential"):
        add_potential(bare_system(atoms), topology_from_atoms(atoms), exports.pt(None))


@pytest.mark.case
@pytest.mark.parametrize("engine", ENGINES)
def test_a_forgotten_box_is_an_error_that_names_both(exports, engine):
    atoms = SYSTEMS["box"]()
    system = bare_system(atoms)
    system.setDefaultPeriodicBoxVectors(*(2.0 * np.eye(3)))
    message = "box is 2 x 2 x 2 nm, what OpenMM takes .*1.29 x 1.29 x 1.29 nm: call system.setDef"
    with pytest.raises(ExportError, match=message):
        add_potential(system, topology_from_atoms(atoms), exports.pt("box"), engine=engine)


@pytest.mark.case
@pytest.mark.parametrize("given", [True, False])
def test_a_forgotten_box_is_found_at_the_first_evaluation(exports, given):
    atoms = SYSTEMS["box"]()
    topology = topology_from_atoms(atoms) if given else None
    system = bare_system(atoms)
    system.setDefaultPeriodicBoxVectors(*(2.0 * np.eye(3)))
    system.addForce(python_force(exports.pt("box"), topology))
    context = started(system, atoms)
    with pytest.raises(openmm.OpenMMException, match=r"box is 2 x 2 x 2 nm, .*1.29 x 1.29"):
        context.getState(getEnergy=True)
    context.setPeriodicBoxVectors(*(atoms.cell.array / NM_IN_ANGSTROM))
    found = energy_and_forces(context)
    assert_agree(found, eager(exports, atoms, "float64"), len(atoms), 1e-8)


def test_the_box_of_another_frame_is_accepted_and_that_of_another_system_is_not(exports):
    atoms = SYSTEMS["sheared"]()
    topology = topology_from_atoms(atoms)
    atoms.set_cell(1.04 * atoms.cell.array, scale_atoms=True)
    add_potential(bare_system(atoms), topology, exports.pt(None))
    atoms.set_cell(1.3 * atoms.cell.array, scale_atoms=True)
    with pytest.raises(
        ExportError, match=r"\[\[1.7.*\]\] nm and the topology's \[\[1.29.*different"
    ):
        add_potential(bare_system(atoms), topology, exports.pt(None))


@pytest.mark.case
def test_saved_systems_work_from_any_folder(exports, tmp_path, monkeypatch):
    monkeypatch.chdir(exports.folder)
    atoms = SYSTEMS["pair"]()
    system = bare_system(atoms)
    add_potential(system, topology_from_atoms(atoms), exports.pt(None).name)
    monkeypatch.chdir(tmp_path)
    text = openmm.XmlSerializer.serialize(system)
    for one in (openmm.XmlSerializer.deserialize(text), copy.deepcopy(system)):
        found = energy_and_forces(started(one, atoms))
        assert_agree(found, eager(exports, atoms, "float64"), len(atoms), 1e-8)


@pytest.mark.case
@pytest.mark.parametrize(
    ("after", "message"),
    [("moved", "computes with this file, and it is not here; bring"), ("changed", "has changed")],
)
def test_a_file_that_went_away_is_an_error_at_first_use(exports, tmp_path, after, message):
    atoms, path = SYSTEMS["pair"](), tmp_path / "ean.pt"
    path.write_bytes(exports.pt(None).read_bytes())
    system = bare_system(atoms)
    add_potential(system, topology_from_atoms(atoms), path)
    saved = openmm.XmlSerializer.serialize(system)
    path.unlink()
    if after == "changed":
        path.write_bytes(exports.pt(None, "float32").read_bytes())
    context = started(openmm.XmlSerializer.deserialize(saved), atoms)
    for _ in range(2):
        with pytest.raises(openmm.OpenMMException, match=message):
            context.getState(getEnergy=True)


@pytest.mark.case
def test_the_first_frame_is_checked_and_later_trial_positions_are_not(exports, tmp_path):
    atoms, checkpoint = SYSTEMS["pair"](), copy.deepcopy(exports.checkpoint())
    checkpoint.potential.shortest_distances.fill_(0.9)
    export_potential(checkpoint, tmp_path / "ean.pt", dtype="float64", ops="portable")
    system = bare_system(atoms)
    order = [*range(1, 15), 0]
    add_potential(system, topology_from_atoms(atoms), tmp_path / "ean.pt", atoms=order)
    context = started(system, atoms)
    context.setPositions(atoms.positions / NM_IN_ANGSTROM**2)  # nm taken for A on the way in
    message = (
        r"far nearer than .*check the units.*atoms 0, 1, ... of the potential are the particles 1"
    )
    for _ in range(2):  # until a frame is good
        with pytest.raises(openmm.OpenMMException, match=message):
            context.getState(getEnergy=True)
    context.setPositions(atoms.positions / NM_IN_ANGSTROM)
    good, _ = energy_and_forces(context)
    context.setPositions(atoms.positions / NM_IN_ANGSTROM**2)
    assert energy_and_forces(context)[0] > good + 100.0


def test_an_energy_that_is_not_finite_is_not_passed_on(exports, monkeypatch):
    """As of files that were exported before overlapping atoms were kept apart."""
    atoms = SYSTEMS["pair"]()
    system = bare_system(atoms)
    add_potential(system, topology_from_atoms(atoms), exports.pt(None))
    nothing = torch.tensor(float("nan")), torch.zeros(0, 3)
    monkeypatch.setattr(state_function, "_evaluate", lambda *_: nothing)
    with pytest.raises(openmm.OpenMMException, match="the energy is nan at finite positions: file"):
        started(system, atoms).getState(getEnergy=True)


def test_an_interrupt_inside_the_potential_is_named(exports, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    atoms = SYSTEMS["pair"]()
    system = bare_system(atoms)
    add_potential(system, topology_from_atoms(atoms), exports.pt(None))
    monkeypatch.setattr(state_function, "_evaluate", interrupted)
    with pytest.raises(openmm.OpenMMException, match="interrupted"):
        started(system, atoms).getState(getEnergy=True)


@pytest.mark.case
def test_a_cluster_as_ase_writes_it_is_explained(exports, tmp_path):
    atoms = SYSTEMS["pair"]()
    atoms.write(tmp_path / "pair.pdb")
    with (tmp_path / "pair.pdb").open() as file, pytest.warns(UserWarning, match="duplicate atom"):
        topology = app.PDBFile(file).topology
    message = "for 15 atoms, the topology has 4 .*share a name as one.*topology_from_atoms"
    with pytest.raises(ExportError, match=message):
        python_force(exports.pt("pair"), topology)


def test_a_topology_of_ase_atoms_survives_a_pdb_file(tmp_path):
    atoms = SYSTEMS["box"]()
    topology = topology_from_atoms(atoms)
    assert [atom.element.symbol for atom in topology.atoms()] == atoms.get_chemical_symbols()
    assert [atom.index for atom in topology.atoms()] == list(range(225))
    assert topology.getNumResidues() == 30
    with (tmp_path / "box.pdb").open("w") as file:
        app.PDBFile.writeFile(topology, atoms.positions * unit.angstrom, file)
    read = app.PDBFile(str(tmp_path / "box.pdb"))
    assert [atom.element.symbol for atom in read.topology.atoms()] == atoms.get_chemical_symbols()
    assert read.topology.getNumResidues() == 30


def test_the_certificate_is_told(exports, caplog):
    atoms = SYSTEMS["pair"]()
    with caplog.at_level(logging.INFO, "physrep.engines.openmm"):
        add_potential(bare_system(atoms), topology_from_atoms(atoms), exports.pt(None))
    assert "certificate: none (not certified)" in caplog.text
