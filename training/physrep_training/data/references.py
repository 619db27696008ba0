"""Reference energies, scale and shift: what the network need not learn."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from ase.data import atomic_numbers, chemical_symbols

from physrep.config import ConfigError
from physrep.io import Structure, read_structures
from physrep.potential import Potential
from physrep_training.data.graphs import GraphDataset, evenly_drawn


def composition(structures: Sequence[Structure], species: list[int]) -> np.ndarray:
    """Number of atoms of each species, (n_structures, n_types)."""
    return np.array([[np.sum(s.species == z) for z in species] for s in structures], dtype=float)


def isolated_atom_energies(path: Path, species: list[int]) -> np.ndarray:
    """Energies of the isolated atoms at the level of the labels, (n_types,) eV.

    Args:
        path: ``{"unit": "eV", "energies": {"H": ...}}`` in JSON, or structures of one atom each in
            any format that physrep reads.

    Raises:
        ConfigError: wrong unit, missing element, a structure of several atoms.
    """
    energies = _from_json(path) if path.suffix == ".json" else _from_structures(path)
    missing = [chemical_symbols[z] for z in species if z not in energies]
    if missing:
        raise ConfigError(f"{path}: no energy for {', '.join(missing)}")
    return np.array([energies[z] for z in species])


def _from_json(path: Path) -> dict[int, float]:
    values = json.loads(path.read_text())
    if values.get("unit") != "eV":
        raise ConfigError(f"{path}: unit = {values.get('unit')!r}; give isolated atoms in eV")
    return {atomic_numbers[symbol]: e for symbol, e in values["energies"].items()}


def _from_structures(path: Path) -> dict[int, float]:
    atoms = read_structures(path, require=("energy",))
    for k, structure in enumerate(atoms):
        if len(structure.species) != 1:
            raise ConfigError(
                f"{path}: structure {k} has {len(structure.species)} atoms; isolated atoms are "
                "structures of one atom each"
            )
    return {int(atom.species[0]): atom.energy for atom in atoms if atom.energy is not None}


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
    isolated_atoms: Path | None,
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


def set_shortest_distances(potential: Potential, graphs: GraphDataset) -> None:
    """Record the shortest distance of every pair of types in the training data (A).

    Conformers on disk are represented by at most 20,000 of them, drawn evenly.
    """
    n_types = len(potential.species)
    shortest = np.full((n_types, n_types), np.inf)
    sample = graphs.sample()
    for graph in (sample[k] for k in range(len(sample))):
        types = graph.types.numpy()
        i, j = graph.edge_index.numpy()
        distances = np.linalg.norm(graph.vectors.double().numpy(), axis=1)
        np.minimum.at(shortest, (types[i], types[j]), distances)
    shortest[~np.isfinite(shortest)] = 0.0
    potential.shortest_distances.copy_(torch.from_numpy(shortest))
