"""Structures with charges, and their energies by sums that physrep does not use."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import erfc
from torch import Tensor

from physrep.geometry import Geometry
from physrep.pair.smeared_sum import SmearedSum
from physrep.units import COULOMB_CONSTANT

EVERYWHERE = torch.tensor([True, True, True])
NOWHERE = torch.tensor([False, False, False])


class Charged(NamedTuple):
    positions: Tensor
    charges: Tensor
    cell: Tensor
    pbc: Tensor


def crystal(name: str) -> tuple[Charged, float, float]:
    """A cell of charges +1 and -1, the Madelung constant by nearest distance, that distance.

    Constants: Y. Sakamoto, J. Chem. Phys. 28 (1958) 164.
    """
    face = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    basis, offset, constant, nearest = {
        "NaCl": (face, 0.5, 1.7475645946331822, 0.5),
        "CsCl": ([[0, 0, 0]], 0.5, 1.7626747730709, math.sqrt(0.75)),
        "ZnS": (face, 0.25, 1.6380550533897, math.sqrt(3) / 4),
    }[name]
    edge = 5.1
    sites = torch.tensor(basis, dtype=torch.float64)
    fractional = torch.cat([sites, sites + offset])
    charges = torch.cat([torch.ones(len(basis)), -torch.ones(len(basis))]).double()
    cell = edge * torch.eye(3, dtype=torch.float64)
    return Charged(fractional @ cell, charges, cell, EVERYWHERE), constant, nearest * edge


def random_box(n_atoms: int, seed: int = 0, density: float = 0.1, net: float = 0.0) -> Charged:
    """Charges of at most 1 e at random places of a sheared cell that add up to ``net``."""
    random = torch.Generator().manual_seed(seed)
    edge = (n_atoms / density) ** (1 / 3)
    shear = [[1.0, 0.0, 0.0], [0.3, 0.9, 0.0], [-0.2, 0.25, 1.1]]
    cell = edge * torch.tensor(shear, dtype=torch.float64)
    fractional = torch.rand(n_atoms, 3, generator=random, dtype=torch.float64)
    charges = 2.0 * torch.rand(n_atoms, generator=random, dtype=torch.float64) - 1.0
    charges += (net - charges.sum()) / n_atoms
    return Charged(fractional @ cell, charges, cell, EVERYWHERE)


def random_signs(n_atoms: int, seed: int = 5) -> Charged:
    """Charges of 1 e, 0.1 per A^3: what errors are estimated for."""
    charges = torch.ones(n_atoms, dtype=torch.float64)
    charges[::2] = -1.0
    return random_box(n_atoms, seed)._replace(charges=charges)


def energy(of: SmearedSum, system: Charged) -> Tensor:
    """In eV, by ``forward``."""
    n = system.charges.size(0)
    geometry = Geometry(
        system.positions, system.cell[None], system.pbc[None], system.charges.detach().sum()[None]
    )
    return of(system.charges, torch.zeros(n, dtype=torch.int64), geometry)[0]


def forces_of(of: SmearedSum, system: Charged) -> Tensor:
    """(n_atoms, 3) in eV/A at fixed charges."""
    x = system.positions.clone().requires_grad_(True)
    return -torch.autograd.grad(energy(of, system._replace(positions=x)), x)[0]


def root_mean_square(vectors: Tensor) -> float:
    """Of the lengths of (n, 3)."""
    return float((vectors * vectors).sum(dim=1).mean().sqrt())


def point_charge_energy(system: Charged, width: float) -> float:
    """Energy in eV of point charges by Ewald's whole sum, split at ``width`` (A), in NumPy."""
    q, cell = system.charges.numpy(), system.cell.numpy()
    x, volume = system.positions.numpy(), abs(np.linalg.det(system.cell.numpy()))
    inverse = np.linalg.inv(cell)
    reach = np.ceil(9.0 / width * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    n = np.array(list(itertools.product(*(range(-m, m + 1) for m in reach))))
    k = 2 * np.pi * n[np.any(n != 0, axis=1)] @ inverse.T
    k2 = (k**2).sum(axis=1)
    factors = np.exp(1j * k @ x.T) @ q
    long = 2 * np.pi / volume * (np.exp(-0.5 * width**2 * k2) / k2 * abs(factors) ** 2).sum()
    long -= (q**2).sum() / (math.sqrt(2 * math.pi) * width)
    long -= math.pi * width**2 * q.sum() ** 2 / volume
    return COULOMB_CONSTANT * (long + complement(system, width))


def complement(system: Charged, width: float) -> float:
    """1/2 sum q_i q_j erfc(r / (sqrt(2) width)) / r over all pairs and images, in e^2/A."""
    q, cell, x = system.charges.numpy(), system.cell.numpy(), system.positions.numpy()
    x = (x @ np.linalg.inv(cell) % 1.0) @ cell
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = np.ceil(8.5 * width / heights).astype(int) + 1
    total = 0.0
    for image in itertools.product(*(range(-m, m + 1) for m in reach)):
        vectors = x[None] - x[:, None] + np.array(image) @ cell
        r = np.linalg.norm(vectors, axis=-1)
        if not any(image):
            np.fill_diagonal(r, np.inf)
        total += 0.5 * (q[:, None] * q[None] * erfc(r / (math.sqrt(2) * width)) / r).sum()
    return total


def check_derivatives(of: SmearedSum, system: Charged) -> None:
    """First and second ones by positions, weights and strain against finite differences."""

    def energy_of(positions: Tensor, weights: Tensor, strain: Tensor) -> Tensor:
        moved = system._replace(positions=positions, charges=weights)
        return energy(of, strained(moved, strain))

    leaves = (system.positions, system.charges, torch.zeros(3, 3, dtype=torch.float64))
    leaves = tuple(leaf.clone().requires_grad_(True) for leaf in leaves)
    assert torch.autograd.gradcheck(energy_of, leaves, eps=1e-4, atol=1e-7, rtol=1e-6)
    second = {"eps": 1e-4, "atol": 1e-6, "rtol": 1e-5, "fast_mode": True}
    assert torch.autograd.gradgradcheck(energy_of, leaves, **second)


def strained(system: Charged, strain: Tensor) -> Charged:
    return system._replace(
        positions=system.positions + system.positions @ strain,
        cell=system.cell + system.cell @ strain,
    )
