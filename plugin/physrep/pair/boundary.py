"""The cell in which a sum over k is taken, and the Coulomb kernel there, by periodic directions.

In three periodic directions it is the cell itself. In two or none, it is a larger one in which the
interaction is cut off so that no pair of atoms sees an image: exact, and no vacuum converges slowly
(C. A. Rozzi et al., Phys. Rev. B 73 (2006) 205119; two directions: S. Ismail-Beigi, ibid. 233103).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from physrep.pair.reciprocal_lattice import reciprocal_of, squares_of, wave_vectors


class SumCell(NamedTuple):
    """Where a sum over k is taken; differentiable by the cell of the structure.

    cell: (3, 3) in A, rows; in two periodic directions the third row is normal to the others.
    reciprocal: (3, 3) B in 1/A, the transpose of its inverse. volume: in A^3, a scalar.
    periods: 3, 2 or 0 periodic directions. reach: R in A, a scalar: the interaction is cut off at
    this distance along the normal (2) or in space (0).
    """

    cell: Tensor
    reciprocal: Tensor
    volume: Tensor
    periods: int
    reach: Tensor


def sum_cell(cell: Tensor, pbc: Tensor, margin: float) -> SumCell:
    """Of a structure that is periodic in three or two directions.

    Args:
        cell: (3, 3) in A; pbc: (3,) bool; in two directions the atoms lie within the height of the
            cell along the normal of these two.
        margin: in A, between that height and R: how far the smearing blurs the cut.

    Raises:
        ValueError: a cell without volume, or periodic in one direction.
    """
    reciprocal, volume = reciprocal_of(cell)
    if bool(pbc.all()):
        return SumCell(cell, reciprocal, volume, 3, volume)
    if int(pbc.sum()) != 2:
        raise ValueError(
            "electrostatics: pbc = {} {} {}: charges with a period in one direction alone are not "
            "supported; set pbc to True True True, with vacuum around the chain".format(
                bool(pbc[0]), bool(pbc[1]), bool(pbc[2])
            )
        )
    free = free_axis(pbc)
    height = 1.0 / torch.sqrt((reciprocal[free] * reciprocal[free]).sum())
    reach = height + margin
    normal = reciprocal[free] * height
    rows = [cell[(free + 1) % 3], cell[(free + 2) % 3], 2.0 * reach * normal]
    larger = torch.stack(rows)
    reciprocal, volume = reciprocal_of(larger)
    return SumCell(larger, reciprocal, volume, 2, reach)


def free_axis(pbc: Tensor) -> int:
    """The first direction without period."""
    return int(torch.argmin(pbc.to(torch.int64)))


def sphere_cell(positions: Tensor, margin: float, step: float) -> SumCell:
    """Of isolated atoms at ``positions`` (n_atoms, 3): the cut-off sphere reaches over all.

    It grows in steps of ``step`` (A), so that it stays the same in most steps of a run.
    """
    x = positions.detach()
    low, high = x.amin(dim=0), x.amax(dim=0)
    from_middle = x - 0.5 * (low + high)
    diameter = 2.0 * torch.sqrt((from_middle * from_middle).sum(dim=1).max())
    reach = torch.ceil((diameter + margin) / step) * step
    extents = torch.ceil((high - low) / step) * step
    cell = torch.diag(extents + reach + margin)
    reciprocal, volume = reciprocal_of(cell)
    return SumCell(cell, reciprocal, volume, 0, reach)


def coulomb_kernel(indices: Tensor, box: SumCell, smearing: float) -> Tensor:
    """The Fourier transform of erf(r / (sqrt(2) sigma)) / r at k = 2 pi n B, (n_k,) in A^2.

    Args:
        indices: (n_k, 3) int64 n, without (0, 0, 0); smearing: sigma in A.
    """
    k2 = squares_of(wave_vectors(indices, box.reciprocal))
    kernel = (4.0 * math.pi) * torch.exp(-0.5 * smearing * smearing * k2) / k2
    if box.periods == 2:
        along = indices[:, 2].to(k2.dtype) * (math.pi / box.reach)
        upright = (indices[:, :2] == 0).all(dim=1)
        square = k2 - along * along
        length = torch.sqrt(torch.where(upright, torch.ones_like(square), square))
        decay = torch.where(upright, torch.ones_like(square), torch.exp(-length * box.reach))
        sign = 1.0 - 2.0 * torch.remainder(indices[:, 2], 2).to(decay.dtype)
        return kernel * (1.0 - sign * decay)
    if box.periods == 0:
        return kernel * (1.0 - torch.cos(torch.sqrt(k2) * box.reach))
    return kernel


def uniform_kernel(box: SumCell, smearing: float) -> Tensor:
    """The same at k = 0, a scalar in A^2.

    With three periods, that of the background that neutralises a net charge: point-like, while the
    charges are smeared.
    """
    if box.periods == 2:
        return -2.0 * math.pi * box.reach * box.reach
    if box.periods == 0:
        return 2.0 * math.pi * box.reach * box.reach
    return box.cell.new_full((), -2.0 * math.pi * smearing * smearing)
