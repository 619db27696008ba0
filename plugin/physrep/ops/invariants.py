"""Angular information without vectors between atoms: squared moments of the messages.

A layer that sums messages over distances alone cannot tell two arrangements with the same
distances apart. The moments A_lm = sum_j q_ij Y_lm(r_ij) can, and sum_m A_lm^2 is invariant under
rotation: a learned form of the power spectrum (Bartok et al., Phys. Rev. B 87, 184115, 2013), as
NeuralIL's descriptors are one with fixed functions.
"""

import torch
from torch import Tensor

from physrep.ops.operator import Operator


class Invariants(Operator):
    """q / sqrt(1 + q) with q = sum_m A_lm^2, for each channel and degree l.

    It is a square near zero and a length far from it, so that a large moment does not grow like a
    parabola (with q alone a fit at the same learning rate left its minimum).
    """

    def forward(self, moments: Tensor) -> Tensor:
        """(n, 3 or 8, channels) A, as :class:`physrep.ops.moments.Moments` has them -> (n, channels
        or 2 channels).
        """
        raise NotImplementedError


class PortableInvariants(Invariants, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, moments: Tensor) -> Tensor:
        squares = moments * moments
        power = squares[:, :3].sum(dim=1)
        if moments.size(1) > 3:
            power = torch.cat([power, squares[:, 3:].sum(dim=1)], dim=1)
        return power * torch.rsqrt(1.0 + power)


class FusedInvariants(Invariants, form="fused"):
    """With physrep::invariants."""

    def forward(self, moments: Tensor) -> Tensor:
        return torch.ops.physrep.invariants(moments)
