"""Losses: pure functions (predicted, reference) -> one number, in the argument's unit."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def mse(predicted: Tensor, reference: Tensor) -> Tensor:
    """Mean of the squared differences (units squared)."""
    return F.mse_loss(predicted, reference)


def mae(predicted: Tensor, reference: Tensor) -> Tensor:
    """Mean of the absolute differences."""
    return F.l1_loss(predicted, reference)


def huber(predicted: Tensor, reference: Tensor, delta: float) -> Tensor:
    """Huber's loss divided by delta: absolute differences, rounded within ``delta`` of zero."""
    return F.huber_loss(predicted, reference, delta=delta) / delta


def log_cosh(predicted: Tensor, reference: Tensor, scale: float) -> Tensor:
    """scale * mean(log cosh(difference / scale)), the thesis' loss (sec. 4.2; scale 0.1 eV/A).

    log cosh x = |x| + softplus(-2 |x|) - log 2, which does not overflow.
    """
    x = torch.abs(predicted - reference) / scale
    return scale * (x + F.softplus(-2.0 * x) - math.log(2.0)).mean()


def evaluate_loss(kind: str, width: float, predicted: Tensor, reference: Tensor) -> Tensor:
    """The loss named ``kind``; ``width`` is the delta of huber or the scale of log_cosh."""
    if kind in ("huber", "log_cosh"):
        return {"huber": huber, "log_cosh": log_cosh}[kind](predicted, reference, width)
    return {"mse": mse, "mae": mae}[kind](predicted, reference)
