"""Electrostatics with the compiled operators equals that with PyTorch's, eager and scripted."""

import pytest
import torch
from charged_systems import EVERYWHERE, Charged, energy, random_box

from physrep import ops
from physrep.pair.electrostatics import Electrostatics
from physrep.torchscript import compile_script

pytestmark = pytest.mark.skipif(not ops.available(), reason="no compiled operators")

SLAB = torch.tensor([True, True, False])
SMALL = 1e-2  # keeps slopes near 1, of which sines are taken
METHODS = {"structure factors": 10**6, "mesh": 1}  # from how many atoms on there is a mesh


def both_forms(mesh_from: int) -> list[Electrostatics]:
    made = [Electrostatics(1.5, 1e-3), Electrostatics(1.5, 1e-3)]
    for form, electrostatics in zip(ops.FORMS, made, strict=True):
        electrostatics.mesh_from = mesh_from
        ops.use_form(electrostatics, form)
    return made


def leaves_of(system: Charged) -> list[torch.Tensor]:
    return [x.clone().requires_grad_(True) for x in (system.positions, system.charges, system.cell)]


def orders(of, system: Charged, second: bool) -> list[torch.Tensor]:
    """Energy in eV, its slopes by positions, charges and cell, and those of a function of them."""
    leaves = leaves_of(system)
    found = energy(of, Charged(*leaves, system.pbc))
    first = torch.autograd.grad(found, leaves, create_graph=second)
    if not second:
        return [found, *first]
    total = sum((SMALL * slope).sin().sum() for slope in first)
    return [found, *first, *torch.autograd.grad(total, leaves)]


def assert_equal(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        scale = float(b.detach().abs().max())
        torch.testing.assert_close(a, b, rtol=0.0, atol=1e-12 * max(scale, 1.0))


@pytest.mark.parametrize("pbc", [EVERYWHERE, SLAB], ids=["box", "slab"])
@pytest.mark.parametrize("method", METHODS)
def test_fused_equals_portable_to_second_derivatives(method, pbc):
    system = random_box(18)
    flat = system.positions * torch.tensor([1.0, 1.0, 0.3], dtype=torch.float64)
    system = system._replace(positions=flat, pbc=pbc)
    portable, fused = (orders(of, system, True) for of in both_forms(METHODS[method]))
    assert_equal(fused, portable)


@pytest.mark.parametrize("method", METHODS)
def test_scripted_with_first_derivatives(method):
    portable, fused = both_forms(METHODS[method])
    scripted = compile_script(fused)
    for n_atoms in (1, 225):
        system = random_box(n_atoms)
        assert_equal(orders(scripted, system, False), orders(portable, system, False))
