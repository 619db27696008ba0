"""OpenMM, ASE and the eager potential agree; what cannot be meant is refused in a sentence."""

import subprocess
import sys
from itertools import product

import numpy as np
import openmm
import pytest
import torch
from ase import Atoms
from ean_systems import SYSTEMS
from openmm import unit
from openmm_forces import FORCES, bare_system, force_of, needs_openmmtorch
from systems import compute

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.metadata import ExportError
from physrep.engines.openmm import import_openmmtorch, python_force, topology_from_atoms
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

# eV/A and eV/atom. float64: sums in another order; float32: the network's own rounding.
TOLERANCES = {"float64": 1e-8, "float32": 1e-4}


def system_of(atoms: Atoms, force: openmm.Force) -> openmm.System:
    system = bare_system(atoms)
    system.addForce(force)
    return system


def context_of(
    atoms: Atoms, force: openmm.Force, platform: str = "Reference", step_fs: float = 0.5
) -> openmm.Context:
    integrator = openmm.VerletIntegrator(step_fs * unit.femtosecond)
    chosen = openmm.Platform.getPlatformByName(platform)
    context = openmm.Context(system_of(atoms, force), integrator, chosen)
    context.setPositions(atoms.positions / NM_IN_ANGSTROM)
    return context


def energy_and_forces(context: openmm.Context) -> tuple[float, np.ndarray]:
    """eV, eV/A."""
    state = context.getState(getEnergy=True, getForces=True)
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    forces = state.getForces(asNumpy=True)
    forces = forces.value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return energy / EV_IN_KJ_PER_MOL, forces / (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM)


def eager(exports, atoms: Atoms, dtype: str) -> tuple[float, np.ndarray]:
    potential = exports.checkpoint(dtype).potential
    found = compute(potential, atoms)
    return found.energy.item(), found.forces.numpy()


def assert_agree(found, expected, n_atoms: int, tolerance: float) -> None:
    assert abs(found[0] - expected[0]) / n_atoms <= tolerance
    assert np.abs(found[1] - expected[1]).max() <= tolerance


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_every_way_gives_the_same_energy_and_forces(exports, name, dtype):
    atoms, path, tolerance = SYSTEMS[name](), exports.pt(name, dtype), TOLERANCES[dtype]
    expected = eager(exports, atoms, dtype)
    assert np.abs(expected[1]).max() > 0.1  # not degenerate
    for force, platform in product(FORCES, ("Reference", "CPU")):
        found = energy_and_forces(context_of(atoms, force(path), platform))
        assert_agree(found, expected, len(atoms), tolerance)
    for file in (path, exports.ckpt(dtype)):
        atoms.calc = PhysRepCalculator(file)
        found = atoms.get_potential_energy(), atoms.get_forces()
        assert_agree(found, expected, len(atoms), tolerance)


@needs_openmmtorch
def test_plain_torch_force_needs_nothing_of_ours(exports):
    atoms = SYSTEMS["box"]()
    force = import_openmmtorch().TorchForce(str(exports.pt("box")))
    force.setUsesPeriodicBoundaryConditions(True)
    found = energy_and_forces(context_of(atoms, force))
    assert_agree(found, eager(exports, atoms, "float64"), len(atoms), TOLERANCES["float64"])


@pytest.mark.parametrize("name", ["box", "pair"])
def test_python_force_agrees_and_survives_serialisation(exports, name):
    atoms = SYSTEMS[name]()
    force = python_force(exports.pt(name), topology_from_atoms(atoms))
    copied = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(force))
    for one in (force, copied):
        found = energy_and_forces(context_of(atoms, one, "CPU"))
        assert_agree(found, eager(exports, atoms, "float64"), len(atoms), TOLERANCES["float64"])


def test_atoms_outside_the_box_and_another_image_choice_change_nothing(exports):
    atoms = SYSTEMS["sheared"]()
    moved = atoms.copy()
    shifts = np.random.default_rng(0).integers(-2, 3, (len(atoms), 3))
    moved.positions += shifts @ atoms.cell.array
    found = energy_and_forces(context_of(moved, force_of(exports.pt("sheared"))))
    assert_agree(found, eager(exports, atoms, "float64"), len(atoms), TOLERANCES["float64"])


def nve_spread(atoms: Atoms, path, step_fs: float) -> tuple[float, float]:
    """Spread of the total and of the kinetic energy over 50 fs, kJ/mol."""
    context = context_of(atoms, force_of(path), "CPU", step_fs)
    context.setVelocitiesToTemperature(100.0, 1)
    totals, kinetic = [], []
    for _ in range(20):
        context.getIntegrator().step(round(2.5 / step_fs))
        state = context.getState(getEnergy=True)
        kinetic.append(state.getKineticEnergy()._value)
        totals.append(state.getPotentialEnergy()._value + kinetic[-1])
    return np.ptp(totals), np.ptp(kinetic)


def test_nve_conserves_energy(exports):
    """200 steps of 0.25 fs; a smooth potential's error falls with the square of the step."""
    coarse, _ = nve_spread(SYSTEMS["box"](), exports.pt("box"), 0.5)
    fine, exchanged = nve_spread(SYSTEMS["box"](), exports.pt("box"), 0.25)
    assert exchanged > 100.0  # the potential is not flat
    assert fine < 1e-3 * exchanged
    assert coarse / fine == pytest.approx(4.0, rel=0.2)


@needs_openmmtorch
def test_the_order_of_imports_does_not_matter(exports):
    """Where openmm comes before torch it cannot load openmmtorch's kernels; we load them then."""
    code = (
        "import openmm, sys\n"
        "from physrep.engines.openmm import TorchForce\n"
        "system = openmm.System()\n"
        "for _ in range(15): system.addParticle(1.0)\n"
        f"system.addForce(TorchForce({str(exports.pt('pair'))!r}))\n"
        "platform = openmm.Platform.getPlatformByName('Reference')\n"
        "openmm.Context(system, openmm.VerletIntegrator(0.001), platform)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "simtk" not in done.stderr


def test_a_topology_that_fits_is_accepted(exports):
    force = force_of(exports.pt("box"), topology_from_atoms(SYSTEMS["box"]()))
    assert force.usesPeriodicBoundaryConditions()
    isolated = force_of(exports.pt("pair"), topology_from_atoms(SYSTEMS["pair"]()))
    assert not isolated.usesPeriodicBoundaryConditions()


def test_refuses_a_topology_of_another_size(exports):
    with pytest.raises(ExportError, match=r"for 225 atoms, the topology has 224 .*; export"):
        force_of(exports.pt("box"), topology_from_atoms(SYSTEMS["box"]()[:-1]))


def test_refuses_elements_out_of_order(exports):
    atoms = SYSTEMS["box"]()
    atoms.numbers[[3, 4]] = atoms.numbers[[4, 3]]  # H, C
    expected = r"atom 3 \(counted from 0\) is H in the file and C in the topology; bring the atoms"
    with pytest.raises(ExportError, match=expected):
        force_of(exports.pt("box"), topology_from_atoms(atoms))


def test_refuses_an_atom_without_element(exports):
    topology = topology_from_atoms(SYSTEMS["box"]())
    next(iter(topology.atoms())).element = None
    words = "is N in the file and no element in the topology|atom 0 .* has no element, as virtual"
    with pytest.raises(ExportError, match=words):
        force_of(exports.pt("box"), topology)


def test_refuses_a_topology_without_box(exports):
    topology = topology_from_atoms(SYSTEMS["box"]())
    topology.setPeriodicBoxVectors(None)
    with pytest.raises(ExportError, match=r"no box; call topology.setPeriodicBoxVectors"):
        force_of(exports.pt("box"), topology)


def test_refuses_a_file_without_topology(exports):
    with pytest.raises(
        ExportError, match=r"exported without a topology.*give topology=.*--topology FILE"
    ):
        force_of(exports.pt(None))


@needs_openmmtorch
@pytest.mark.parametrize(
    ("file", "system", "periodic", "message"),
    [
        ("box", "pair", True, "exported for 225 atoms, the system has 15"),
        ("box", "box", False, r"without a box; call force.setUsesPeriodicBoundaryConditions\(True"),
        ("pair", "pair", True, "exported for an isolated system but was called with a box"),
        (None, "box", True, "holds no topology; for OpenMM export again with --topology"),
    ],
)
def test_plain_torch_force_is_refused_by_the_file_itself(exports, file, system, periodic, message):
    force = import_openmmtorch().TorchForce(str(exports.pt(file)))
    force.setUsesPeriodicBoundaryConditions(periodic)
    context = context_of(SYSTEMS[system](), force)
    with pytest.raises(openmm.OpenMMException, match=message):
        context.getState(getEnergy=True)


def test_blown_up_positions_are_refused_and_the_context_lives_on(exports):
    atoms = SYSTEMS["pair"]()
    context = context_of(atoms, force_of(exports.pt("pair")))
    positions = atoms.positions / NM_IN_ANGSTROM
    context.setPositions(np.where(np.arange(3) == 1, np.nan, positions))
    with pytest.raises(openmm.OpenMMException, match="positions hold NaN or infinity"):
        context.getState(getEnergy=True)
    context.setPositions(positions)
    found = energy_and_forces(context)
    assert_agree(found, eager(exports, atoms, "float64"), len(atoms), TOLERANCES["float64"])


def test_the_file_keeps_gradients_of_parameters_out(exports):
    module = torch.jit.load(str(exports.pt("box")))
    assert not any(p.requires_grad for p in module.parameters())
