"""Radial functions of NeuralIL: orthonormal pairs of spherical Bessel functions.

Source: Kocer, Mason, Erturk, AIP Advances 10 (2020) 015021 (doi 10.1063/1.5111045). Each function
is a difference of two j_l that both vanish at the cutoff, made so that the slope vanishes too; by
Bessel's equation the curvature then vanishes as well, and the functions need no envelope.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from scipy.linalg import block_diag
from scipy.optimize import brentq
from scipy.special import spherical_jn
from torch import Tensor, nn


def spherical_bessel_roots(l: int, n: int) -> np.ndarray:
    """The first ``n`` positive roots of j_l; they interlace with those of j_{l-1}."""
    brackets = np.pi * np.arange(1, n + l + 1)
    for order in range(1, l + 1):
        roots = [
            brentq(lambda x, k=order: spherical_jn(k, x), *p, xtol=1e-15)
            for p in pairwise(brackets)
        ]
        brackets = np.array(roots)
    return brackets[:n]


def mixing_matrix(l: int, n_functions: int, cutoff: float) -> np.ndarray:
    """(n_functions + 1, n_functions): columns make g_nl of j_l(u_n r / r_c)."""
    u = spherical_bessel_roots(l, n_functions + 2)
    plain = np.zeros((n_functions + 1, n_functions))
    for n in range(n_functions):
        c = math.sqrt(2.0 / (u[n] ** 2 + u[n + 1] ** 2)) / cutoff**1.5
        plain[n, n] = c * u[n + 1] / spherical_jn(l + 1, u[n])
        plain[n + 1, n] = -c * u[n] / spherical_jn(l + 1, u[n + 1])
    made = plain.copy()
    d = 1.0
    for n in range(1, n_functions):
        squares = u[n - 1] ** 2, u[n] ** 2, u[n + 1] ** 2
        e = squares[0] * squares[2] / ((squares[0] + squares[1]) * (squares[1] + squares[2]))
        before, d = d, 1.0 - e / d
        made[:, n] = (plain[:, n] + math.sqrt(e / before) * made[:, n - 1]) / math.sqrt(d)
    return made


class SphericalBesselBasis(nn.Module):
    """g_nl(r) for l = 0..n_max and n = 0..n_max - l, l-major; zero beyond the cutoff."""

    roots: Tensor
    mixing: Tensor

    def __init__(self, n_max: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.n_max = n_max
        degrees = range(n_max + 1)
        roots = [spherical_bessel_roots(l, n_max - l + 2) / cutoff for l in degrees]
        mixing = block_diag(*[mixing_matrix(l, n_max - l + 1, cutoff) for l in degrees])
        # The exact values are kept too: a root that was rounded to float32 is no root in float64,
        # and the functions would jump at the cutoff.
        self._exact = {"roots": np.concatenate(roots), "mixing": mixing}
        for name, values in self._exact.items():
            made = torch.tensor(values, dtype=torch.get_default_dtype())
            self.register_buffer(name, made, persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Round the constants once, from the exact values, whatever moves or casts the module."""
        super()._apply(fn, recurse)
        for name, values in self._exact.items():
            getattr(self, name).copy_(torch.from_numpy(values))
        return self

    def forward(self, distances: Tensor) -> Tensor:
        """(n_edges,) distances in A -> (n_edges, (n_max + 1) (n_max + 2) / 2) in A^-1.5."""
        return radial_functions(distances, self.roots, self.mixing, self.n_max, self.cutoff)


def radial_functions(
    distances: Tensor, roots: Tensor, mixing: Tensor, n_max: int, cutoff: float
) -> Tensor:
    """g_nl of :class:`SphericalBesselBasis`, whose constants ``roots`` and ``mixing`` are.

    Args:
        distances: (n_edges,) in A; cutoff: A.

    Returns:
        (n_edges, (n_max + 1) (n_max + 2) / 2) in A^-1.5.
    """
    within = (distances < cutoff).unsqueeze(-1)
    return (spherical_bessel(distances, roots, n_max) @ mixing) * within


def spherical_bessel(distances: Tensor, roots: Tensor, n_max: int) -> Tensor:
    """j_l at each root of j_l, l = 0..n_max, (n_edges, n_roots), by recursion upwards in l.

    The recursion loses digits where x << l, below 0.4 A in single precision.
    """
    x = distances.unsqueeze(-1) * roots
    lower = torch.sin(x) / x
    current = (lower - torch.cos(x)) / x
    values = [lower[:, : n_max + 2]]
    for l in range(1, n_max + 1):
        done = n_max - l + 3  # columns of the degree before: no higher order is needed
        x, lower, current = x[:, done:], lower[:, done:], current[:, done:]
        values.append(current[:, : n_max - l + 2])
        lower, current = current, (2.0 * l + 1.0) * current / x - lower
    return torch.cat(values, dim=1)
