"""The end of a layer: what an atom was, plus what its neighbours sent, normalised."""

import torch
import torch.nn.functional as F
from torch import Tensor

from physrep.nn.activations import swish
from physrep.ops.operator import Operator


class SkipNorm(Operator):
    """LayerNorm(h_i + swish(m_i)), by head; without weight and bias only h_i + swish(m_i)."""

    def __init__(self, heads: int, eps: float) -> None:
        """heads: blocks of columns that are normalised separately. eps: of the LayerNorm."""
        super().__init__()
        self.heads = heads
        self.eps = eps

    def forward(
        self, message: Tensor, h: Tensor, weight: Tensor | None, bias: Tensor | None
    ) -> Tensor:
        """message, h: (n_atoms, width) m and h; weight, bias: (width / heads,) of the LayerNorm,
        which the heads share.
        """
        raise NotImplementedError


class PortableSkipNorm(SkipNorm, form="portable"):
    """With PyTorch's own operators."""

    def forward(
        self, message: Tensor, h: Tensor, weight: Tensor | None, bias: Tensor | None
    ) -> Tensor:
        new = swish(message) + h
        if weight is None:
            return new
        if self.heads == 1:
            return F.layer_norm(new, [weight.size(0)], weight, bias, self.eps)
        by_head = new.view(-1, self.heads, weight.size(0))
        return F.layer_norm(by_head, [weight.size(0)], weight, bias, self.eps).flatten(1)


class FusedSkipNorm(SkipNorm, form="fused"):
    """With physrep::skip_norm, to which every head is a row of its own."""

    def forward(
        self, message: Tensor, h: Tensor, weight: Tensor | None, bias: Tensor | None
    ) -> Tensor:
        if self.heads == 1:
            return torch.ops.physrep.skip_norm(message, h, weight, bias, self.eps)
        features = message.size(1) // self.heads
        rows = message.reshape(-1, features), h.reshape(-1, features)
        return torch.ops.physrep.skip_norm(rows[0], rows[1], weight, bias, self.eps).view_as(h)
