"""physrep::mesh_spread against PyTorch's operators, closed forms and finite differences."""

import pytest
import torch
from test_fused_ops import compare
from test_structure_factors import half_space, some_atoms

from physrep import ops
from physrep.ops.mesh import PortableMeshSpread
from physrep.ops.structure_factors import PortableStructureFactors
from physrep.pair.particle_mesh import mesh_factors

pytestmark = pytest.mark.skipif(not ops.available(), reason="no compiled operators")

SIZES = [(6, [7, 6, 9]), (4, [4, 8, 5]), (2, [3, 2, 12]), (8, [8, 9, 10]), (6, [16, 15, 18])]


def compare_forms(n_atoms: int, order: int, sizes: list[int], second: bool = True) -> None:
    portable = PortableMeshSpread(order)
    compare(portable.as_form("fused"), portable, some_atoms(n_atoms), (sizes,), 1e-12, second)


@pytest.mark.parametrize(("order", "sizes"), SIZES, ids=str)
@pytest.mark.parametrize("n_atoms", [0, 1, 8, 40])
def test_values_and_derivatives_are_those_of_the_equations(n_atoms, order, sizes):
    """With a graph of the first derivatives, and without, where a kernel computes them."""
    compare_forms(n_atoms, order, sizes)
    compare_forms(n_atoms, order, sizes, second=False)


def test_a_liquid():
    compare_forms(225, 6, [18, 20, 18], second=False)


def test_gradcheck_and_gradgradcheck():
    fused = PortableMeshSpread(4).as_form("fused")
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda *x: fused(*x, [4, 5, 4]), some_atoms(3), fast_mode=True)


@pytest.mark.parametrize("form", ops.FORMS)
def test_charge_is_kept_and_its_centre_is_where_it_was(form):
    """Splines sum to 1; their first moment is u - p / 2."""
    spread = PortableMeshSpread(6).as_form(form)
    fractional = torch.tensor([[0.53, 0.41, 0.62]], dtype=torch.float64)
    sizes, charges = [20, 24, 18], torch.tensor([-1.5], dtype=torch.float64)
    mesh = spread(fractional, charges, sizes)
    assert float(mesh.sum()) == pytest.approx(-1.5, rel=1e-13)
    assert int((mesh != 0.0).sum()) == 6**3
    for axis, size in enumerate(sizes):
        points = torch.arange(size, dtype=torch.float64)
        others = [k for k in range(3) if k != axis]
        mean = float((mesh.sum(dim=others) * points).sum()) / -1.5
        assert mean == pytest.approx(float(fractional[0, axis]) * size - 3.0, rel=1e-12)


@pytest.mark.parametrize("form", ops.FORMS)
def test_whole_periods_change_nothing(form):
    spread = PortableMeshSpread(6).as_form(form)
    fractional, charges = (x.detach() for x in some_atoms(30))
    shifts = torch.randint(-3, 4, (30, 3), generator=torch.Generator().manual_seed(3))
    moved = spread(fractional + shifts, charges, [8, 9, 10])
    torch.testing.assert_close(moved, spread(fractional, charges, [8, 9, 10]), rtol=0, atol=1e-12)


def test_a_fine_mesh_has_the_structure_factors_of_the_charges():
    fractional, charges = (x.detach() for x in some_atoms(20))
    indices = half_space(2, 2, 2)
    mesh = PortableMeshSpread(8).as_form("fused")(fractional, charges, [40, 42, 45])
    found = mesh_factors(mesh, indices, 8)
    expected = PortableStructureFactors()(fractional, charges, indices)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)


def test_the_same_numbers_on_every_number_of_threads():
    n_threads = torch.get_num_threads()
    fused, found = PortableMeshSpread(6).as_form("fused"), []
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        inputs = some_atoms(2000)
        mesh = fused(*inputs, [20, 24, 18])
        found.append([mesh, *torch.autograd.grad(mesh.square().sum(), inputs)])
    torch.set_num_threads(n_threads)
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


def test_numbers_beyond_all_digits_stay_finite():
    fractional = torch.tensor([[1e300, -1e17, 3e15]], dtype=torch.float64).requires_grad_(True)
    mesh = PortableMeshSpread(6).as_form("fused")(fractional, fractional[0, :1] * 0 + 1, [6, 7, 8])
    (slope,) = torch.autograd.grad(mesh.square().sum(), fractional)
    assert float(mesh.detach().sum()) == pytest.approx(1.0, rel=1e-12)
    assert bool(slope.isfinite().all())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_coordinates_that_are_no_numbers_leave_no_number(axis):
    """An error, or no number in the answer: but no number of another atom's, and no crash."""
    fractional, charges = (x.detach() for x in some_atoms(5))
    fractional[2, axis] = float("nan")
    fused = PortableMeshSpread(6).as_form("fused")
    if axis < 2:
        with pytest.raises(RuntimeError, match="coordinates of atom 2 are not finite"):
            fused(fractional, charges, [8, 8, 8])
    else:
        assert bool(fused(fractional, charges, [8, 8, 8]).isnan().any())


def test_wrong_arguments_are_refused():
    fractional, charges = some_atoms(4)
    fused = PortableMeshSpread(6).as_form("fused")
    with pytest.raises(RuntimeError, match=r"fractional must be \(n_atoms, 3\) float64"):
        fused(fractional.float(), charges, [8, 8, 8])
    with pytest.raises(RuntimeError, match=r"charges must be \(4\) float64, got \[3\]"):
        fused(fractional, charges[:3], [8, 8, 8])
    with pytest.raises(RuntimeError, match=r"three numbers of at least 6, got \[8, 5, 8\]"):
        fused(fractional, charges, [8, 5, 8])
    with pytest.raises(RuntimeError, match="order = 9: it must be 2 to 8"):
        torch.ops.physrep.mesh_spread(fractional, charges, [9, 9, 9], 9)
