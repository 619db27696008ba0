"""Continuing from a checkpoint with other labels: what is kept, what is fitted again."""

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

import numpy as np
import torch

from physrep.config import ConfigError
from physrep.io import Structure
from physrep.potential import Potential
from physrep.prediction import total_energies
from physrep_training.data.graphs import make_graph
from physrep_training.data.isolated_atoms import IsolatedAtoms, isolated_atom_energies
from physrep_training.data.moving_edges import geometry_of
from physrep_training.data.references import composition, rms_force
from physrep_training.fit.fit_config import TransferConfig


def apply_transfer(
    potential: Potential,
    config: TransferConfig,
    structures: Sequence[Structure],
    isolated_atoms: IsolatedAtoms | None,
) -> None:
    """Freeze parameters and align energies and scale with the new labels, as the settings say.

    Raises:
        ConfigError: a pattern that matches no parameter, nothing left to fit, no energies or
            forces to align with.
    """
    freeze(potential, config.freeze)
    if config.scale == "refit":
        labelled = [s for s in structures if s.forces is not None]
        if not labelled:
            raise ConfigError("transfer.scale = 'refit' needs forces, and the data has none")
        potential.scale.fill_(rms_force(labelled))
    if config.references == "refit":
        refit_references(potential, structures, isolated_atoms)


def freeze(potential: Potential, patterns: Sequence[str]) -> None:
    """Exclude parameters from the fit by name; ``model.layers.0.*`` and the like."""
    names = [name for name, _ in potential.named_parameters()]
    for pattern in patterns:
        matched = [name for name in names if fnmatchcase(name, pattern)]
        if not matched:
            near = get_close_matches(pattern, names, n=1) or names[:1]
            raise ConfigError(
                f"transfer.freeze: {pattern!r} matches no parameter; they are called {near[0]} and "
                "the like, and * stands for any characters"
            )
        for name in matched:
            potential.get_parameter(name).requires_grad_(False)
    if not any(p.requires_grad for p in potential.parameters()):
        raise ConfigError(f"transfer.freeze = {list(patterns)}: nothing is left to fit")


def refit_references(
    potential: Potential, structures: Sequence[Structure], isolated_atoms: IsolatedAtoms | None
) -> None:
    """Make the mean error of the energies zero before the first step.

    With isolated atoms at the new level E0 becomes their energies and the shift takes the rest;
    without, E0 takes it all. The rest is spread over the elements by least squares, of minimum
    norm where the compositions do not tell them apart.
    """
    species = potential.species
    labelled = [s for s in structures if s.energy is not None]
    if not labelled:
        raise ConfigError("transfer.references = 'refit' needs energies, and the data has none")
    target = potential.reference_energies
    if isolated_atoms is not None:
        known = isolated_atom_energies(isolated_atoms, species)
        potential.reference_energies.copy_(torch.from_numpy(known))
        target = potential.shift
    left = np.array([s.energy for s in labelled]) - energies_of(potential, labelled)
    change = np.linalg.lstsq(composition(labelled, species), left, rcond=None)[0]
    target += torch.from_numpy(change)


def energies_of(potential: Potential, structures: Sequence[Structure]) -> np.ndarray:
    """Energies of the structures as the potential has them now, (n,) eV."""
    energies = []
    with torch.no_grad():
        for structure in structures:
            graph = make_graph(structure, potential.species, potential.cutoff, potential.dtype)
            geometry = geometry_of(potential, graph)
            found = potential(graph.types, graph.edge_index, graph.vectors, None, geometry)
            one = torch.zeros_like(graph.types)
            energies.append(float(total_energies(found, one, 1)))
    return np.array(energies)
