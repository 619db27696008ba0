"""Dispersion against direct sums over pairs, finite differences and the numbers of DFT-D3."""

import math

import pytest
import torch
from charged_systems import EVERYWHERE, NOWHERE, Charged, check_derivatives, energy, random_box

from physrep.pair.dispersion import Dispersion, damped_inverse_sixth, damped_transform
from physrep.torchscript import compile_script

A = 1.5 * math.sqrt(2.0)
EXACT = Dispersion(1.5, 1e-10, 2)


def weighted(n_atoms: int, seed: int = 0) -> Charged:
    """Atoms with C6 of 1 to 25 eV A^6 in a sheared cell."""
    box = random_box(n_atoms, seed)
    return box._replace(charges=1.0 + 2.0 * (box.charges + 1.0))


def direct(system: Charged, reach: float) -> float:
    """-1/2 sum of w_i w_j f over pairs and images up to ``reach`` (A), and beyond it as if the
    atoms were spread evenly: 4 pi / (3 reach^3) of them by volume.
    """
    x, w, cell = system.positions, system.charges, system.cell
    heights = 1.0 / torch.linalg.inv(cell).norm(dim=0)
    limits = [math.ceil(reach / float(height)) + 1 for height in heights]
    shifts = torch.cartesian_prod(*[torch.arange(-n, n + 1.0).double() for n in limits]) @ cell
    total = torch.zeros((), dtype=torch.float64)
    for i in range(len(w)):
        squares = ((x - x[i])[None] + shifts[:, None]).square().sum(dim=2)
        counted = (squares < reach**2) & (squares > 1e-12)
        values = torch.where(counted, damped_inverse_sixth(squares, A), torch.zeros_like(squares))
        total = total + w[i] * (values @ w).sum()
    tail = 4.0 * math.pi / (3.0 * reach**3) * float(w.sum()) ** 2 / abs(float(cell.det()))
    return -0.5 * (float(total) + tail)


def test_far_apart_it_is_london_s_law():
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]], dtype=torch.float64)
    w = torch.tensor([2.0, 5.0], dtype=torch.float64)
    found = energy(EXACT, Charged(x, w, torch.eye(3, dtype=torch.float64), NOWHERE))
    assert float(found) == pytest.approx(-10.0 / 9.0**6, rel=1e-5)


def test_both_formulas_of_the_damping_agree_where_they_meet():
    r2 = torch.tensor([0.5 * A * A * (1.0 - 1e-12), 0.5 * A * A * (1.0 + 1e-12)]).double()
    near, far = damped_inverse_sixth(r2, A)
    assert float(near) == pytest.approx(float(far), rel=1e-10)
    still = damped_inverse_sixth(torch.zeros(1, dtype=torch.float64), A)
    assert float(still) == pytest.approx(1.0 / (6.0 * A**6), rel=1e-14)


@pytest.mark.parametrize("k", [0.3, 1.0, 2.5])
def test_the_transform_is_the_integral(k):
    r = torch.linspace(1e-4, 200.0, 400001, dtype=torch.float64)
    values = damped_inverse_sixth(r * r, A) * r * torch.sin(k * r) * 4.0 * math.pi / k
    found = damped_transform(torch.tensor([k * k], dtype=torch.float64), A)
    assert float(found) == pytest.approx(float(torch.trapezoid(values, r)), rel=1e-6)


def test_a_periodic_cell_against_a_direct_sum():
    system = weighted(8)
    near, far = direct(system, 24.0), direct(system, 30.0)
    assert near == pytest.approx(far, rel=1e-4)  # what remains of the tail
    assert float(energy(EXACT, system)) == pytest.approx(far, rel=1e-4)


def test_the_wanted_accuracy_is_reached():
    system = weighted(60, seed=2)._replace(charges=torch.full((60,), math.sqrt(20.0)).double())

    def forces(of):
        x = system.positions.clone().requires_grad_(True)
        return torch.autograd.grad(energy(of, system._replace(positions=x)), x)[0]

    rough = Dispersion(1.5, 1e-4, 1)
    error = (forces(rough) - forces(EXACT)).square().sum(dim=1).mean().sqrt()
    assert rough.k_max < 0.7 * EXACT.k_max
    assert float(error) < 1e-4


@pytest.mark.parametrize("pbc", [EVERYWHERE, NOWHERE], ids=["box", "isolated"])
def test_derivatives(pbc):
    system = weighted(5)._replace(pbc=pbc)
    check_derivatives(Dispersion(1.5, 1e-4, 1), system)


def test_a_slab_and_a_large_droplet_see_no_images():
    """The cell of a slab against one with much more vacuum; the mesh against all pairs."""
    system = weighted(12)._replace(pbc=torch.tensor([True, True, False]))
    taller = system._replace(cell=system.cell * torch.tensor([[1.0], [1.0], [8.0]]).double())
    found = float(energy(EXACT, system))
    assert found == pytest.approx(float(energy(EXACT, taller)), rel=1e-4)
    droplet = weighted(300)._replace(pbc=NOWHERE)
    by_mesh = Dispersion(1.5, 1e-6, 1)
    by_mesh.pairs_up_to = 10
    assert float(energy(by_mesh, droplet)) == pytest.approx(float(energy(EXACT, droplet)), rel=1e-5)


def test_sums_of_two_processes_and_a_mesh_in_torchscript():
    system = weighted(30)
    scripted = compile_script(Dispersion(1.5, 1e-6, 2))
    scripted.mesh_from = 10
    x, w, cell, pbc = system
    parts = torch.arange(30).split(17)
    sums = sum(scripted.sums(x[p], w[p], cell, pbc, 30, p) for p in parts)
    assert sums.numel() == scripted.n_sums(cell, pbc, 30)
    found = scripted.energy_of_sums(sums, cell, pbc, 30)
    assert float(found) == pytest.approx(float(energy(EXACT, system)), abs=1e-5)
