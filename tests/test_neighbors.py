"""Neighbour lists against ASE and against each other, in every kind of cell."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list as ase_neighbor_list

from physrep.neighbors import Neighbors, neighbor_list

METHODS = ("cell_list", "brute_force")
scripted = torch.jit.script(neighbor_list)


def edges_of(i, j, shifts) -> list[tuple[int, ...]]:
    return sorted(map(tuple, np.c_[i, j, shifts].astype(int).tolist()))


def found(atoms: Atoms, cutoff: float, method: str, function=scripted) -> Neighbors:
    return function(
        torch.from_numpy(atoms.positions),
        torch.from_numpy(atoms.cell.array.copy()),
        torch.from_numpy(atoms.pbc),
        cutoff,
        method,
    )


def random_system(seed: int) -> tuple[Atoms, float]:
    """Triclinic, small, partly periodic, atoms out of the box; a few hundred edges at most."""
    rng = np.random.default_rng(seed)
    cell = rng.normal(size=(3, 3)) + np.diag(rng.uniform(1.5, 8, size=3))
    pbc = rng.random(3) < 0.6
    positions = rng.uniform(-2, 3, size=(rng.integers(1, 30), 3)) @ cell
    return Atoms(positions=positions, cell=cell, pbc=pbc), float(rng.uniform(1, 4))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(40))
def test_equals_ase(seed, method):
    atoms, cutoff = random_system(seed)
    result = found(atoms, cutoff, method)
    expected = ase_neighbor_list("ijS", atoms, cutoff)
    assert edges_of(*result.edge_index, result.shifts) == edges_of(*expected)


@pytest.mark.parametrize("method", METHODS)
def test_script_equals_eager_and_edges_are_sorted(method):
    atoms, cutoff = random_system(3)
    a, b = found(atoms, cutoff, method), found(atoms, cutoff, method, neighbor_list)
    for x, y in zip(a, b, strict=True):
        assert torch.equal(x, y)
    assert bool((a.edge_index[0].diff() >= 0).all())


@pytest.mark.parametrize("method", METHODS)
def test_vectors_are_what_they_say(method):
    atoms, cutoff = random_system(3)
    result = found(atoms, cutoff, method)
    i, j = result.edge_index.numpy()
    expected = atoms.positions[j] - atoms.positions[i] + result.shifts.numpy() @ atoms.cell.array
    np.testing.assert_allclose(result.vectors, expected, atol=1e-12)
    np.testing.assert_allclose(result.distances, np.linalg.norm(expected, axis=1), atol=1e-12)
    assert float(result.distances.max()) < cutoff


@pytest.mark.parametrize("method", METHODS)
def test_cell_smaller_than_the_cutoff_gives_all_images(method):
    atoms = Atoms("H", cell=np.eye(3), pbc=True)
    result = found(atoms, 2.5, method)
    grid = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3), -1).reshape(-1, 3)
    n_within = int(np.sum(np.linalg.norm(grid, axis=1) < 2.5)) - 1  # the atom itself is not there
    assert result.edge_index.shape[1] == n_within


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_atoms", [0, 1, 2])
def test_few_atoms(method, n_atoms):
    atoms = Atoms(f"H{n_atoms}" if n_atoms else "", positions=np.arange(3 * n_atoms).reshape(-1, 3))
    result = found(atoms, 6.0, method)
    assert result.edge_index.shape == (2, 2 if n_atoms == 2 else 0)


def test_two_molecules_far_apart_need_no_memory():
    positions = np.array([[0.0, 0, 0], [1, 0, 0], [1e6, 0, 0], [1e6 + 1, 0, 0]])
    assert found(Atoms("H4", positions=positions), 3.0, "cell_list").edge_index.shape[1] == 4


@pytest.mark.parametrize("method", METHODS)
def test_gradient_reaches_positions_and_cell(method):
    atoms, cutoff = random_system(7)
    positions = torch.from_numpy(atoms.positions).requires_grad_(True)
    cell = torch.from_numpy(atoms.cell.array.copy()).requires_grad_(True)
    result = neighbor_list(positions, cell, torch.tensor([True] * 3), cutoff, method)
    result.distances.sum().backward()
    assert float(positions.grad.sum().abs()) < 1e-9  # translation
    assert float(cell.grad.abs().max()) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": torch.full((2, 3), float("nan"))}, "NaN or infinity"),
        ({"positions": torch.zeros(2, 2)}, "must be"),
        ({"cell": torch.zeros(3, 3)}, "flat"),
        ({"cell": torch.full((3, 3), 2.0)}, "flat"),
        ({"pbc": torch.tensor([True])}, "3 flags"),
        ({"cutoff": 0.0}, "positive, got 0.0"),
        ({"method": "octree"}, "octree"),
    ],
)
def test_bad_input_is_refused(change, message):
    arguments = {
        "positions": torch.tensor([[0.0, 0, 0], [1, 0, 0]]),
        "cell": torch.eye(3) * 5,
        "pbc": torch.tensor([True] * 3),
        "cutoff": 2.0,
        "method": "cell_list",
    }
    with pytest.raises(ValueError, match=message):
        neighbor_list(**{**arguments, **change})
