"""physrep::edge_basis: the columns, distances and envelope of JAT's edges in one operator."""

import pytest
import torch

from physrep import ops
from physrep.models.jat import EdgeFeatures, JATConfig

pytestmark = pytest.mark.skipif(not ops.available(), reason="no compiled operators")

SETTINGS = (
    {},
    {"angular_features": 16},
    {"angular_features": 16, "degree": 1},
    {"edge_features": "distance_squared"},
    {"edge_features": "inverse_smooth", "filters": False},
)
BOUNDS = {torch.float64: 1e-12, torch.float32: 2e-5}


def edge_vectors(n, dtype=torch.float64):
    """Of all directions, 0.5 to 6 A long: some beyond the cutoff of 4 A."""
    generator = torch.Generator().manual_seed(1)
    unit = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator).double(), dim=1)
    lengths = 0.5 + 5.5 * torch.rand(n, 1, generator=generator).double()
    return (unit * lengths).to(dtype).requires_grad_(True)


def values_and_slopes(module, vectors, form):
    """Columns, distances, envelope, and first and second derivatives of some sum of them."""
    ops.use_form(module, form)
    out = module(vectors)
    ranks = torch.linspace(0.0, 1.0, vectors.size(0), dtype=vectors.dtype)
    total = sum(
        (torch.sin(column) * ranks.cos()).sum() for x in out for column in x.view(-1, len(ranks))
    )
    (plain,) = torch.autograd.grad(total, vectors, retain_graph=True)
    (slope,) = torch.autograd.grad(total, vectors, create_graph=True)
    (second,) = torch.autograd.grad((slope * slope).sum(), vectors)
    return [*out, plain, slope, second]


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize(
    "settings", SETTINGS, ids=lambda s: " ".join(map(str, s.values())) or "default"
)
def test_operator_is_the_module(settings, dtype):
    module = EdgeFeatures(JATConfig(**settings)).to(dtype)
    vectors = edge_vectors(1037, dtype)  # no multiple of any vector's width
    portable, fused = (values_and_slopes(module, vectors, form) for form in ops.FORMS)
    for expected, found in zip(portable, fused, strict=True):
        assert (found - expected).abs().max() <= BOUNDS[dtype] * expected.abs().max()


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_derivatives_are_those_of_finite_differences(degree):
    frequencies = torch.arange(1, 5, dtype=torch.float64) * torch.pi / 4.0
    vectors = edge_vectors(11)

    def operator(x):
        return torch.ops.physrep.edge_basis(x, frequencies, 4.0, degree)

    assert torch.autograd.gradcheck(operator, vectors)
    assert torch.autograd.gradgradcheck(operator, vectors)


def test_what_is_not_asked_for_costs_nothing():
    """Gradients of one output alone, of no edges, and of a basis without functions."""
    vectors = edge_vectors(5)
    features, distances, envelope = torch.ops.physrep.edge_basis(
        vectors, vectors.new_zeros(0).detach(), 4.0, 0
    )
    assert features.shape == (5, 0)
    (slope,) = torch.autograd.grad(distances.sum(), vectors)
    torch.testing.assert_close(slope, torch.nn.functional.normalize(vectors.detach(), dim=1))
    none = torch.ops.physrep.edge_basis(vectors[:0], vectors.new_ones(3).detach(), 4.0, 2)
    assert [x.shape[0] for x in none] == [0, 0, 0]
    assert bool((envelope[distances > 4.0] == 0.0).all())


def test_wrong_arguments_are_refused():
    vectors = edge_vectors(5)
    with pytest.raises(RuntimeError, match="degree = 3"):
        torch.ops.physrep.edge_basis(vectors, vectors.new_ones(3).detach(), 4.0, 3)
    with pytest.raises(RuntimeError, match="frequencies must be"):
        torch.ops.physrep.edge_basis(vectors, torch.ones(3), 4.0, 2)
