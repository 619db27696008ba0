"""Real spherical harmonics of any degree, as polynomials of the unit vector."""

import math

import torch
from torch import Tensor


def real_harmonics(unit: Tensor, degree: int) -> list[Tensor]:
    """Real spherical harmonics of degrees 0 to ``degree``, scaled so that for each l the squares
    sum to 1 (Racah's normalisation: the addition theorem is sum_m Y_lm(a) Y_lm(b) = P_l(a . b)).

    Y_lm is N_lm Q_lm(z) times the real or imaginary part of (x + i y)^m; Q_lm, the associated
    Legendre function without its factor of sin^m, follows from the recursions in l.

    Args:
        unit: (n_edges, 3) unit vectors.

    Returns:
        one (n_edges, 2 l + 1) for each l.
    """
    x, y, z = unit[:, 0], unit[:, 1], unit[:, 2]
    cosines, sines = [torch.ones_like(x)], [torch.zeros_like(x)]
    for m in range(degree):
        cosines.append(x * cosines[m] - y * sines[m])
        sines.append(x * sines[m] + y * cosines[m])
    columns: list[list[Tensor]] = [[legendre] for legendre in _legendre(z, degree, 0)]
    for m in range(1, degree + 1):
        for k, legendre in enumerate(_legendre(z, degree, m)):
            scaled = _norm(m + k, m) * legendre
            columns[m + k].append(scaled * cosines[m])
            columns[m + k].append(scaled * sines[m])
    return [torch.stack(column, dim=1) for column in columns]


def _legendre(z: Tensor, degree: int, m: int) -> list[Tensor]:
    """Q_lm(z) for l = m..degree, without the Condon-Shortley sign."""
    start = 1.0
    for k in range(m):
        start *= 2.0 * k + 1.0
    values = [torch.full_like(z, start)]
    if degree > m:
        values.append((2.0 * m + 1.0) * z * values[0])
    for l in range(m + 2, degree + 1):
        upper = (2.0 * l - 1.0) * z * values[-1] - (l + m - 1.0) * values[-2]
        values.append(upper / float(l - m))
    return values


def _norm(l: int, m: int) -> float:
    """sqrt(2 (l - m)! / (l + m)!) for m > 0."""
    product = 2.0
    for k in range(l - m + 1, l + m + 1):
        product /= float(k)
    return math.sqrt(product)
