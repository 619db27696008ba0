"""Which atoms are bonded, as a smooth function of their distance."""

import torch
from torch import Tensor, nn

from physrep.covalent import NEVER_BONDED_FACTOR, SURELY_BONDED_FACTOR, radii_of


class CovalentAdjacency(nn.Module):
    """1 for bonded pairs, 0 for others, C2 in between: no list that MD could outlive."""

    radii: Tensor

    def __init__(self, species: list[int], masking: bool) -> None:
        """masking: one more type, of hidden elements, which has the mean radius."""
        super().__init__()
        radii = torch.tensor(radii_of(species).tolist())
        if masking:
            radii = torch.cat([radii, radii.mean().unsqueeze(0)])
        self.register_buffer("radii", radii)
        self.start = SURELY_BONDED_FACTOR
        self.span = NEVER_BONDED_FACTOR - SURELY_BONDED_FACTOR

    def forward(self, distances: Tensor, centers: Tensor, neighbors: Tensor) -> Tensor:
        """(n_edges,) distances in A and types of both ends -> (n_edges,) in [0, 1]."""
        reach = self.radii.index_select(0, centers) + self.radii.index_select(0, neighbors)
        x = torch.clamp((distances / reach - self.start) / self.span, min=0.0, max=1.0)
        return 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x))
