"""Perceptrons that read one atom's features out into one number."""

from torch import Tensor, nn

from physrep.nn.activations import swish
from physrep.ops.norm_swish import PortableNormSwish

LAYER_NORM_EPS = 1e-6  # flax's default, with which the published parameters were trained


class Readout(nn.Module):
    """Dense, LayerNorm, swish for every hidden width, then one Dense to a scalar.

    The published JAT (thesis, sec. 3.4) has no biases and a swish on the scalar: ``published``.
    """

    def __init__(self, n_in: int, hidden: list[int], published: bool) -> None:
        super().__init__()
        widths = [n_in, *hidden]
        bias = not published
        self.published = published
        self.dense = nn.ModuleList(
            [nn.Linear(a, b, bias=bias) for a, b in zip(widths, hidden, strict=False)]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(b, eps=LAYER_NORM_EPS) for b in hidden])
        self.norm_swish = PortableNormSwish(LAYER_NORM_EPS)
        self.last = nn.Linear(widths[-1], 1, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        """(n_atoms, n_in) -> (n_atoms,)."""
        for dense, norm in zip(self.dense, self.norms):  # noqa: B905 (TorchScript has no strict=)
            features = self.norm_swish(dense(features), norm.weight, norm.bias)
        scalar = self.last(features).squeeze(-1)
        return swish(scalar) if self.published else scalar
