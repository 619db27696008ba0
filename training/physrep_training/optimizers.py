"""Optimizers that torch does not have in one piece."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Adam, AdamW, Muon, Optimizer

from physrep_training.config import OptimizerConfig

BETAS = (0.9, 0.99)  # a short memory of the squared gradients suits small batches
SMALLEST_MATRIX = 8  # thinner parameters have nothing to orthogonalise


class MuonAdamW(Optimizer):
    """torch's Muon on the matrices and AdamW on everything else, as one optimizer.

    The parameter groups are the parts' own, so that a schedule reaches both.
    """

    def __init__(self, model: nn.Module, settings: OptimizerConfig) -> None:
        matrices = {name for name, p in model.named_parameters() if _is_matrix(name, p)}
        named = list(model.named_parameters())
        self.parts = [
            Muon(
                [p for name, p in named if name in matrices],
                lr=settings.lr * settings.matrix_lr_factor,
                weight_decay=settings.weight_decay,
            ),
            AdamW(
                [p for name, p in named if name not in matrices],
                lr=settings.lr,
                weight_decay=0.0,
                betas=BETAS,
            ),
        ]
        super().__init__([p for _, p in named], {})
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Any = None) -> Any:
        """One step of both parts; ``closure`` evaluates the loss and its gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """States of both parts."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def _is_matrix(name: str, parameter: nn.Parameter) -> bool:
    return (
        parameter.ndim == 2
        and min(parameter.shape) >= SMALLEST_MATRIX
        and "embedding" not in name
    )


def make_optimizer(model: nn.Module, settings: OptimizerConfig) -> Optimizer:
    """The optimizer named in the settings over all parameters of ``model``."""
    if settings.kind == "muon":
        return MuonAdamW(model, settings)
    parameters: Iterable[nn.Parameter] = model.parameters()
    kind = {"adam": Adam, "adamw": AdamW}[settings.kind]
    return kind(parameters, lr=settings.lr, weight_decay=settings.weight_decay, betas=BETAS)
