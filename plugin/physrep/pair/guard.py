"""Contacts nearer than the training data support, where a network only extrapolates.

Two measures, both without effect down to 0.9 d_0. d_0 of two elements is a shortest distance that
the data support: the shortest in them, or less where they are few or hold no bond of the two
(physrep_training.data.guard_limits). The network is shown no distance below 0.8 d_0, so that no
atom's features leave the reach of the data; and what it says of the two atoms themselves fades to
nothing. What remains is the repulsion, and the loss of what bound the atoms.
"""

import torch
from torch import Tensor

from physrep.nn.radial import edge_lengths
from physrep.nn.scatter import sum_edges

START = 0.9  # of d_0; TorchScript's functions below repeat it, since they read no global number


def acts_on(vectors: Tensor, shortest: Tensor) -> bool:
    """Whether any edge is shorter than 0.9 d_0; arguments as those of :func:`shown_vectors`."""
    return bool((edge_lengths(vectors.detach()) < 0.9 * shortest).any())


def shown_vectors(vectors: Tensor, shortest: Tensor) -> Tensor:
    """Edge vectors lengthened to d~ = L (1 - 0.11 tanh(u / 0.11)), u = 1 - d / L, where d < L = 0.9
    d_0; d~ and its first two derivatives are those of d at L, and d~ never falls below 0.8 d_0.

    Args:
        vectors: (n_edges, 3) A; shortest: (n_edges,) d_0 in A, 0 where nothing is known.
    """
    distances = edge_lengths(vectors)
    limits = 0.9 * shortest
    near = distances < limits
    reach = torch.where(near, limits, torch.ones_like(limits))
    depth = 1.0 - torch.where(near, distances, reach) / reach
    shown = reach * (1.0 - 0.11 * torch.tanh(depth / 0.11))
    stretch = torch.where(near, shown / distances, torch.ones_like(distances))
    return vectors * stretch.unsqueeze(-1)


def network_share(separations: Tensor, shortest: Tensor, centers: Tensor, n_centers: int) -> Tensor:
    """exp(-sum_j p_ij), p = 1000 (0.9 d_0 / d - 1)^3 where d < 0.9 d_0 and 0 beyond (C2 there).

    The network's energy of an atom is multiplied by it: 14 % are left at 0.8 d_0, nothing at 0.75.

    Args:
        separations: (n_edges,) A; shortest: (n_edges,) d_0 in A, 0 where nothing is known (p = 0).

    Returns:
        (n_centers,) in [0, 1].
    """
    x = torch.clamp(0.9 * shortest / separations - 1.0, min=0.0)
    return torch.exp(-sum_edges(1000.0 * x * x * x, centers, n_centers))
