"""Softmax over the neighbours of each atom, the atom itself among them."""

import torch
from torch import Tensor

from physrep.nn.scatter import max_edges, sum_edges


def neighbor_softmax(
    logits: Tensor, self_logits: Tensor, centers: Tensor, envelope: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Attention of each centre over its neighbours and itself, summing to one.

    The atom itself has weight 1 before the exponential, so the denominator never vanishes.

    Args:
        logits: (n_edges, heads); self_logits: (n_centers, heads); centers: (n_edges,).
        envelope: (n_edges,) multiplies the exponentials, so that a pair enters and leaves without
            a jump; None for a hard cutoff.

    Returns:
        weights of the edges (n_edges, heads) and of the atoms themselves (n_centers, heads).
    """
    largest = max_edges(logits.detach(), centers, self_logits.detach())
    exponentials = torch.exp(logits - largest.index_select(0, centers))
    if envelope is not None:
        exponentials = exponentials * envelope.unsqueeze(-1)
    self_exponentials = torch.exp(self_logits - largest)
    total = self_exponentials + sum_edges(exponentials, centers, self_logits.size(0))
    return exponentials / total.index_select(0, centers), self_exponentials / total
