"""Induced dipoles: closed forms, slopes of the potential, meshes, processes, derivatives."""

import math

import pytest
import torch
from charged_systems import (
    NOWHERE,
    Charged,
    check_derivatives,
    energy,
    random_box,
    random_signs,
    root_mean_square,
)

from physrep.geometry import Geometry
from physrep.pair.electrostatics import Electrostatics
from physrep.pair.polarization import PolarElectrostatics
from physrep.torchscript import compile_script
from physrep.units import COULOMB_CONSTANT

FIELD = 2.2  # A
FINE = PolarElectrostatics(1.5, 1e-10, FIELD)


def polar(system: Charged) -> Charged:
    """The same atoms, each with a random polarizability from 0 to 2 A^3 as second weight."""
    random = torch.Generator().manual_seed(8)
    n = system.charges.size(0)
    polarizabilities = 2.0 * torch.rand(n, generator=random, dtype=torch.float64)
    return system._replace(charges=torch.stack([system.charges, polarizabilities], dim=1))


def slab(n_atoms: int) -> Charged:
    """The same, in the middle of a cell that is as high again."""
    box = random_box(n_atoms, density=0.05)
    cell = torch.diag(torch.tensor([8.0, 9.0, 16.0], dtype=torch.float64))
    positions = box.positions @ torch.linalg.inv(box.cell)
    positions = positions * torch.tensor([8.0, 9.0, 6.0], dtype=torch.float64)
    return polar(Charged(positions, box.charges, cell, torch.tensor([True, True, False])))


def isolated(n_atoms: int = 7) -> Charged:
    return polar(random_box(n_atoms, seed=3, density=0.05, net=1.0)._replace(pbc=NOWHERE))


SYSTEMS = {"box": polar(random_box(6, net=0.3)), "slab": slab(7), "isolated": isolated()}


def slopes_of(system: Charged) -> torch.Tensor:
    """Of the potential at the atoms, in V/A: dE/dx_i = q_i grad phi_i of charges alone."""
    x = system.positions.clone().requires_grad_(True)
    charges = system.charges[:, 0]
    of_charges = energy(Electrostatics(FIELD, 1e-10), system._replace(positions=x, charges=charges))
    return torch.autograd.grad(of_charges, x)[0] / charges.unsqueeze(1)


@pytest.mark.parametrize("distance", [1e-3, 0.1, 4.0, 20.0])
def test_an_ion_beside_an_atom(distance):
    """-1/2 a F^2 / k_C in the field of a Gaussian charge."""
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, distance]], dtype=torch.float64)
    weights = torch.tensor([[1.3, 0.0], [0.0, 0.9]], dtype=torch.float64)
    u = distance / (math.sqrt(2.0) * FIELD)
    gaussian = 2.0 / math.sqrt(math.pi) * u * math.exp(-u * u)
    field = COULOMB_CONSTANT * 1.3 * (math.erf(u) - gaussian) / distance**2
    expected = -0.5 * 0.9 * field**2 / COULOMB_CONSTANT
    found = float(energy(FINE, Charged(x, weights, torch.eye(3, dtype=torch.float64), NOWHERE)))
    assert found == pytest.approx(expected, rel=1e-7 if distance < 0.01 else 1e-12)
    if distance == 20.0:
        assert found == pytest.approx(-0.5 * COULOMB_CONSTANT * 0.9 * 1.3**2 / 20.0**4, rel=1e-8)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_field_is_the_slope_of_the_potential(name):
    system = SYSTEMS[name]
    charges, polarizabilities = system.charges.unbind(dim=1)
    of_charges = float(energy(Electrostatics(1.5, 1e-10), system._replace(charges=charges)))
    squares = slopes_of(system).square().sum(dim=1)
    induced = -0.5 * float(polarizabilities @ squares) / COULOMB_CONSTANT
    assert float(energy(FINE, system)) == pytest.approx(of_charges + induced, abs=1e-8)


@pytest.mark.parametrize("name", SYSTEMS)
def test_first_and_second_derivatives(name):
    check_derivatives(PolarElectrostatics(1.5, 1e-3, FIELD), SYSTEMS[name])


def test_a_distant_ion_sees_charges_and_induced_dipoles():
    """The slope of the energy along its charge is their potential, k_C (q / R + mu . R / R^3)."""
    near = isolated(6)
    place = torch.tensor([[70.0, -40.0, 30.0]], dtype=torch.float64)
    ion = torch.zeros(1, 2, dtype=torch.float64)
    system = Charged(
        torch.cat([near.positions, place]),
        torch.cat([near.charges, ion]).requires_grad_(True),
        near.cell,
        NOWHERE,
    )
    (slope,) = torch.autograd.grad(energy(FINE, system), system.charges)
    geometry = Geometry(near.positions, near.cell[None], NOWHERE[None], torch.zeros(1).double())
    dipoles = FINE.induced_dipoles(near.charges, torch.zeros(6, dtype=torch.int64), geometry)
    assert float(dipoles.sum(dim=0).norm()) > 0.1
    apart = place - near.positions
    r = apart.norm(dim=1)
    expected = (near.charges[:, 0] / r + (dipoles * apart).sum(dim=1) / r**3).sum()
    assert float(slope[-1, 0]) == pytest.approx(COULOMB_CONSTANT * float(expected), rel=1e-9)


def test_images_of_an_atom_act_on_it():
    """An atom in a cubic cell has no field, in a cell of two copies side by side neither."""
    x, cell = torch.zeros(1, 3, dtype=torch.float64), 5.0 * torch.eye(3, dtype=torch.float64)
    weights = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    system = Charged(x, weights, cell, ~NOWHERE)
    plain = energy(Electrostatics(1.5, 1e-10), system._replace(charges=weights[:, 0]))
    assert float(energy(FINE, system)) == pytest.approx(float(plain), abs=1e-10)


def test_supercell():
    small = SYSTEMS["box"]
    shifts = torch.cartesian_prod(*[torch.arange(2)] * 3).double()
    positions = (small.positions[None] + (shifts @ small.cell)[:, None]).flatten(0, 1)
    large = Charged(positions, small.charges.repeat(8, 1), 2 * small.cell, small.pbc)
    assert float(energy(FINE, large)) == pytest.approx(8 * float(energy(FINE, small)), rel=1e-11)


@pytest.mark.parametrize("field", [1.5, 3.0])
@pytest.mark.parametrize("name", ["box", "slab", "isolated"])
@pytest.mark.parametrize("on_mesh", [False, True], ids=["exact", "mesh"])
def test_forces_are_within_twice_the_accuracy(name, field, on_mesh):
    """Charges of 1 e and 1 A^3, 0.1 per A^3; the accuracy is that of the charges alone."""
    system = random_signs(60)
    if name == "isolated":
        system = system._replace(pbc=NOWHERE)
    elif name == "slab":
        upright = torch.eye(3, dtype=torch.float64) * torch.tensor([8.0, 8.0, 20.0]).double()
        places = system.positions @ torch.linalg.inv(system.cell) * torch.tensor([8.0, 8.0, 9.0])
        system = Charged(places, system.charges, upright, torch.tensor([True, True, False]))
    weights = torch.stack([system.charges, torch.ones_like(system.charges)], dim=1)
    forces = []
    for accuracy, approximate in ((1e-9, False), (1e-4, on_mesh)):
        of = PolarElectrostatics(1.5, accuracy, field)
        of.mesh_from, of.pairs_up_to = (0, 0) if approximate else (10**6, 10**6)
        x = system.positions.clone().requires_grad_(True)
        whole = energy(of, system._replace(positions=x, charges=weights))
        forces.append(torch.autograd.grad(whole, x)[0])
    assert root_mean_square(forces[1] - forces[0]) < 2e-4


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("on_mesh", [False, True], ids=["exact", "mesh"])
def test_dipoles_of_two_processes(name, on_mesh):
    """Each adds those of its own atoms; slopes along the sums are added up."""
    system = SYSTEMS[name]
    of = PolarElectrostatics(1.5, 1e-4, FIELD)
    charges_alone = Electrostatics(1.5, 1e-4, FIELD)
    for one in (of, charges_alone):
        one.mesh_from, one.pairs_up_to = (0, 0) if on_mesh else (10**6, 10**6)
    x = system.positions.clone().requires_grad_(True)
    weights = system.charges.clone().requires_grad_(True)
    whole = energy(of, system._replace(positions=x, charges=weights))
    expected = torch.autograd.grad(whole, (x, weights))
    n, place = weights.size(0), (system.cell, system.pbc)
    owners = torch.arange(n) % 3 == 0
    parts = [torch.nonzero(mine).squeeze(1) for mine in (owners, ~owners)]
    sums = [charges_alone.sums(x[p], weights[p, 0], *place, n, p) for p in parts]
    added = (sums[0] + sums[1]).detach().requires_grad_(True)
    found = charges_alone.energy_of_sums(added, *place, n)
    induced = [of.induced_energy_of_sums(added, x[p], weights[p, 1], *place, n, p) for p in parts]
    everything = found + induced[0] + induced[1]
    assert everything.item() == pytest.approx(whole.item(), abs=1e-10)
    slope, *direct = torch.autograd.grad(everything, (added, x, weights), materialize_grads=True)
    for own in sums:
        gained = torch.autograd.grad(own, (x, weights), slope, retain_graph=True)
        direct = [a + b for a, b in zip(direct, gained, strict=True)]
    for k in range(2):
        torch.testing.assert_close(direct[k], expected[k], rtol=0, atol=1e-9)


def test_batches_and_torchscript():
    """Structures of all kinds laid end to end have the energies that they have alone."""
    systems = [polar(random_box(5)), isolated(3), slab(4), isolated(6), isolated(1)]
    counts = torch.tensor([s.charges.size(0) for s in systems])
    geometry = Geometry(
        torch.cat([s.positions for s in systems]),
        torch.stack([s.cell for s in systems]),
        torch.stack([s.pbc for s in systems]),
        torch.stack([s.charges[:, 0].sum() for s in systems]),
    )
    structure = torch.repeat_interleave(torch.arange(5), counts)
    weights = torch.cat([s.charges for s in systems])
    alone = torch.stack([energy(FINE, s) for s in systems])
    for of in (FINE, compile_script(PolarElectrostatics(1.5, 1e-10, FIELD))):
        torch.testing.assert_close(of(weights, structure, geometry), alone, rtol=0, atol=1e-10)
