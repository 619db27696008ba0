"""Electrostatics against other sums, finite differences and what symmetry asks."""

import math

import pytest
import torch
from charged_systems import (
    NOWHERE,
    Charged,
    check_derivatives,
    complement,
    crystal,
    energy,
    forces_of,
    point_charge_energy,
    random_box,
    random_signs,
    root_mean_square,
)

from physrep.geometry import Geometry
from physrep.pair.electrostatics import Electrostatics
from physrep.torchscript import compile_script
from physrep.units import COULOMB_CONSTANT

EXACT = Electrostatics(1.5, 1e-10)


def isolated(n_atoms: int = 7) -> Charged:
    return random_box(n_atoms, seed=3, density=0.05, net=1.0)._replace(pbc=NOWHERE)


SYSTEMS = {"box": random_box(6, net=0.3), "isolated": isolated()}


@pytest.mark.parametrize("name", ["NaCl", "CsCl", "ZnS"])
def test_madelung_constants(name):
    system, constant, nearest = crystal(name)
    n_pairs = system.charges.size(0) / 2
    found = float(energy(EXACT, system)) / COULOMB_CONSTANT + complement(system, EXACT.smearing)
    assert -found / n_pairs * nearest == pytest.approx(constant, abs=1e-6)


@pytest.mark.parametrize("net", [0.0, 1.5])
def test_random_charges_in_a_triclinic_cell(net):
    system = random_box(14, net=net)
    found = float(energy(EXACT, system)) + COULOMB_CONSTANT * complement(system, EXACT.smearing)
    for width in (0.8, 1.1):
        assert found == pytest.approx(point_charge_energy(system, width), abs=1e-6)


def test_two_isolated_charges():
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]], dtype=torch.float64)
    q = torch.tensor([0.7, -1.2], dtype=torch.float64)
    expected = COULOMB_CONSTANT * 0.7 * -1.2 * math.erf(5.0 / (math.sqrt(2) * 1.5)) / 5.0
    system = Charged(x, q, torch.eye(3, dtype=torch.float64), NOWHERE)
    assert float(energy(EXACT, system)) == pytest.approx(expected, rel=1e-13)


def test_coinciding_charges_have_a_finite_energy_and_no_force():
    x = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    q = torch.tensor([1.0, 1.0], dtype=torch.float64)
    found = energy(EXACT, Charged(x, q, torch.eye(3, dtype=torch.float64), NOWHERE))
    assert found.item() == pytest.approx(COULOMB_CONSTANT * math.sqrt(2 / math.pi) / 1.5, rel=1e-13)
    assert torch.autograd.grad(found, x)[0].abs().max() == 0.0


def test_an_ion_alone():
    """Nothing without images; with them, that of a simple cubic lattice in its background."""
    q, x = torch.ones(1, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.float64)
    cell = 30.0 * torch.eye(3, dtype=torch.float64)
    assert float(energy(EXACT, Charged(x, q, cell, NOWHERE))) == 0.0
    found = float(energy(EXACT, Charged(x, q, cell, ~NOWHERE)))
    assert found == pytest.approx(-2.837297479 * COULOMB_CONSTANT / (2 * 30.0), rel=1e-8)


@pytest.mark.parametrize("name", SYSTEMS)
def test_first_and_second_derivatives(name):
    system = SYSTEMS[name]
    check_derivatives(Electrostatics(1.5, 1e-3), system)


@pytest.mark.parametrize("name", SYSTEMS)
def test_translation_rotation_permutation_and_images(name):
    system = SYSTEMS[name]
    before = float(energy(EXACT, system))
    order = torch.randperm(system.charges.size(0), generator=torch.Generator().manual_seed(1))
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2))).Q.double()
    turn = torch.linalg.qr(turn).Q
    shift = torch.tensor([1.3, -40.0, 7.1], dtype=torch.float64)
    moved = Charged(
        ((system.positions + shift) @ turn)[order], system.charges[order], system.cell @ turn,
        system.pbc,
    )  # fmt: skip
    assert float(energy(EXACT, moved)) == pytest.approx(before, abs=1e-9)
    if bool(system.pbc.all()):
        shifts = torch.randint(-3, 4, system.positions.shape).double()
        images = system._replace(positions=system.positions + shifts @ system.cell)
        assert float(energy(EXACT, images)) == pytest.approx(before, abs=1e-9)


def test_supercell():
    small = random_box(9, net=0.4)
    shifts = torch.cartesian_prod(*[torch.arange(2)] * 3).double()
    positions = (small.positions[None] + (shifts @ small.cell)[:, None]).flatten(0, 1)
    large = Charged(positions, small.charges.repeat(8), 2 * small.cell, small.pbc)
    assert float(energy(EXACT, large)) == pytest.approx(8 * float(energy(EXACT, small)), rel=1e-11)


@pytest.mark.parametrize("name", SYSTEMS)
def test_sums_of_two_processes(name):
    """Atoms dealt out at random give the energy, and by its slope the forces, of the whole."""
    system = SYSTEMS[name]
    x, q = (
        system.positions.clone().requires_grad_(True),
        system.charges.clone().requires_grad_(True),
    )
    whole = energy(EXACT, system._replace(positions=x, charges=q))
    expected = torch.autograd.grad(whole, (x, q))
    n = q.size(0)
    owners = torch.arange(n) % 3 == 0
    parts = [torch.nonzero(mine).squeeze(1) for mine in (owners, ~owners)]
    sums = [EXACT.sums(x[p], q[p], system.cell, system.pbc, n, p) for p in parts]
    added = (sums[0] + sums[1]).detach().requires_grad_(True)
    found = EXACT.energy_of_sums(added, system.cell, system.pbc, n)
    assert found.item() == pytest.approx(whole.item(), abs=1e-11)
    (slope,) = torch.autograd.grad(found, added)
    gradients = [torch.autograd.grad(own, (x, q), slope, retain_graph=True) for own in sums]
    for k in range(2):
        assert torch.allclose(gradients[0][k] + gradients[1][k], expected[k], rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("mesh_from", [0, 1200])
def test_a_process_may_have_no_atoms(name, mesh_from):
    x, q, cell, pbc = SYSTEMS[name]
    of, n = Electrostatics(1.5, 1e-3), q.size(0)
    of.mesh_from = mesh_from
    nobody = torch.zeros(0, dtype=torch.int64)
    own = x[:0].clone().requires_grad_(True)
    whole = of.sums(x, q, cell, pbc, n, None)
    nothing = of.sums(own, q[:0], cell, pbc, n, nobody)
    assert nothing.shape == whole.shape
    assert not bool(nothing.any())
    assert torch.autograd.grad(nothing.sum(), own)[0].shape == (0, 3)


def batch() -> tuple[torch.Tensor, torch.Tensor, Geometry, list[Charged]]:
    systems = [random_box(5), isolated(3), isolated(6), random_box(8, seed=4), isolated(1)]
    sizes = torch.tensor([s.charges.size(0) for s in systems])
    geometry = Geometry(
        torch.cat([s.positions for s in systems]),
        torch.stack([s.cell for s in systems]),
        torch.stack([s.pbc for s in systems]),
        torch.stack([s.charges.sum() for s in systems]),
    )
    structure = torch.repeat_interleave(sizes)
    return torch.cat([s.charges for s in systems]), structure, geometry, systems


def test_a_batch_holds_the_energies_of_its_structures():
    charges, structure, geometry, systems = batch()
    each = torch.stack([energy(EXACT, system) for system in systems])
    assert torch.allclose(EXACT(charges, structure, geometry), each, rtol=0, atol=1e-11)


def test_scripted_equals_eager():
    charges, structure, geometry, systems = batch()
    scripted = compile_script(EXACT)
    found = [of(charges, structure, geometry) for of in (scripted, EXACT)]
    assert torch.allclose(found[0], found[1], rtol=0, atol=1e-12)
    for x, q, cell, pbc in systems:
        n = q.size(0)
        sums = [of.sums(x, q, cell, pbc, n, None) for of in (scripted, EXACT)]
        assert torch.allclose(sums[0], sums[1], rtol=0, atol=1e-12)
        ends = [of.energy_of_sums(sums[1], cell, pbc, n) for of in (scripted, EXACT)]
        assert float(ends[0]) == pytest.approx(float(ends[1]), abs=1e-12)


@pytest.mark.parametrize("accuracy", [1e-2, 1e-4, 1e-6])
def test_estimate_of_the_truncation_is_the_error(accuracy):
    """Half of the accuracy is for the terms that are left out."""
    system = random_signs(60)
    error = forces_of(Electrostatics(1.5, accuracy), system) - forces_of(EXACT, system)
    assert 0.2 * accuracy < root_mean_square(error) < 0.7 * accuracy


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="smearing = 0: give a width"):
        Electrostatics(0, 1e-4)
    with pytest.raises(ValueError, match=r"accuracy = -1: give a force"):
        Electrostatics(1.5, -1)
    box = random_box(4)
    with pytest.raises(ValueError, match="the cell is flat"):
        energy(EXACT, box._replace(cell=box.cell * torch.tensor([1.0, 1.0, 0.0])))
