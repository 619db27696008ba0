"""physrep::power_spectrum: NeuralIL's descriptors in one operator."""

import pytest
import torch

from physrep import ops
from physrep.models.neuralil import Descriptors
from physrep.nn.edges import Edges

pytestmark = pytest.mark.skipif(not ops.available(), reason="no compiled operators")

CUTOFF = 3.5
BOUNDS = {torch.float64: 1e-12, torch.float32: 2e-5}


def some_edges(n_centers, degree, dtype=torch.float64, shortest=1.0):
    """Centres, some without edges, neighbours, some of them ghosts, and vectors of all directions,
    some beyond the cutoff."""
    random = torch.Generator().manual_seed(3)
    shape = (n_centers * degree,)
    centers = torch.sort(torch.randint(0, n_centers, shape, generator=random)).values
    neighbors = torch.randint(0, n_centers + 4, shape, generator=random)
    unit = torch.randn(*shape, 3, generator=random, dtype=torch.float64)
    lengths = shortest + (4.0 - shortest) * torch.rand(*shape, 1, generator=random).double()
    vectors = (torch.nn.functional.normalize(unit, dim=1) * lengths).to(dtype)
    return torch.stack([centers, neighbors]), vectors.requires_grad_(True)


def types_of(n_atoms, n_types):
    return torch.randint(0, n_types, (n_atoms,), generator=torch.Generator().manual_seed(4))


def descriptors(module, edge_index, vectors, n_centers, types):
    distances = torch.linalg.vector_norm(vectors, dim=1)
    nothing = vectors[:, :0]
    edges = Edges(*edge_index, vectors, distances, distances, nothing, n_centers, types)
    return module(types, edges)


def values_and_slopes(module, form, *arguments):
    """Descriptors, and first and second derivatives of some sum of functions of them."""
    ops.use_form(module, form)
    found = descriptors(module, *arguments)
    vectors = arguments[1]
    ranks = torch.linspace(0.0, 1.0, found.size(1), dtype=found.dtype)
    total = (torch.sin(found / found.detach().abs().max()) * ranks.cos()).sum()
    (plain,) = torch.autograd.grad(total, vectors, retain_graph=True)
    (slope,) = torch.autograd.grad(total, vectors, create_graph=True)
    (second,) = torch.autograd.grad((slope * slope).sum(), vectors)
    return [found, plain, slope, second]


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize(("n_types", "n_max"), [(4, 4), (1, 0), (2, 1), (3, 6)])
def test_operator_is_the_module(n_types, n_max, dtype):
    # float32: the recursion of both loses digits at high degrees and short distances
    edge_index, vectors = some_edges(61, 17, dtype, shortest=1.0 if n_max < 6 else 2.5)
    module = Descriptors(n_types, n_max, CUTOFF).to(dtype)
    arguments = edge_index, vectors, 61, types_of(65, n_types)
    portable, fused = (values_and_slopes(module, form, *arguments) for form in ops.FORMS)
    for expected, found in zip(portable, fused, strict=True):
        assert found.shape == expected.shape
        assert (found - expected).abs().max() <= BOUNDS[dtype] * expected.abs().max()


@pytest.mark.parametrize("n_max", [0, 3, 8])
def test_derivatives_are_those_of_finite_differences(n_max):
    edge_index, vectors = some_edges(3, 3)
    module = Descriptors(2, n_max, CUTOFF).double()
    ops.use_form(module, "fused")
    types = types_of(7, 2)

    def operator(x):
        return descriptors(module, edge_index, x, 3, types)

    assert torch.autograd.gradcheck(operator, vectors)
    assert torch.autograd.gradgradcheck(operator, vectors)


def test_atoms_without_neighbours_within_the_cutoff_have_zeros():
    module = Descriptors(2, 4, CUTOFF).double()
    ops.use_form(module, "fused")
    edge_index = torch.tensor([[1, 1], [0, 2]])
    vectors = torch.tensor([[0.0, 0.0, 1.0], [3.5, 0.0, 0.0]]).double().requires_grad_(True)
    found = descriptors(module, edge_index, vectors, 3, torch.tensor([0, 1, 1]))
    assert bool((found[[0, 2]] == 0.0).all())
    (slope,) = torch.autograd.grad(found.sum(), vectors)
    assert bool((slope[1] == 0.0).all())
    assert bool((slope[0] != 0.0).any())
    none = descriptors(module, edge_index[:, :0], vectors[:0], 3, torch.tensor([0, 1, 1]))
    assert none.shape == found.shape
    assert not none.any()


def test_wrong_arguments_are_refused():
    module = Descriptors(2, 4, CUTOFF).double()
    ops.use_form(module, "fused")
    edge_index, vectors = some_edges(3, 3)
    with pytest.raises(RuntimeError, match="types must be"):
        descriptors(module, edge_index, vectors, 3, types_of(7, 2).int())
    with pytest.raises(RuntimeError, match="type 2 of atom 6: types must be 0 to 1"):
        descriptors(module, edge_index, vectors, 3, torch.tensor([0, 1, 0, 1, 0, 1, 2]))
    with pytest.raises(RuntimeError, match="vectors must be"):
        descriptors(module, edge_index, vectors[1:], 3, types_of(7, 2))
    module.power_spectrum.n_max = 9
    with pytest.raises(RuntimeError, match="degree = 9"):
        descriptors(module, edge_index, vectors, 3, types_of(7, 2))
