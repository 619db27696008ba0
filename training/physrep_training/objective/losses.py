"""Losses: pure functions (predicted, reference) -> one number, in the argument's unit."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from physrep_training.objective.loss_config import LossTerm


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


def of_term(term: LossTerm, predicted: Tensor, reference: Tensor) -> Tensor:
    """The loss that the settings name."""
    return evaluate_loss(term.kind, term.width, predicted, reference)


def evaluate_loss(kind: str, width: float, predicted: Tensor, reference: Tensor) -> Tensor:
    """The loss named ``kind``; ``width`` is the delta of huber or the scale of log_cosh."""
    if kind in ("huber", "log_cosh"):
        return {"huber": huber, "log_cosh": log_cosh}[kind](predicted, reference, width)
    return {"mse": mse, "mae": mae}[kind](predicted, reference)


def zero_force(forces: Tensor, structure: Tensor, at_rest: Tensor) -> Tensor:
    """Mean over the structures at rest of the sum of |F|^2, (eV/A)^2 (PhysRep, eq. 9).

    forces: (n_atoms, 3); structure: (n_atoms,) int64; at_rest: (n_structures,) bool.
    """
    squares = (forces * forces).sum(dim=1)
    sums = squares.new_zeros(len(at_rest)).index_add(0, structure, squares)
    return (sums * at_rest).sum() / at_rest.sum().clamp(min=1)


def bound(stable: Tensor, perturbed: Tensor, at_rest: Tensor) -> Tensor:
    """Mean over the structures at rest of max(0, E_stable - E_perturbed), eV (PhysRep, eq. 8).

    A perturbed structure below the stable one costs the difference; one above costs nothing. (The
    sign in the paper may be read in both ways; this one keeps stable structures stable.)
    stable, perturbed: (n_structures,); at_rest: (n_structures,) bool.
    """
    return (F.relu(stable - perturbed) * at_rest).sum() / at_rest.sum().clamp(min=1)


def denoise(missed: Tensor, structure: Tensor, at_rest: Tensor, width: float) -> Tensor:
    """Mean over the structures at rest of the sum over atoms of a rounded distance, A.

    w (sqrt(1 + (m / w)^2) - 1) of the distance m by which the springs of the predicted forces miss
    the stable place: the harmonic energy of near misses, linear far away.
    missed: (n_atoms, 3) A; structure: (n_atoms,) int64; at_rest: (n_structures,) bool; width: A.
    """
    squares = (missed * missed).sum(dim=1) / width**2
    distances = width * (torch.sqrt(1.0 + squares) - 1.0)
    sums = distances.new_zeros(len(at_rest)).index_add(0, structure, distances)
    return (sums * at_rest).sum() / at_rest.sum().clamp(min=1)


def masked_elements(logits: Tensor, atomic_numbers: Tensor) -> Tensor:
    """Mean cross-entropy (PhysRep, eq. 7); logits (n, 64), column k is the element k + 1."""
    return F.cross_entropy(logits, atomic_numbers - 1)
