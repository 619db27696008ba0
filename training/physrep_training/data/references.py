"""Reference energies, scale and shift: what the network need not learn."""

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from physrep.io import Structure
from physrep.potential import Potential
from physrep_training.data.graphs import evenly_drawn
from physrep_training.data.isolated_atoms import IsolatedAtoms, isolated_atom_energies


def composition(structures: Sequence[Structure], species: list[int]) -> np.ndarray:
    """Number of atoms of each species, (n_structures, n_types)."""
    return np.array([[np.sum(s.species == z) for z in species] for s in structures], dtype=float)


def fitted_energies(structures: Sequence[Structure], species: list[int]) -> np.ndarray:
    """Per-element energies by least squares, (n_types,) eV; minimum norm where rank is missing."""
    counts = composition(structures, species)
    energies = np.array([s.energy for s in structures], dtype=float)
    solution, _, rank, _ = np.linalg.lstsq(counts, energies, rcond=None)
    if rank < len(species):
        warnings.warn(
            f"the compositions have rank {rank} for {len(species)} elements: reference energies "
            "are the minimum-norm solution and mean nothing one by one; give data.isolated_atoms",
            stacklevel=2,
        )
    return solution


def set_references(
    potential: Potential,
    structures: Sequence[Structure],
    isolated_atoms: IsolatedAtoms | None,
    scale: float | None = None,
) -> None:
    """Fill E0, shift (mean cohesive energy per element) and scale (RMS force) from training data.

    Without isolated atoms the least-squares energies serve as E0 and the shift stays zero.
    Without energies both stay zero; without forces the scale is the spread of the energies.
    Conformers on disk are represented by at most 20,000 of them, drawn evenly. scale: eV, in place
    of that of the data.
    """
    structures = evenly_drawn(structures)
    species = potential.species
    labelled = [s for s in structures if s.energy is not None]
    if isolated_atoms is not None:
        reference = isolated_atom_energies(isolated_atoms, species)
    elif labelled:
        reference = fitted_energies(labelled, species)
    else:
        reference = np.zeros(len(species))
    potential.reference_energies.copy_(torch.from_numpy(reference))
    shift = np.zeros(len(species))
    if labelled:
        counts = composition(labelled, species)
        excess = np.array([s.energy for s in labelled]) - counts @ reference
        shift = np.linalg.lstsq(counts, excess, rcond=None)[0]
    potential.shift.copy_(torch.from_numpy(shift))
    potential.scale.fill_(scale or _scale(structures, species, reference))


def rms_force(structures: Sequence[Structure]) -> float:
    """Root mean square of the force components, eV/A."""
    components = [s.forces.ravel() for s in structures if s.forces is not None]
    return float(np.sqrt(np.mean(np.concatenate(components) ** 2)))


def _scale(structures: Sequence[Structure], species: list[int], reference: np.ndarray) -> float:
    labelled = [s for s in structures if s.forces is not None]
    if labelled:
        return rms_force(labelled)
    counts = composition(structures, species)
    excess = np.array([s.energy for s in structures]) - counts @ reference
    return float(max(np.std(excess / counts.sum(axis=1)), 1e-3))
