"""An exported file has a finite energy and finite forces for all finite positions."""

import numpy as np
import openmm
import pytest
import torch
from ase import Atoms
from ean_systems import SYSTEMS
from openmm_forces import FORCES
from systems import FORMS, MOLECULAR, compute, make_checkpoint
from test_openmm import context_of, energy_and_forces

from physrep import ops
from physrep.engines.export import DTYPES
from physrep.pair.overlap import OVERLAP, kept_apart
from physrep.units import NM_IN_ANGSTROM


def called(module, positions: np.ndarray, box: np.ndarray | None, dtype=torch.float64):
    """Energy (kJ/mol) and forces (kJ/mol/nm) of positions and box in A."""
    place = torch.from_numpy(positions / NM_IN_ANGSTROM).to(dtype).requires_grad_(True)
    energy = module(place, None if box is None else torch.from_numpy(box / NM_IN_ANGSTROM))
    (slope,) = torch.autograd.grad(energy, place)
    return energy, -slope


def trial_positions(atoms: Atoms) -> dict[str, np.ndarray]:
    """What minimisers, insertions and users try; A."""
    rng, positions = np.random.default_rng(0), atoms.positions
    trials = {}
    for distance in (0.0, 1e-12, 1e-7, 1e-4, 0.01, 0.049, 0.2):
        moved = positions.copy()
        moved[1] = moved[0] + distance * np.array([0.6, 0.0, 0.8])
        trials[f"atoms {distance} A apart"] = moved
    return trials | {
        "all at one point": np.zeros_like(positions),
        "nm for A": positions / NM_IN_ANGSTROM,
        "noise": positions + rng.normal(scale=10.0, size=positions.shape),
        "very far": positions + rng.normal(scale=1e7, size=positions.shape),
    }


@pytest.mark.case
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["box", "pair"])
def test_energy_and_forces_are_finite_wherever_the_atoms_are(exports, name, dtype):
    atoms, module = SYSTEMS[name](), torch.jit.load(exports.pt(name, dtype))
    box = atoms.cell.array if atoms.pbc.all() else None
    for trial, positions in trial_positions(atoms).items():
        energy, forces = called(module, positions, box, DTYPES[dtype])
        assert torch.isfinite(energy), trial
        assert torch.isfinite(forces).all(), trial


@pytest.mark.parametrize("form", [form for form in FORMS if form not in MOLECULAR])
def test_every_model_is_finite_where_atoms_overlap(form):
    potential = make_checkpoint(form, torch.float32).potential
    for name in ("portable", "fused") if ops.load() else ("portable",):
        potential.use_ops(name)
        for distance in (0.0, 1e-7, 0.03):
            atoms = Atoms("CON", [[0, 0, 0], [0, 0, distance], [1.2, 0, 0.3]])
            found = compute(potential, atoms)
            assert torch.isfinite(found.energy).all(), (name, distance)
            assert torch.isfinite(found.forces).all(), (name, distance)


def test_coinciding_atoms_are_pushed_apart():
    potential = make_checkpoint().potential
    forces = compute(potential, Atoms("CO", [[0, 0, 0], [0, 0, 0]])).forces
    assert torch.linalg.vector_norm(forces[0]) > 1e3
    assert torch.allclose(forces[0], -forces[1])


def test_the_wall_rises_without_a_step_down_to_contact():
    potential = make_checkpoint().potential
    distances = np.linspace(1e-4, 2 * OVERLAP, 60)
    pairs = [compute(potential, Atoms("CO", [[0, 0, 0], [0, 0, d]])) for d in distances]
    energies = np.array([pair.energy.item() for pair in pairs])
    forces = np.array([pair.forces[1, 2].item() for pair in pairs])
    assert (np.diff(energies) < 0).all() and (forces > 0).all()
    step = 1e-6
    ends = [
        compute(potential, Atoms("CO", [[0, 0, 0], [0, 0, 0.02 + s]])).energy.item()
        for s in (-step, step)
    ]
    found = compute(potential, Atoms("CO", [[0, 0, 0], [0, 0, 0.02]])).forces[1, 2].item()
    assert found == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5)


@pytest.mark.case
@pytest.mark.parametrize("force", FORCES)
@pytest.mark.parametrize("name", ["box", "pair"])
def test_a_minimiser_may_try_anything_and_a_run_goes_on(exports, name, force):
    atoms = SYSTEMS[name]()
    context = context_of(atoms, force(exports.pt(name)), "CPU")
    before, _ = energy_and_forces(context)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=10)
    after, _ = energy_and_forces(context)
    assert after < before
    context.setVelocitiesToTemperature(100.0, 1)
    context.getIntegrator().step(20)
    energy, forces = energy_and_forces(context)
    assert np.isfinite(energy) and np.isfinite(forces).all()


def test_edges_of_ordinary_length_are_left_as_they_are():
    vectors = torch.randn(50, 3, dtype=torch.float64) + 1.0
    vectors[0] = torch.tensor([0.0, OVERLAP, 0.0])
    ends = torch.arange(50), torch.arange(50) + 1
    assert torch.equal(kept_apart(vectors, *ends), vectors)
