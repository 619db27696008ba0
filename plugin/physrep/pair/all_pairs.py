"""Isolated structures: every pair of atoms, and the smeared 1/r between them."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


def smeared_inverse(squares: Tensor, smearing: float) -> Tensor:
    """erf(r / (sqrt(2) sigma)) / r in 1/A from r^2 in A^2; smooth at r = 0."""
    y = squares / (2.0 * smearing * smearing)
    scale = 1.0 / (math.sqrt(2.0) * smearing)
    near = y < 0.01
    if not bool(near.any()):  # as in nearly all frames
        x = torch.sqrt(y)
        return torch.erf(x) / x * scale
    # erf(x) / x = 2 / sqrt(pi) sum_n (-y)^n / (n! (2 n + 1)), y = x^2: below 1e-16 from n = 6 on
    series = 1.0 - y * (1 / 3 - y * (1 / 10 - y * (1 / 42 - y * (1 / 216 - y / 1320))))
    x = torch.sqrt(torch.where(near, torch.ones_like(y), y))
    return torch.where(near, series * (2.0 / math.sqrt(math.pi)), torch.erf(x) / x) * scale


def smeared_inverse_slope(squares: Tensor, smearing: float) -> Tensor:
    """d/d(r^2) of :func:`smeared_inverse`, in 1/A^3; smooth at r = 0."""
    y = squares / (2.0 * smearing * smearing)
    scale = 0.5 / (math.sqrt(2.0) * smearing**3)
    # sum_n -(-y)^n / (n! (2 n + 3)) 2 / sqrt(pi): below 1e-16 from n = 6 on where it is taken
    series = 1 / 3 - y * (1 / 5 - y * (1 / 14 - y * (1 / 54 - y * (1 / 264 - y / 1560))))
    near = y < 0.01
    safe = torch.where(near, torch.ones_like(y), y)
    x = torch.sqrt(safe)
    apart = torch.exp(-safe) / math.sqrt(math.pi) - 0.5 * torch.erf(x) / x
    return torch.where(near, series * (-2.0 / math.sqrt(math.pi)), apart / safe) * scale


def pairs_within(counts: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs i < j of atoms that belong to the same group.

    Args:
        counts: (n_groups,) int64; the atoms of a group follow one another.

    Returns:
        i and j, (n_pairs,) int64.
    """
    ends = torch.repeat_interleave(torch.cumsum(counts, 0), counts)  # of each atom's group
    atoms = torch.arange(ends.size(0), device=counts.device)
    later = ends - atoms - 1  # partners of each atom
    i = torch.repeat_interleave(atoms, later)
    within = torch.arange(i.size(0), device=i.device)
    starts = torch.cumsum(later, 0) - later
    return i, i + 1 + within - starts.index_select(0, i)


class Pairs(NamedTuple):
    """Pairs i < j of atoms, (n_pairs,) int64, and their squared distances, (n_pairs,) in A^2."""

    i: Tensor
    j: Tensor
    squares: Tensor


def pairs_of(positions: Tensor, group: Tensor, n_groups: int) -> Pairs:
    """All pairs within each group.

    Args:
        positions: (n_atoms, 3) in A; group: (n_atoms,) int64, ascending.
    """
    i, j = pairs_within(torch.bincount(group, minlength=n_groups))
    squares = torch.zeros_like(i, dtype=positions.dtype)
    for along in positions.t().contiguous().unbind(dim=0):  # half the time of rows of three
        apart = along.index_select(0, j) - along.index_select(0, i)
        squares = squares + apart * apart
    return Pairs(i, j, squares)


def sum_of_pairs(
    pairs: Pairs, values: Tensor, weights: Tensor, group: Tensor, n_groups: int
) -> Tensor:
    """sum_{i < j} w_i w_j f_ij of each group, (n_groups,).

    Args:
        values: (n_pairs,) f; weights: (n_atoms,); group: (n_atoms,) int64.
    """
    ends = weights.index_select(0, pairs.i) * weights.index_select(0, pairs.j)
    found = weights.new_zeros(n_groups)
    return found.index_add(0, group.index_select(0, pairs.i), ends * values)
