"""What a network says of contacts nearer than any in its data counts for nothing."""

import torch
from torch import Tensor

from physrep.nn.scatter import sum_edges


def network_share(distances: Tensor, shortest: Tensor, centers: Tensor, n_centers: int) -> Tensor:
    """exp(-sum_j p_ij), p = 1000 (0.9 d_0 / d - 1)^3 where d < 0.9 d_0 and 0 beyond (C2 there).

    The network's energy of an atom is multiplied by it. The network is heard in full down to 0.9 of
    the shortest distance in the data, 14 % of it at 0.8 and nothing at 0.75: two atoms that are
    driven together meet the repulsion, and lose what bound them, instead of whatever the network
    extrapolates to.

    Args:
        distances: (n_edges,) A; shortest: (n_edges,) d_0 in A, 0 where nothing is known (p = 0).
    Returns:
        (n_centers,) in [0, 1].
    """
    x = torch.clamp(0.9 * shortest / distances - 1.0, min=0.0)
    return torch.exp(-sum_edges(1000.0 * x * x * x, centers, n_centers))
