"""Small layers against their equations."""

import math

import numpy as np
import pytest
import scipy.special
import torch

from physrep.nn.activations import swish
from physrep.nn.cutoffs import cosine_envelope, polynomial_envelope
from physrep.nn.harmonics import real_harmonics
from physrep.nn.radial import BesselBasis, DistancePowers, ElementBasis
from physrep.nn.scatter import max_edges, sum_edges
from physrep.nn.spherical_bessel import SphericalBesselBasis
from physrep.pair.morse import MorseRepulsion
from physrep.pair.zbl import ZBL

D = torch.linspace(0.3, 5.0, 200, dtype=torch.float64)


def test_swish_is_silu_with_its_derivatives():
    x = torch.linspace(-60, 60, 400, dtype=torch.float64, requires_grad=True)
    ours, theirs = swish(x), torch.nn.functional.silu(x)
    assert torch.allclose(ours, theirs, atol=1e-12)
    for function in (swish, torch.nn.functional.silu):
        assert torch.autograd.gradcheck(function, x[150:250:10])
        assert torch.autograd.gradgradcheck(function, x[150:250:10])


def test_swish_of_extreme_values_is_finite_with_its_gradient():
    x = torch.tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    swish(x).sum().backward()
    assert bool(torch.isfinite(x.grad).all())


@pytest.mark.parametrize(("envelope", "order"), [(polynomial_envelope, 2), (cosine_envelope, 1)])
def test_envelopes_vanish_at_the_cutoff_with_their_derivatives(envelope, order):
    d = torch.tensor([4.0], dtype=torch.float64, requires_grad=True)
    value = envelope(d, 4.0)
    assert float(value.detach()) == pytest.approx(0.0, abs=1e-12)
    for _ in range(order):
        (value,) = torch.autograd.grad(value.sum(), d, create_graph=True)
        assert float(value.detach()) == pytest.approx(0.0, abs=1e-12)
    assert float(envelope(torch.zeros(1), 4.0)) == 1.0
    assert float(envelope(torch.tensor([4.5]), 4.0)) == pytest.approx(0.0, abs=1e-6)


def test_bessel_basis_is_orthonormal():
    """Without the envelope the functions are orthonormal with weight d^2 on (0, r_c)."""
    d = torch.linspace(1e-6, 4.0, 20001, dtype=torch.float64)
    values = BesselBasis(4, 4.0).double()(d, torch.ones_like(d))
    overlap = torch.trapezoid(
        values[:, :, None] * values[:, None, :] * (d * d)[:, None, None], d, dim=0
    )
    assert torch.allclose(overlap, torch.eye(4, dtype=torch.float64), atol=1e-5)


def test_element_basis_equals_eq_2_of_the_paper_and_spreads_with_a_slower_decay():
    n, cutoff, types = 8, 5.0, torch.zeros(len(D), dtype=torch.int64)
    envelope = polynomial_envelope(D, cutoff)
    values = ElementBasis(1, n, cutoff).double()(D, envelope, types)
    beta = (2.0 / n * (1.0 - math.exp(-cutoff))) ** -2
    mu = torch.linspace(0.0, 1.0, n, dtype=torch.float64)
    expected = torch.exp(-beta * (torch.exp(-D)[:, None] - mu) ** 2) * envelope[:, None]
    assert torch.allclose(values, expected, rtol=1e-5)  # the parameters are float32

    def apart(decay: float) -> float:  # how two distances of third neighbours differ
        basis = ElementBasis(1, n, cutoff, decay).double()
        near, far = basis(torch.tensor([2.5, 3.0]).double(), torch.ones(2).double(), types[:2])
        return torch.linalg.norm(near - far).item()

    assert apart(0.4) > 2.0 * apart(1.0)


def test_distance_features():
    expected = {"distance": D, "distance_squared": D**2, "inverse_smooth": 1 / torch.sqrt(1 + D**2)}
    for kind, values in expected.items():
        powers = torch.stack([values, values**2, values**3], dim=1)
        assert torch.allclose(DistancePowers(kind, 3)(D), powers)


def test_sums_and_maxima_over_edges():
    centers = torch.tensor([0, 0, 2])
    values = torch.tensor([[1.0, 5.0], [2.0, -1.0], [3.0, 0.0]])
    assert sum_edges(values, centers, 3).tolist() == [[3.0, 4.0], [0.0, 0.0], [3.0, 0.0]]
    largest = max_edges(values, centers, torch.zeros(3, 2))
    assert largest.tolist() == [[2.0, 5.0], [0.0, 0.0], [3.0, 0.0]]


def test_zbl_equals_its_equation_and_ends_smoothly():
    zbl = ZBL([1, 8]).double()
    d, h, o = 0.4, torch.tensor([0]), torch.tensor([1])
    energy = float(zbl(torch.tensor([d], dtype=torch.float64), h, o))
    length = 0.88534 * 0.529177210903 / (1 + 8**0.23)
    terms = ((0.18175, 3.1998), (0.50986, 0.94229), (0.28022, 0.4029), (0.02817, 0.20162))
    screening = sum(c * math.exp(-e * d / length) for c, e in terms)
    x = d / (0.31 + 0.66)
    envelope = 1 - 10 * x**3 + 15 * x**4 - 6 * x**5
    assert energy == pytest.approx(14.3996454 * 8 / d * screening * envelope, rel=1e-6)
    beyond = zbl(torch.tensor([0.98], dtype=torch.float64), h, o)
    assert float(beyond) == 0.0


def test_harmonics_obey_the_addition_theorem():
    torch.manual_seed(0)
    u, v = (torch.nn.functional.normalize(torch.randn(50, 3).double(), dim=1) for _ in range(2))
    cosine = (u * v).sum(dim=1).numpy()
    for degree, (a, b) in enumerate(zip(real_harmonics(u, 6), real_harmonics(v, 6), strict=True)):
        assert a.shape == (50, 2 * degree + 1)
        legendre = scipy.special.eval_legendre(degree, cosine)
        np.testing.assert_allclose((a * b).sum(dim=1).numpy(), legendre, atol=1e-12)


def test_radial_functions_of_neuralil_are_orthonormal_and_end_smoothly():
    """With weight r^2 on (0, r_c) for each l; value, slope and curvature vanish at r_c."""
    basis = SphericalBesselBasis(n_max=4, cutoff=3.5).double()
    r = torch.linspace(1e-3, 3.5, 20001, dtype=torch.float64)
    values = basis(r)
    assert values.shape == (20001, 15)
    start = 0
    for n in (5, 4, 3, 2, 1):
        g = values[:, start : start + n]
        start += n
        overlap = torch.trapezoid(g[:, :, None] * g[:, None, :] * (r * r)[:, None, None], r, dim=0)
        assert torch.allclose(overlap, torch.eye(n, dtype=torch.float64), atol=1e-6)
    end = torch.tensor([3.5], dtype=torch.float64, requires_grad=True)
    for column in range(15):
        value = basis(end)[0, column]
        (slope,) = torch.autograd.grad(value, end, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, end)
        assert max(abs(value), abs(slope), abs(curvature)) < 1e-9
    assert not bool(basis(torch.tensor([3.6], dtype=torch.float64)).any())


def test_morse_repulsion_equals_its_equation():
    """The pair of two types from the equations of the paper, in plain Python."""
    torch.manual_seed(3)
    morse = MorseRepulsion(2, cutoff=3.5).double().requires_grad_(False)
    r = torch.tensor([0.8, 2.0, 3.0, 3.49], dtype=torch.float64)
    (a0, b0, d0), (a1, b1, d1) = (0.01 + morse.roots**2).tolist()
    zeros, ones = torch.zeros(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)
    switch = 3.5 * (1 + torch.sigmoid(morse.switch).item()) / 2
    for k, d in enumerate(r.tolist()):
        share = a1 * d + math.log(a0 * d0 / (a1 * d1)) / 4 + (a0 * b0 - a1 * b1) / 2
        expected = d0 * math.exp(-2 * a0 * (2 * share / (a0 + a1) - b0)) * _bump(d, switch, 3.5)
        assert float(morse(r, zeros, ones)[k]) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def _bump(r: float, start: float, end: float) -> float:
    def f(x):
        return math.exp(-1 / x) if x > 0 else 0.0

    x = (r * r - start * start) / (end * end - start * start)
    return 1 - f(x) / (f(x) + f(1 - x))
