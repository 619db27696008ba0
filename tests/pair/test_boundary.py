"""Slabs against the sum over two-dimensional lattices, and what has no method."""

import math

import numpy as np
import pytest
import torch
from charged_systems import Charged, check_derivatives, energy, forces_of, random_box
from scipy.special import erf, erfc

from physrep.pair.electrostatics import Electrostatics
from physrep.units import COULOMB_CONSTANT

EXACT = Electrostatics(1.5, 1e-10)


def slab(net: float, free: int = 2, stretch: float = 1.5, n_atoms: int = 10) -> Charged:
    """Atoms within the height of a sheared cell without period along vector ``free``."""
    system = random_box(n_atoms, net=net)
    cell = system.cell.clone()
    cell[2] *= stretch
    order = [(k - free - 1) % 3 for k in range(3)]
    pbc = torch.tensor([k != free for k in range(3)])
    return Charged(system.positions, system.charges, cell[order], pbc)


def planar_energy(system: Charged, free: int, smearing: float) -> float:
    """In eV: D. E. Parry, Surf. Sci. 49 (1975) 433, its part over reciprocal space."""
    q, x = system.charges.numpy(), system.positions.numpy()
    a, b = (system.cell[(free + k) % 3].numpy() for k in (1, 2))
    area = np.linalg.norm(np.cross(a, b))
    normal, alpha = np.cross(a, b) / area, 1.0 / (math.sqrt(2) * smearing)
    first, second = 2 * np.pi * np.linalg.inv(np.stack([a, b, normal])).T[:2]
    z = (x @ normal)[:, None] - x @ normal
    products = q[:, None] * q
    uniform = z * erf(alpha * z) + np.exp(-((alpha * z) ** 2)) / (alpha * math.sqrt(math.pi))
    total = -math.pi / area * (products * uniform).sum()
    for i in range(-25, 26):
        for j in range(-25, 26):
            vector = i * first + j * second
            g = np.linalg.norm(vector)
            if 0.0 < g < 8.0:
                phases = (x @ vector)[:, None] - x @ vector
                up = np.exp(g * z) * erfc(g / (2 * alpha) + alpha * z)
                both = up + np.exp(-g * z) * erfc(g / (2 * alpha) - alpha * z)
                total += math.pi / (2 * area * g) * (products * np.cos(phases) * both).sum()
    return COULOMB_CONSTANT * (total - (q**2).sum() / (math.sqrt(2 * math.pi) * smearing))


@pytest.mark.parametrize("free", [0, 1, 2])
@pytest.mark.parametrize("net", [0.0, 0.8])
def test_slab_is_the_sum_over_planar_lattices(net, free):
    system = slab(net, free)
    expected = planar_energy(system, free, EXACT.smearing)
    assert float(energy(EXACT, system)) == pytest.approx(expected, abs=1e-7)


def test_height_of_a_slab_sets_no_period():
    energies = [float(energy(EXACT, slab(0.5, stretch=s))) for s in (1.2, 2.0)]
    assert energies[0] == pytest.approx(energies[1], abs=1e-8)


def test_slab_by_the_mesh():
    meshed = Electrostatics(1.5, 1e-4)
    meshed.mesh_from = 0
    error = forces_of(meshed, slab(0.5)) - forces_of(EXACT, slab(0.5))
    assert float(error.norm(dim=1).max()) < 1e-4


def test_derivatives_of_a_slab():
    system = slab(0.3, n_atoms=4)
    check_derivatives(Electrostatics(1.5, 1e-3), system)


def test_what_has_no_method_is_refused():
    system = slab(0.0)
    one = system._replace(pbc=torch.tensor([False, True, False]))
    with pytest.raises(ValueError, match="pbc = False True False: charges with a period in one"):
        energy(EXACT, one)
    high = system._replace(cell=system.cell * torch.tensor([[1.0], [1.0], [0.3]]))
    with pytest.raises(ValueError, match=r"the atoms span .* and cell vector 3 only"):
        energy(EXACT, high)
    with pytest.raises(ValueError, match="the cell is flat"):
        energy(EXACT, system._replace(cell=system.cell * torch.tensor([[1.0], [1.0], [0.0]])))
