"""Small layers against their equations."""

import math

import pytest
import torch

from physrep.nn.activations import swish
from physrep.nn.angular import real_harmonics
from physrep.nn.cutoffs import cosine_envelope, polynomial_envelope
from physrep.nn.radial import BesselBasis, DistanceFeature
from physrep.nn.scatter import max_edges, sum_edges
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


def test_distance_features():
    expected = {"distance": D, "distance_squared": D**2, "inverse_smooth": 1 / torch.sqrt(1 + D**2)}
    for kind, values in expected.items():
        assert torch.allclose(DistanceFeature(kind)(D).squeeze(-1), values)


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
    products = real_harmonics(u, 2) * real_harmonics(v, 2)
    cosine = (u * v).sum(dim=1)
    assert torch.allclose(products[:, :3].sum(dim=1), cosine)
    assert torch.allclose(products[:, 3:].sum(dim=1), 1.5 * cosine**2 - 0.5)
    assert torch.equal(real_harmonics(u, 1), u)
