"""physrep::structure_factors against PyTorch's operators, closed forms and finite differences."""

import pytest
import torch
from test_fused_ops import compare

from physrep import ops
from physrep.ops.structure_factors import PortableStructureFactors

pytestmark = pytest.mark.skipif(not ops.available(), reason="no compiled operators")

PORTABLE = PortableStructureFactors()
FUSED = PORTABLE.as_form("fused")
TWO_PI = 2.0 * torch.pi
SMALL = 1e-3  # keeps slopes near 1: the comparison takes sines of them


def half_space(*limits: int) -> torch.Tensor:
    """Integer vectors within an ellipsoid, one of n and -n, sorted by (n1, n2, n3)."""
    ranges = [torch.arange(-n, n + 1) for n in limits]
    every = torch.cartesian_prod(*ranges)
    inside = (every / (torch.tensor(limits) + 0.5)).square().sum(1) < 1.0
    first = (every * torch.tensor([10**6, 10**3, 1])).sum(1) > 0
    return every[inside & first]


def some_atoms(n: int, seed: int = 0) -> list[torch.Tensor]:
    """Fractional coordinates from -1.5 to 2.5, and charges of both signs."""
    random = torch.Generator().manual_seed(seed)
    fractional = 4.0 * torch.rand(n, 3, generator=random, dtype=torch.float64) - 1.5
    charges = torch.randn(n, generator=random, dtype=torch.float64)
    return [fractional.requires_grad_(True), charges.requires_grad_(True)]


def compare_forms(n_atoms: int, indices: torch.Tensor, second: bool = True) -> None:
    ours, theirs = (lambda f, q, n, form=form: SMALL * form(f, q, n) for form in (FUSED, PORTABLE))
    compare(ours, theirs, some_atoms(n_atoms), (indices,), 1e-12, second)


@pytest.mark.parametrize("n_atoms", [1, 2, 7, 8, 33, 225, 300])
def test_values_and_derivatives_are_those_of_the_equations(n_atoms):
    limits = (6, 6, 5) if n_atoms < 300 else (2, 3, 9)
    compare_forms(n_atoms, half_space(*limits))


@pytest.mark.parametrize(
    "indices",
    [
        half_space(3, 3, 3).flip(0),  # no two vectors follow each other
        -half_space(3, 2, 4).flip(0),
        torch.tensor([[0, 0, 0]]),
        torch.tensor([[0, 0, 0], [0, 0, 1], [0, 0, 2], [2, -1, -7], [2, -1, -6], [1, 3, 5]]),
        torch.tensor([[1, 1, 1], [1, 1, 1], [0, -2, 3]]),
        torch.tensor([[40, -30, 50]]),
    ],
    ids=["not sorted", "other half", "zero", "one-sided columns", "twice", "large"],
)
def test_any_list_of_vectors_is_right(indices):
    compare_forms(11, indices)


@pytest.mark.parametrize(("n_atoms", "n_vectors"), [(0, 0), (0, 5), (3, 0)])
def test_nothing_to_sum(n_atoms, n_vectors):
    inputs, indices = some_atoms(n_atoms), half_space(2, 2, 2)[:n_vectors]
    found = FUSED(*inputs, indices)
    assert found.shape == (n_vectors, 2)
    assert not found.any()
    first = torch.autograd.grad(found.square().sum(), inputs, create_graph=True)
    assert [g.shape for g in first] == [x.shape for x in inputs]
    assert not any(g.any() for g in first)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), inputs)
    assert not any(g.any() for g in second)


def test_first_derivatives_alone():
    """As MD takes them, without a graph of the derivatives."""
    compare_forms(225, half_space(6, 6, 6), second=False)


def test_gradcheck_and_gradgradcheck():
    indices = half_space(2, 1, 2)
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda *x: FUSED(*x, indices), some_atoms(3), fast_mode=True)


def test_third_derivatives_are_those_of_the_equations():
    inputs, indices = some_atoms(5), half_space(2, 2, 2)

    def third(operator):
        (first,) = torch.autograd.grad(
            (SMALL * operator(*inputs, indices)).sin().sum(), inputs[0], create_graph=True
        )
        (second,) = torch.autograd.grad(first.sin().sum(), inputs[1], create_graph=True)
        return torch.autograd.grad(second.sin().sum(), inputs)

    for ours, theirs in zip(third(FUSED), third(PORTABLE), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-12 * float(theirs.abs().max()))


@pytest.mark.parametrize("operator", [PORTABLE, FUSED], ids=["portable", "fused"])
def test_a_lattice_of_equal_charges_scatters_at_its_own_vectors_alone(operator):
    """Charges at multiples of 1/4: S = 64 where all n are multiples of 4, otherwise 0."""
    steps = torch.arange(4, dtype=torch.float64) / 4
    fractional = torch.cartesian_prod(steps, steps, steps)
    indices = half_space(8, 8, 8)
    expected = 64.0 * (indices % 4 == 0).all(1).double()
    found = operator(fractional, torch.ones(64, dtype=torch.float64), indices)
    torch.testing.assert_close(found[:, 0], expected, rtol=0.0, atol=1e-11)
    torch.testing.assert_close(found[:, 1], torch.zeros_like(expected), rtol=0.0, atol=1e-11)


@pytest.mark.parametrize("operator", [PORTABLE, FUSED], ids=["portable", "fused"])
def test_one_charge_is_a_wave(operator):
    fractional = torch.tensor([[0.15, -0.2, 0.4]], dtype=torch.float64)
    indices, charges = torch.tensor([[1, 2, -3]]), torch.tensor([-2.0], dtype=torch.float64)
    angle = TWO_PI * torch.tensor(0.15 - 0.4 - 1.2, dtype=torch.float64)
    expected = -2.0 * torch.stack([angle.cos(), angle.sin()])[None]
    torch.testing.assert_close(operator(fractional, charges, indices), expected, rtol=1e-13, atol=0)


def test_an_atom_in_a_far_image_loses_no_more_digits_than_its_coordinate():
    fractional, charges = (x.detach() for x in some_atoms(20))
    far, indices = fractional + 2.0**20, half_space(9, 9, 9)
    found, expected = FUSED(far, charges, indices), FUSED(far - 2.0**20, charges, indices)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-12)


def test_numbers_beyond_all_digits_stay_finite():
    fractional = torch.tensor([[1e300, -1e17, 3e15]]).double().requires_grad_(True)
    found = FUSED(fractional, torch.ones(1).double(), half_space(4, 4, 4))
    (slope,) = torch.autograd.grad(found.sum(), fractional)
    assert bool(found.isfinite().all())
    assert bool(slope.isfinite().all())
    assert float(found.detach().abs().max()) <= 1.0 + 1e-12


def test_the_same_numbers_on_every_number_of_threads():
    n_threads = torch.get_num_threads()
    indices, found = half_space(9, 9, 9), []
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        inputs = some_atoms(1000)
        factors = FUSED(*inputs, indices)
        slopes = torch.autograd.grad(factors.square().sum(), inputs)
        found.append([factors, *slopes])
    torch.set_num_threads(n_threads)
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


def test_wrong_arguments_are_refused():
    fractional, charges = some_atoms(4)
    indices = half_space(1, 1, 1)
    with pytest.raises(RuntimeError, match=r"fractional must be \(n_atoms, 3\) float64"):
        FUSED(fractional.float(), charges, indices)
    with pytest.raises(RuntimeError, match=r"charges must be \(4\) float64, got \[3\]"):
        FUSED(fractional, charges[:3], indices)
    with pytest.raises(RuntimeError, match=r"indices must be \(n_k, 3\) int64"):
        FUSED(fractional, charges, indices.double())
    with pytest.raises(RuntimeError, match="smaller than 16384, got 16384 along axis 1"):
        FUSED(fractional, charges, torch.tensor([[0, -16384, 0]]))
