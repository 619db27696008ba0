"""The reciprocal lattice up to a length, and the length that a wanted accuracy needs."""

import math

import torch
from torch import Tensor

from physrep.units import COULOMB_CONSTANT

# What errors are estimated for: charges of 1 e at random places, one in each 10 A^3. Ionic liquids
# hold 0.1 atoms per A^3 with charges below 1 e, rock salt 0.045 ions per A^3 with 1 e.
NOMINAL_DENSITY = 0.1  # e^2/A^3, sum of q^2 by volume


def truncation_error(smearing: float, k_max: float) -> float:
    """Root mean square error in eV/A of the force on a charge of 1 e, |k| <= k_max (1/A) alone
    being summed.

        dF = k_C q sqrt(sum_j q_j^2 / V) sqrt(4 sqrt(pi) erfc(sigma k_max) / sigma)

    It follows from the variance of the omitted terms for charges at random places, as in J. Kolafa
    and J. W. Perram, Mol. Simul. 9 (1992) 351, with the sum over k replaced by an integral.
    """
    tail = math.erfc(smearing * k_max)
    return COULOMB_CONSTANT * math.sqrt(
        NOMINAL_DENSITY * 4.0 * math.sqrt(math.pi) * tail / smearing
    )


def longest_wave_vector(smearing: float, accuracy: float) -> float:
    """The smallest k_max in 1/A with an error of at most ``accuracy`` (eV/A)."""
    low, high = 0.0, 25.0 / smearing  # erfc(25) is below 1e-270
    for _ in range(60):
        middle = 0.5 * (low + high)
        if truncation_error(smearing, middle) > accuracy:
            low = middle
        else:
            high = middle
    return high


def reciprocal_of(cell: Tensor) -> tuple[Tensor, Tensor]:
    """B, whose rows b_a have a_a . b_b = 1 where a = b and 0 elsewhere, (3, 3) in 1/A, and the
    volume in A^3; both differentiable by the cell, (3, 3) in A, rows a.

    Raises:
        ValueError: the rows do not span a volume.
    """
    faces = torch.linalg.cross(torch.roll(cell, -1, 0), torch.roll(cell, -2, 0))
    volume = (cell[0] * faces[0]).sum()
    lengths = torch.sqrt((cell.detach() * cell.detach()).sum(dim=1))
    if not bool(volume.detach().abs() > 1e-6 * lengths.prod()):
        raise ValueError(
            "the cell is flat or not finite (volume {} A^3); give three lattice vectors "
            "that span a volume, or set pbc to False where there is no period".format(volume.item())
        )
    return faces / volume, volume.abs()


def half_sphere(cell: Tensor, reciprocal: Tensor, k_max: float) -> Tensor:
    """Index triples n of the vectors k = 2 pi n B, 0 < |k| <= k_max, one of each pair k and -k.

    Args:
        cell: (3, 3) in A, rows; reciprocal: (3, 3) B in 1/A; k_max: in 1/A.

    Returns:
        (n_k, 3) int64, sorted by first, second, third; the first index that is not 0 is positive.
    """
    lengths: list[float] = torch.sqrt((cell.detach() * cell.detach()).sum(dim=1)).tolist()
    limits = [int(k_max * length / (2.0 * math.pi)) for length in lengths]
    rows, columns = 2 * limits[1] + 1, 2 * limits[2] + 1
    # All triples in lexical order: the second half of the whole box begins after (0, 0, 0).
    origin = limits[1] * columns + limits[2]
    flat = torch.arange(origin + 1, (limits[0] + 1) * rows * columns, device=cell.device)
    plane = torch.div(flat, columns, rounding_mode="floor")
    first = torch.div(plane, rows, rounding_mode="floor")
    second, third = plane - (first * rows + limits[1]), flat - (plane * columns + limits[2])
    triples = torch.stack([first, second, third], dim=1)
    inside = squares_of(wave_vectors(triples, reciprocal.detach())) <= k_max * k_max
    return triples.index_select(0, torch.nonzero(inside).squeeze(-1))


def wave_vectors(indices: Tensor, reciprocal: Tensor) -> Tensor:
    """k = 2 pi n B in 1/A, (n_k, 3), of indices (n_k, 3) and B (3, 3) in 1/A."""
    return indices.to(reciprocal.dtype) @ (2.0 * math.pi * reciprocal)


def squares_of(vectors: Tensor) -> Tensor:
    """(n, 3) -> (n,); a third of the time of a sum over rows."""
    return (vectors * vectors) @ torch.ones_like(vectors[0])
