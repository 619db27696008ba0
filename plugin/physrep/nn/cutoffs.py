"""Cutoff envelopes: functions of distance that carry a pair smoothly to zero at the cutoff."""

import math

import torch
from torch import Tensor


def polynomial_envelope(distances: Tensor, cutoff: float) -> Tensor:
    """1 - 10 x^3 + 15 x^4 - 6 x^5 with x = d / cutoff; 1 at d = 0, 0 beyond the cutoff.

    Value, first and second derivative vanish at the cutoff (C2), which makes forces and
    their derivatives continuous when a pair crosses it.

    Args:
        distances: (n_edges,) in A.
        cutoff: in A.

    Returns:
        (n_edges,) dimensionless.
    """
    x = torch.clamp(distances / cutoff, max=1.0)
    return 1.0 - x * x * x * (10.0 - x * (15.0 - 6.0 * x))


def cosine_envelope(distances: Tensor, cutoff: float) -> Tensor:
    """(1 + cos(pi d / cutoff)) / 2 (Behler and Parrinello, PRL 98, 146401); C1 only at the cutoff.

    Args and returns as in :func:`polynomial_envelope`.
    """
    x = torch.clamp(distances / cutoff, max=1.0)
    return 0.5 * (1.0 + torch.cos(math.pi * x))
