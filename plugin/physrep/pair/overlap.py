"""Atoms that overlap: distances at which an energy is still a number.

Minimisers and Monte Carlo moves try positions no run ever reaches, two atoms at one point among
them. The potential must have a finite energy and finite forces there, and there is none in 1/d.
"""

import torch
from torch import Tensor

from physrep.nn.radial import edge_lengths

OVERLAP = 0.05  # A; no frame of any run holds atoms that near


def overlaps(vectors: Tensor, limit: float = OVERLAP) -> bool:
    """Whether any of the edges (n_edges, 3) is shorter than ``limit`` (A)."""
    return bool((edge_lengths(vectors.detach()) < limit).any())


def kept_apart(
    vectors: Tensor, centers: Tensor, neighbors: Tensor, limit: float = OVERLAP
) -> Tensor:
    """Edge vectors whose length is d where d >= L, and L (1 + t - t^2 + t^3) / 2 with t = d / L
    below, which rises from L / 2 and joins with its slope.

    A pair that coincides is moved apart along x, each atom to its own side, so that the repulsion
    separates it.

    Args:
        vectors: (n_edges, 3) A; centers, neighbors: (n_edges,); limit: L in A.
    """
    smallest = 1e-3 * limit
    lengths = edge_lengths(vectors.detach())
    sides = torch.where(neighbors > centers, smallest, -smallest).to(vectors.dtype)
    along_x = torch.zeros_like(vectors)
    along_x[:, 0] = torch.where(lengths < 0.5 * smallest, sides, torch.zeros_like(sides))
    vectors = vectors + along_x
    t = edge_lengths(vectors) / limit
    longer = 0.5 * (1.0 / t + 1.0 - t + t * t)
    stretch = torch.where(t < 1.0, longer, torch.ones_like(t))
    return vectors * stretch.unsqueeze(-1)
