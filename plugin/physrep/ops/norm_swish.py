"""The hidden rows of a readout: normalised, then activated."""

import torch
import torch.nn.functional as F
from torch import Tensor

from physrep.nn.activations import swish
from physrep.ops.operator import Operator


class NormSwish(Operator):
    """swish(LayerNorm(x))."""

    def __init__(self, eps: float) -> None:
        """eps: of the LayerNorm."""
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """x: (n_atoms, width); weight, bias: (width,) of the LayerNorm."""
        raise NotImplementedError


class PortableNormSwish(NormSwish, form="portable"):
    """With PyTorch's own operators."""

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return swish(F.layer_norm(x, [weight.size(0)], weight, bias, self.eps))


class FusedNormSwish(NormSwish, form="fused"):
    """With physrep::norm_swish."""

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.ops.physrep.norm_swish(x, weight, bias, self.eps)
