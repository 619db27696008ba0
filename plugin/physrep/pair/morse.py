"""The learned repulsion of NeuralIL: the repulsive part of a Morse potential per pair of elements.

Source: Montes-Campos et al., J. Chem. Inf. Model. 62 (2022) 88. Every element has its own a, b, d;
the combination rules give each atom of a pair its share of the distance, so that unlike pairs need
no parameters of their own.
"""

import torch
from torch import Tensor, nn

SMALLEST = 0.01  # of a (1/A), b (A) and d (eV): the wall never turns into a well


class MorseRepulsion(nn.Module):
    """E_ij = d_i exp(-2 a_i (2 r_i - b_i)) s(d_ij), in eV; a, b, d = 0.01 + roots^2.

        r_i = (a_j d_ij + ln(a_i d_i / (a_j d_j)) / 4 + (a_i b_i - a_j b_j) / 2) / (a_i + a_j)

    s carries the energy to zero between r_switch = r_c (1 + sigmoid(switch)) / 2 and the cutoff.
    It is finite at contact: the deeper an overlap, the sooner a ZBL wall would be the better one.
    """

    def __init__(self, n_types: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.smallest = SMALLEST  # TorchScript reads no global numbers
        self.roots = nn.Parameter(torch.rand(n_types, 3) + 0.5)
        self.switch = nn.Parameter(torch.zeros(()))

    def forward(self, distances: Tensor, center_types: Tensor, neighbor_types: Tensor) -> Tensor:
        """(n_edges,) distances in A and the types of both ends -> (n_edges,) in eV.

        The value belongs to the centre and differs from that of the edge back: half of each is
        the energy of the pair.
        """
        near = torch.nonzero(distances < self.cutoff).squeeze(-1)
        r = distances.index_select(0, near)
        positive = self.smallest + self.roots * self.roots
        a_i, b_i, d_i = positive.index_select(0, center_types.index_select(0, near)).unbind(1)
        a_j, b_j, d_j = positive.index_select(0, neighbor_types.index_select(0, near)).unbind(1)
        share = a_j * r + 0.25 * torch.log(a_i * d_i / (a_j * d_j)) + 0.5 * (a_i * b_i - a_j * b_j)
        share = share / (a_i + a_j)
        energies = d_i * torch.exp(-2.0 * a_i * (2.0 * share - b_i)) * self.bump(r)
        return torch.zeros_like(distances).index_add(0, near, energies)

    def bump(self, r: Tensor) -> Tensor:
        """1 up to r_switch, 0 at the cutoff, all derivatives continuous."""
        start = 0.5 * (1.0 + torch.sigmoid(self.switch)) * self.cutoff
        x = (r * r - start * start) / (self.cutoff * self.cutoff - start * start)
        upper, lower = _flat(x), _flat(1.0 - x)
        return lower / (upper + lower)


def _flat(x: Tensor) -> Tensor:
    """exp(-1/x) for x > 0, else 0."""
    inside = x > 1e-3  # exp(-1000) is 0 in every precision
    safe = torch.where(inside, x, torch.ones_like(x))
    return torch.where(inside, torch.exp(-1.0 / safe), torch.zeros_like(x))
