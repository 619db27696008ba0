"""Charges on a mesh give what structure factors and all pairs give, within the accuracy asked."""

import pytest
import torch
from charged_systems import (
    EVERYWHERE,
    NOWHERE,
    Charged,
    check_derivatives,
    energy,
    forces_of,
    random_box,
    random_signs,
    root_mean_square,
)
from ean_systems import ean_box, sheared_box

from physrep.pair.electrostatics import Electrostatics
from physrep.pair.particle_mesh import mesh_error, mesh_sizes
from physrep.torchscript import compile_script

EXACT = Electrostatics(1.5, 1e-9)


def on_mesh(accuracy: float, smearing: float = 1.5) -> Electrostatics:
    """Every structure by the mesh."""
    made = Electrostatics(smearing, accuracy)
    made.mesh_from = 0
    made.pairs_up_to = 0
    return made


def flat_box(n_atoms: int) -> Charged:
    """Cubic corners, one edge three times another."""
    edges = torch.tensor([0.55, 1.1, 1.65], dtype=torch.float64) * (10.0 * n_atoms) ** (1 / 3)
    fractional = torch.rand(n_atoms, 3, generator=torch.Generator().manual_seed(6)).double()
    charges = random_box(n_atoms).charges
    return Charged(fractional * edges, charges, torch.diag(edges), EVERYWHERE)


def ionic_liquid(sheared: bool) -> Charged:
    """Ethylammonium nitrate with charges between 0.1 and 1 e of both signs."""
    atoms = sheared_box() if sheared else ean_box()
    random = torch.Generator().manual_seed(7)
    charges = 0.1 + 0.9 * torch.rand(len(atoms), generator=random, dtype=torch.float64)
    charges *= 1.0 - 2.0 * torch.randint(0, 2, (len(atoms),), generator=random)
    cell = torch.tensor(atoms.cell.array)
    return Charged(torch.tensor(atoms.positions), charges, cell, EVERYWHERE)


BOXES = {
    "sheared": lambda: random_box(120, seed=8),
    "flat": lambda: flat_box(120),
    "net charge": lambda: random_box(60, seed=9, net=3.0),
    "1 e": lambda: random_signs(120),
    "liquid": lambda: ionic_liquid(False),
    "sheared liquid": lambda: ionic_liquid(True),
}


@pytest.mark.parametrize("accuracy", [1e-3, 1e-5])
@pytest.mark.parametrize("box", BOXES)
def test_mesh_and_structure_factors_are_as_accurate_as_asked(box, accuracy):
    system = BOXES[box]()
    exact = forces_of(EXACT, system)
    for of in (on_mesh(accuracy), Electrostatics(1.5, accuracy)):
        error = root_mean_square(forces_of(of, system) - exact)
        assert error < 1.1 * accuracy  # 1.0 is expected for "1 e", of which this is one sample
    assert float(energy(of, system)) == pytest.approx(
        float(energy(EXACT, system)), abs=0.3 * accuracy * system.charges.size(0)
    )


@pytest.mark.parametrize("smearing", [1.0, 2.0])
def test_estimate_of_the_mesh_is_the_error(smearing):
    """Of the mesh alone: against the same k by structure factors."""
    coarse = on_mesh(1e-3, smearing)
    same = Electrostatics(smearing, 1e-3)
    system = random_signs(200)
    found = root_mean_square(forces_of(coarse, system) - forces_of(same, system))
    expected = mesh_error(smearing, coarse.spacing, coarse.mesh_spread.order, coarse.k_max)
    assert expected == pytest.approx(0.8e-3, rel=0.02)
    assert 0.5 * expected < found < 1.2 * expected  # the mesh is at least as fine as asked


def test_isolated_atoms_by_a_sphere():
    """The cut-off reaches over all atoms: the mesh gives what all pairs give."""
    system = random_box(40, seed=11, net=2.0)._replace(pbc=NOWHERE)
    far = system._replace(positions=system.positions + torch.tensor([500.0, -3.0, 80.0]))
    for atoms in (system, far):
        error = forces_of(on_mesh(1e-5), atoms) - forces_of(EXACT, atoms)
        assert root_mean_square(error) < 1e-5
        found, expected = energy(on_mesh(1e-5), atoms), energy(EXACT, atoms)
        assert float(found) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("pbc", [EVERYWHERE, NOWHERE])
def test_derivatives_of_the_mesh(pbc):
    system = random_box(4, net=0.3)._replace(pbc=pbc)
    check_derivatives(on_mesh(1e-2), system)


@pytest.mark.parametrize("pbc", [EVERYWHERE, NOWHERE])
def test_mesh_of_two_processes_scripted(pbc):
    system = random_box(30)._replace(pbc=pbc)
    scripted = compile_script(on_mesh(1e-3))
    x, q, cell, _ = system
    even = torch.arange(30) % 2 == 0
    parts = [torch.nonzero(mine).squeeze(1) for mine in (even, ~even)]
    sums = sum(scripted.sums(x[p], q[p], cell, pbc, 30, p) for p in parts)
    found = scripted.energy_of_sums(sums, cell, pbc, 30)
    assert float(found) == pytest.approx(float(energy(on_mesh(1e-3), system)), abs=1e-11)


def test_supercell_by_the_mesh():
    small = random_box(30, net=1.0)
    shifts = torch.cartesian_prod(*[torch.arange(2)] * 3).double()
    positions = (small.positions[None] + (shifts @ small.cell)[:, None]).flatten(0, 1)
    large = Charged(positions, small.charges.repeat(8), 2 * small.cell, small.pbc)
    error = forces_of(on_mesh(1e-4), large) - forces_of(EXACT, small).repeat(8, 1)
    assert root_mean_square(error) < 1e-4


def test_liquid_of_1800_atoms_takes_the_mesh():
    """As it is by default: eight boxes that stand side by side feel what one does."""
    small, of = ionic_liquid(False), Electrostatics(1.5, 1e-4)
    shifts = torch.cartesian_prod(*[torch.arange(2)] * 3).double()
    positions = (small.positions[None] + (shifts @ small.cell)[:, None]).flatten(0, 1)
    large = Charged(positions, small.charges.repeat(8), 2 * small.cell, small.pbc)
    apart = forces_of(of, large) - forces_of(of, small).repeat(8, 1)
    assert 1e-8 < root_mean_square(apart) < 1e-4  # by another method, as accurate
    assert float(energy(of, large)) == pytest.approx(8 * float(energy(of, small)), abs=2e-3)


@pytest.mark.parametrize("of", [on_mesh(1e-4), Electrostatics(1.5, 1e-4)], ids=["mesh", "factors"])
def test_energy_hardly_jumps_as_the_cell_grows(of):
    """By 0.4 %: wave vectors enter, the mesh changes; the energy stays near the exact one."""
    liquid = ionic_liquid(False)
    errors = []
    for scale in torch.linspace(1.0, 1.004, 12, dtype=torch.float64):
        grown = liquid._replace(positions=scale * liquid.positions, cell=scale * liquid.cell)
        errors.append(float(energy(of, grown) - energy(EXACT, grown)) / 225)
    assert max(errors) - min(errors) < 3e-6  # eV per atom


def test_meshes_suit_the_transform():
    cell = torch.diag(torch.tensor([7.1, 22.0, 31.4], dtype=torch.float64))
    assert mesh_sizes(cell, 1.0, 6) == [8, 24, 32]
    assert mesh_sizes(cell, 4.0, 6) == [6, 6, 8]
