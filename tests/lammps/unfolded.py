"""Centroid virials as their definition says, from energies of single atoms in an unfolded cell."""

import itertools

import numpy as np
import torch
from ase import Atoms

from physrep.neighbors import neighbor_list
from physrep.potential import Potential


def unfold(atoms: Atoms, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The atoms of the cell, then all images within ``reach`` (A) of one of them.

    Returns:
        (n, 3) positions; (n,) which atom of the cell each is an image of.
    """
    home = atoms.positions
    inverse = np.linalg.inv(atoms.cell.array)
    spread = np.ptp(home @ inverse, axis=0)
    n = np.ceil(reach * np.linalg.norm(inverse, axis=0) + spread).astype(int)
    positions, images = [home], [np.arange(len(atoms))]
    for shift in itertools.product(*(range(-k, k + 1) for k in n)):
        if shift == (0, 0, 0):
            continue
        moved = home + np.array(shift) @ atoms.cell.array
        distances = np.linalg.norm(moved[:, None] - home[None], axis=-1)
        near = distances.min(axis=1) < reach
        positions.append(moved[near])
        images.append(np.flatnonzero(near))
    return np.concatenate(positions), np.concatenate(images)


def centroid_virials(potential: Potential, atoms: Atoms, n_hops: int) -> np.ndarray:
    """W_j = sum_i (r_i - r_j) (x) dU_i/dr_j, (n_atoms, 3, 3) eV; one gradient for each U_i.

    Args:
        n_hops: an atom's energy depends on atoms within so many cutoffs.
    """
    places, images = unfold(atoms, n_hops * potential.cutoff + 0.01)
    positions = torch.from_numpy(places).requires_grad_(True)
    types = torch.tensor([potential.species.index(z) for z in atoms.numbers[images]])
    none = torch.zeros(3, dtype=torch.bool)
    found = neighbor_list(positions.detach(), torch.zeros(3, 3).double(), none, potential.cutoff)
    vectors = positions[found.edge_index[1]] - positions[found.edge_index[0]]
    energies = potential(types, found.edge_index, vectors).atomic
    virials = np.zeros((len(atoms), 3, 3))
    for i in range(len(atoms)):
        (slope,) = torch.autograd.grad(energies[i], positions, retain_graph=True)
        terms = (places[i] - places)[:, :, None] * slope.numpy()[:, None, :]
        np.add.at(virials, images, terms)
    return virials
