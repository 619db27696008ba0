"""Structure factors of charges on a mesh, and the spacing that a wanted accuracy needs.

R. W. Hockney and J. W. Eastwood, Computer Simulation Using Particles (1988), ch. 8; U. Essmann et
al., J. Chem. Phys. 103 (1995) 8577 for B-splines and forces that are the slope of the energy.
"""

import math

import numpy as np
import torch
from torch import Tensor

from physrep.pair.reciprocal_lattice import NOMINAL_DENSITY
from physrep.units import COULOMB_CONSTANT

ALIASES = 3  # copies of the first zone on each side that are summed; the next are 1e-5 of these


def mesh_sizes(cell: Tensor, spacing: float, smallest: int) -> list[int]:
    """Points along each lattice vector: at most ``spacing`` (A) apart, at least ``smallest``, and
    products of 2, 3 and 5, which Fourier transforms are fast for.
    """
    lengths = torch.sqrt((cell.detach() * cell.detach()).sum(dim=1))
    sizes: list[int] = []
    for length in lengths:
        size = max(math.ceil(float(length) / spacing), smallest)
        while not is_smooth(size):
            size += 1
        sizes.append(size)
    return sizes


def is_smooth(size: int) -> bool:
    """Whether ``size`` has no prime factor but 2, 3 and 5."""
    rest = size
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest = rest // factor
    return rest == 1


def spline_factors(size: int, order: int, device: torch.device) -> Tensor:
    """W / sum_m W^2 of n = 0 .. size / 2, with W(n) = (sin(pi s) / (pi s))^order, s = n / size.

    It turns the Fourier components of spread charges into structure factors, such that the energy
    has the least error (V. Ballenegger, J. J. Cerda, C. Holm, J. Chem. Theory Comput. 8 (2012)
    936, eq. 28, where G(k) is negligible beyond the first zone).
    """
    s = torch.arange(size // 2 + 1, dtype=torch.float64, device=device) / size
    squares = torch.zeros_like(s)
    for m in range(-3, 4):
        squares = squares + torch.pow(torch.special.sinc(s + m), 2 * order)
    return torch.pow(torch.special.sinc(s), order) / squares


def mesh_factors(mesh: Tensor, indices: Tensor, order: int) -> Tensor:
    """Structure factors (n_k, 2) from the charges on a mesh, those of
    :class:`physrep.ops.structure_factors.StructureFactors`.

    indices: (n_k, 3) int64, the first at least 0, all at most half the mesh.
    """
    transformed = torch.fft.rfftn(mesh, dim=[1, 2, 0])
    sizes = torch.tensor(mesh.shape, device=mesh.device)
    n = torch.remainder(indices, sizes)
    place = (n[:, 0] * mesh.size(1) + n[:, 1]) * mesh.size(2) + n[:, 2]
    values = torch.conj(transformed.flatten().index_select(0, place))
    return torch.view_as_real(values * factor_scales(indices, list(mesh.shape), order))


def meshes_of_factors(factors: Tensor, indices: Tensor, sizes: list[int], order: int) -> Tensor:
    """The transpose of :func:`mesh_factors`: meshes of these sizes, (m, *sizes), from factors
    (m, n_k, 2).
    """
    conjugates = torch.conj(torch.view_as_complex(factors))
    scaled = torch.view_as_real(conjugates * factor_scales(indices, sizes, order))
    counts = torch.tensor(sizes, device=indices.device)
    half = sizes[0] // 2 + 1
    # Where the first index is 0, n and -n are both among the components that are stored.
    planar = torch.nonzero(indices[:, 0] == 0).squeeze(-1)
    conjugate = scaled.index_select(1, planar) * torch.tensor([1.0, -1.0], device=factors.device)
    both = torch.cat([indices, -indices.index_select(0, planar)])
    n = torch.remainder(both, counts)
    place = (n[:, 0] * sizes[1] + n[:, 1]) * sizes[2] + n[:, 2]
    table = factors.new_zeros((factors.size(0), half * sizes[1] * sizes[2], 2))
    table = table.index_add(1, place, 0.5 * torch.cat([scaled, conjugate], dim=1))
    spectrum = torch.view_as_complex(table).view(-1, half, sizes[1], sizes[2])
    ends = [sizes[1], sizes[2], sizes[0]]
    return torch.fft.irfftn(spectrum, s=ends, dim=[2, 3, 1], norm="forward")


def factor_scales(indices: Tensor, sizes: list[int], order: int) -> Tensor:
    """(n_k,) complex: products of :func:`spline_factors` along the three axes. The phase undoes
    the shift of a spline, which is centred order / 2 mesh points below its charge.
    """
    scale = torch.ones(indices.size(0), dtype=torch.float64, device=indices.device)
    shift = torch.zeros_like(scale)
    for axis in range(3):
        table = spline_factors(sizes[axis], order, indices.device)
        scale = scale * table.index_select(0, indices[:, axis].abs())
        shift = shift + indices[:, axis].to(scale.dtype) * (math.pi * order / sizes[axis])
    return torch.polar(scale, shift)


def mesh_error(smearing: float, spacing: float, order: int, k_max: float) -> float:
    """Root mean square error in eV/A of the force on a charge of 1 e by the mesh.

    For charges at random places, of :data:`NOMINAL_DENSITY`, in a cubic mesh; averaged over where
    they stand in it (Ballenegger et al. 2012, eq. 24):

        dF^2 = k_C^2 q^2 sum_j q_j^2 / V 1/(2 pi)^3 int d^3k [k^2 G^2 (B W^2 - 1)^2
               + B^2 G^2 (sum_m k_m^2 W_m^2 sum_m W_m^2 - k^2 W^4)]

    over |k| < k_max, with k_m the aliases of k, G = 4 pi exp(-sigma^2 k^2 / 2) / k^2 and B the
    square of the factors of :func:`spline_factors`.
    """
    if k_max * spacing > math.pi:  # wave vectors beyond the mesh
        return math.inf
    nodes, weights = np.polynomial.legendre.leggauss(8)
    s = (nodes + 1.0) * k_max * spacing / (4.0 * math.pi)  # k h / (2 pi) of one direction
    aliased = s[:, None] + np.arange(-ALIASES, ALIASES + 1)
    squares = np.sinc(aliased) ** (2 * order)
    w, sums = np.sinc(s) ** order, squares.sum(axis=1)
    slopes = ((2 * math.pi / spacing * aliased) ** 2 * squares).sum(axis=1)
    i, j, k = np.indices((8, 8, 8)).reshape(3, -1)
    k2 = (2 * math.pi / spacing) ** 2 * (s[i] ** 2 + s[j] ** 2 + s[k] ** 2)
    green = 4 * math.pi * np.exp(-0.5 * smearing**2 * k2) / k2
    w2 = (w[i] * w[j] * w[k]) ** 2
    all_w2 = sums[i] * sums[j] * sums[k]
    all_k2w2 = slopes[i] * sums[j] * sums[k] + sums[i] * slopes[j] * sums[k]
    all_k2w2 += sums[i] * sums[j] * slopes[k]
    b = w2 / all_w2**2
    integrand = k2 * (green * (b * w2 - 1.0)) ** 2
    integrand += (b * green) ** 2 * (all_k2w2 * all_w2 - k2 * w2**2)
    measure = weights[i] * weights[j] * weights[k] * (0.5 * k_max) ** 3 * 8 / (2 * math.pi) ** 3
    inside = k2 < k_max**2
    total = (measure * integrand)[inside].sum()
    return COULOMB_CONSTANT * math.sqrt(NOMINAL_DENSITY * max(total, 0.0))


def widest_spacing(smearing: float, accuracy: float, order: int, k_max: float) -> float:
    """The largest distance of mesh points in A with an error of at most ``accuracy`` (eV/A)."""
    low, high = 0.0, math.pi / k_max
    for _ in range(14):
        middle = 0.5 * (low + high)
        if mesh_error(smearing, middle, order, k_max) > accuracy:
            high = middle
        else:
            low = middle
    return low
