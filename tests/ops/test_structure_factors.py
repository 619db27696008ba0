"""physrep::structure_factors against PyTorch's operators, closed forms and finite differences."""

import os
import subprocess
import sys

import pytest
import torch
from test_fused_ops import compare

from physrep import ops
from physrep.ops.structure_factors import PortableStructureFactors

pytestmark = pytest.mark.skipif(not ops.available(), reason="no compiled operators")

PORTABLE = PortableStructureFactors()
FUSED = PORTABLE.as_form("fused")
TWO_PI = 2.0 * torch.pi


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


@pytest.mark.parametrize("n_atoms", [1, 2, 7, 8, 33, 225, 300])
def test_values_and_derivatives_are_those_of_the_equations(n_atoms):
    limits = (6, 6, 5) if n_atoms < 300 else (2, 3, 9)
    compare(FUSED, PORTABLE, some_atoms(n_atoms), (half_space(*limits),), 1e-12)


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
    compare(FUSED, PORTABLE, some_atoms(11), (indices,), 1e-12)


@pytest.mark.parametrize("n_atoms", [0, 3])
@pytest.mark.parametrize("n_vectors", [0, 5])
def test_nothing_to_sum(n_atoms, n_vectors):
    if n_atoms > 0 and n_vectors > 0:
        pytest.skip("something to sum")
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
    compare(FUSED, PORTABLE, some_atoms(225), (half_space(6, 6, 6),), 1e-12, second=False)


def test_gradcheck_and_gradgradcheck():
    indices = half_space(2, 1, 2)
    assert torch.autograd.gradcheck(lambda *x: FUSED(*x, indices), some_atoms(3))
    assert torch.autograd.gradgradcheck(lambda *x: FUSED(*x, indices), some_atoms(3))


def test_third_derivatives_are_those_of_the_equations():
    inputs, indices = some_atoms(5), half_space(2, 2, 2)

    def third(operator):
        (first,) = torch.autograd.grad(
            operator(*inputs, indices).sin().sum(), inputs[0], create_graph=True
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
    fractional, indices = torch.tensor([[0.15, -0.2, 0.4]]).double(), torch.tensor([[1, 2, -3]])
    charges = torch.tensor([-2.0]).double()
    angle = TWO_PI * torch.tensor(0.15 - 0.4 - 1.2).double()
    expected = -2.0 * torch.stack([angle.cos(), angle.sin()])[None]
    torch.testing.assert_close(operator(fractional, charges, indices), expected, rtol=1e-14, atol=0)


def test_an_atom_in_a_far_image_loses_no_more_digits_than_its_coordinate():
    fractional, charges = some_atoms(20)
    indices = half_space(9, 9, 9)
    expected = FUSED(fractional, charges, indices)
    found = FUSED(fractional + 2.0**20, charges, indices)
    assert float((found - expected).abs().max()) < 1e-8 * float(expected.abs().max())
    exact = (fractional + 2.0**20) - 2.0**20
    found, expected = FUSED(fractional + 2.0**20, charges, indices), FUSED(exact, charges, indices)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-12)


def test_numbers_beyond_all_digits_stay_finite():
    fractional = torch.tensor([[1e300, -1e17, 3e15]]).double().requires_grad_(True)
    found = FUSED(fractional, torch.ones(1).double(), half_space(4, 4, 4))
    (slope,) = torch.autograd.grad(found.sum(), fractional)
    assert bool(found.isfinite().all())
    assert bool(slope.isfinite().all())
    assert float(found.abs().max()) <= 1.0 + 1e-12


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


@pytest.mark.parametrize("simd", ["avx2", "baseline"])
def test_lesser_instruction_sets_give_the_same(simd, tmp_path):
    script = (
        "import sys, torch, physrep.ops; torch.manual_seed(0)\n"
        "f, q = torch.randn(37, 3).double().requires_grad_(), torch.randn(37).double()\n"
        "n = torch.cartesian_prod(*[torch.arange(-3, 4)] * 3)\n"
        "s = torch.ops.physrep.structure_factors(f, q, n)\n"
        "torch.save([s, torch.autograd.grad(s.square().sum(), f)[0]], sys.argv[1])"
    )
    made = []
    for name in ("", simd):
        path = tmp_path / f"{name or 'best'}.pt"
        environment = {**os.environ, "PHYSREP_SIMD": name}
        subprocess.run([sys.executable, "-c", script, str(path)], check=True, env=environment)
        made.append(torch.load(path, weights_only=True))
    for best, other in zip(*made, strict=True):
        torch.testing.assert_close(best, other, rtol=0.0, atol=1e-10)


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
