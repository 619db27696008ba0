"""What PhysRep has learned, read out: parameters of its pair energies, its guesses of elements.

Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023),
eq. 6 and Fig. 5.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from physrep.checkpoint import load_checkpoint
from physrep.config import ConfigError
from physrep.covalent import bond_reach
from physrep.engines.bound_topology import refuse_periodic, types_of
from physrep.models.physrep import PhysRep
from physrep.neighbors import neighbor_list
from physrep.nn.edges import Edges
from physrep.pair.physics_head import PairParameters
from physrep.potential import Potential


class PairReadout(NamedTuple):
    """Pairs of one or many structures, each pair once: all (n_pairs,).

    species: (n_pairs, 2) atomic numbers, the smaller first; distances: A; bonded: bool, nearer than
    1.25 times the sum of the covalent radii; coulomb: eV A, the factor of 1/d (negative attracts);
    depth: eV; exponent; size: A, the minimum of the Lennard-Jones form.
    """

    species: np.ndarray
    distances: np.ndarray
    bonded: np.ndarray
    coulomb: np.ndarray
    depth: np.ndarray
    exponent: np.ndarray
    size: np.ndarray


class ElementScan(NamedTuple):
    """displacements: (n,) A along the axis; likelihoods: (n, 64), column k is the element k + 1."""

    displacements: np.ndarray
    likelihoods: np.ndarray


def load_physrep(path: str | Path) -> Potential:
    """A checkpoint of the model physrep.

    Raises:
        CheckpointError: no checkpoint. ConfigError: of another model.
    """
    checkpoint = load_checkpoint(path)
    if checkpoint.model_name != "physrep":
        raise ConfigError(
            f"{path}: the model is {checkpoint.model_name}; only physrep has pair parameters and "
            "guesses elements"
        )
    return checkpoint.potential


def pair_readout(potential: Potential, structures: Iterable[Atoms]) -> PairReadout:
    """The learned pair parameters at the given structures, energies in eV.

    Raises:
        ConfigError: the head has no pair energies.
        ExportError: an element outside the potential's species.
    """
    model = potential.model
    if not (isinstance(model, PhysRep) and model.physics):
        raise ConfigError("this model has no pair energies; fit one with model.head physics")
    parts = [_pairs_of(potential, model, atoms) for atoms in structures]
    return PairReadout(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _pairs_of(potential: Potential, model: PhysRep, atoms: Atoms) -> PairReadout:
    types, edges = _graph(potential, atoms)
    with torch.no_grad():
        x = model.encode(types, edges)
        found = PairParameters(
            *(p.double() for p in model.pair.parameters_of(x, edges.centers, edges.neighbors))
        )
    i, j = edges.centers.numpy(), edges.neighbors.numpy()
    distances, scale = edges.distances.double().numpy(), float(potential.scale)
    once = i < j
    species = np.sort(np.stack([atoms.numbers[i], atoms.numbers[j]], axis=1), axis=1)
    reach = bond_reach(species[:, 0], species[:, 1])
    columns = (
        species,
        distances,
        distances < reach,
        -scale * (found.strength * found.charge).numpy(),
        scale * found.depth.numpy(),
        found.exponent.numpy(),
        found.size.numpy(),
    )
    return PairReadout(*(column[once] for column in columns))


def element_scan(
    potential: Potential, atoms: Atoms, index: int, axis: np.ndarray, displacements: np.ndarray
) -> ElementScan:
    """Which element the model expects at an atom whose element is hidden, while it is moved.

    Args:
        atoms: not changed; axis: (3,) direction, any length; displacements: (n,) A.

    Raises:
        ConfigError: a model without element head, no such atom, an axis of no length.
    """
    model = potential.model
    if not (isinstance(model, PhysRep) and model.masking):
        raise ConfigError("this model cannot hide elements; fit one with model.masking true")
    if not 0 <= index < len(atoms):
        raise ConfigError(f"atom {index}: the structure has atoms 0 to {len(atoms) - 1}")
    length = float(np.linalg.norm(axis))
    if not length > 0.0:
        raise ConfigError(f"axis {np.asarray(axis).tolist()}: give a direction that is not zero")
    moved, rows = atoms.copy(), []
    for displacement in displacements:
        moved.positions[index] = atoms.positions[index] + displacement * np.asarray(axis) / length
        types, edges = _graph(potential, moved, hidden=index)
        with torch.no_grad():
            logits = model.element_logits(types, edges)[index]
        rows.append(torch.softmax(logits.double(), dim=0).numpy())
    return ElementScan(np.asarray(displacements), np.array(rows))


def _graph(potential: Potential, atoms: Atoms, hidden: int | None = None) -> tuple[Tensor, Edges]:
    if potential.molecular:
        refuse_periodic(atoms, "structure")
    symbols = atoms.get_chemical_symbols()
    types = torch.from_numpy(types_of(symbols, potential.symbols, "structure"))
    if hidden is not None:
        types[hidden] = len(potential.species)
    positions, cell, pbc = (
        torch.from_numpy(np.array(a)) for a in (atoms.positions, atoms.cell.array, atoms.pbc)
    )
    found = neighbor_list(positions, cell, pbc, potential.cutoff)
    # The model's own edges: a hidden element has no shortest distance.
    vectors, one = found.vectors.to(potential.dtype), torch.zeros_like(types)
    return types, potential.model.edges(types, found.edge_index, vectors, len(types), one)
