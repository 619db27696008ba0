"""physrep::wave_sums and physrep::mesh_gather, transposes of structure factors and spreading."""

import pytest
import torch
from test_fused_ops import compare
from test_structure_factors import SMALL, half_space, some_atoms

from physrep import ops
from physrep.ops.mesh import PortableMeshGather, PortableMeshSpread
from physrep.ops.structure_factors import PortableStructureFactors, PortableWaveSums

pytestmark = pytest.mark.skipif(not ops.available(), reason="no compiled operators")

SIZES = [(6, [7, 6, 9]), (4, [4, 8, 5]), (2, [3, 2, 12]), (8, [8, 9, 10])]


def numbers(*shape: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(4)
    return torch.randn(*shape, generator=random, dtype=torch.float64).requires_grad_(True)


@pytest.mark.parametrize("n_atoms", [0, 1, 8, 33])
@pytest.mark.parametrize("second", [True, False], ids=["second derivatives", "first alone"])
def test_waves_are_those_of_the_equations(n_atoms, second):
    indices = half_space(4, 3, 5)
    portable = PortableWaveSums()
    forms = (
        lambda f, g, n, form=form: SMALL * form(f, g, n)
        for form in (portable.as_form("fused"), portable)
    )
    inputs = [some_atoms(n_atoms)[0], numbers(len(indices), 2)]
    compare(*forms, inputs, (indices,), 1e-12, second)


@pytest.mark.parametrize(("order", "sizes"), SIZES, ids=str)
@pytest.mark.parametrize("n_atoms", [0, 1, 8, 40])
@pytest.mark.parametrize("second", [True, False], ids=["second derivatives", "first alone"])
def test_gathering_is_that_of_the_equations(n_atoms, order, sizes, second):
    portable = PortableMeshGather(order)
    inputs = [some_atoms(n_atoms)[0], numbers(*sizes)]
    compare(portable.as_form("fused"), portable, inputs, (), 1e-12, second)


@pytest.mark.parametrize("form", ops.FORMS)
def test_they_are_transposes(form):
    """g . S(f, q) = q . p(f, g), and the same of a mesh."""
    fractional, charges = (x.detach() for x in some_atoms(19))
    indices = half_space(3, 4, 2)
    g, mesh = numbers(len(indices), 2).detach(), numbers(7, 8, 9).detach()
    factors = PortableStructureFactors().as_form(form)(fractional, charges, indices)
    waves = PortableWaveSums().as_form(form)(fractional, g, indices)
    assert float(charges @ waves[:, 0]) == pytest.approx(float((g * factors).sum()), rel=1e-12)
    spread = PortableMeshSpread(6).as_form(form)(fractional, charges, [7, 8, 9])
    gathered = PortableMeshGather(6).as_form(form)(fractional, mesh)
    assert float(charges @ gathered) == pytest.approx(float((mesh * spread).sum()), rel=1e-12)


@pytest.mark.parametrize("form", ops.FORMS)
def test_slopes_of_waves_are_their_derivatives(form):
    fractional, g = some_atoms(5)[0], numbers(12, 2).detach()
    found = PortableWaveSums().as_form(form)(fractional, g, half_space(2, 2, 2)[:12])
    (slopes,) = torch.autograd.grad(found[:, 0].sum(), fractional)
    torch.testing.assert_close(found[:, 1:], slopes, rtol=0, atol=1e-12)


def test_gradcheck_and_gradgradcheck():
    waves, gather = PortableWaveSums().as_form("fused"), PortableMeshGather(4).as_form("fused")
    indices, fractional = half_space(2, 1, 2), some_atoms(3)[0]
    calls = [
        (lambda f, g: SMALL * waves(f, g, indices), numbers(len(indices), 2)),
        (gather, numbers(4, 5, 4)),
    ]
    for function, other in calls:
        for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
            assert check(function, (fractional, other), fast_mode=True)


def test_wrong_arguments_are_refused():
    fractional, indices = some_atoms(4)[0], half_space(1, 1, 1)[:5]
    waves, gather = PortableWaveSums().as_form("fused"), PortableMeshGather(6).as_form("fused")
    with pytest.raises(RuntimeError, match=r"factors must be \(5, 2\) float64, got \[4\]"):
        waves(fractional, numbers(4), indices)
    with pytest.raises(RuntimeError, match=r"fractional must be \(n_atoms, 3\) float64"):
        waves(fractional[:, :2], numbers(5, 2), indices)
    with pytest.raises(RuntimeError, match=r"three numbers of at least 6, got \[8, 5, 8\]"):
        gather(fractional, numbers(8, 5, 8))
    with pytest.raises(RuntimeError, match="mesh must be float64, got Float"):
        gather(fractional, numbers(8, 8, 8).float())
