"""Walks down the model's own energy: they go down, without rigid motion, and can be resumed."""

import numpy as np
import pytest
import torch
from systems import SPECIES, compute, make_checkpoint, molecule
from torch_geometric.data import Batch

from physrep.io import Structure
from physrep_training.basin import LARGEST_DISPLACEMENT, Walks, without_rigid_motion
from physrep_training.data import GraphDataset
from physrep_training.loss_config import BasinTerm, LossConfig
from physrep_training.objective import Objective

N = 3


@pytest.fixture(name="potential")
def _potential():
    return make_checkpoint("physrep").potential


@pytest.fixture(name="batch")
def _batch(potential) -> Batch:
    structures = [Structure(m.positions, m.numbers, energy=-1.0) for m in map(molecule, range(N))]
    reach = potential.cutoff + 2 * LARGEST_DISPLACEMENT
    graphs = GraphDataset(structures, SPECIES, reach, torch.float64, "all")
    return Batch.from_data_list([graphs[k] for k in range(N)])


def energies(potential, displacements: torch.Tensor) -> np.ndarray:
    found = []
    for k, own in enumerate(displacements.numpy().reshape(N, -1, 3)):
        atoms = molecule(k)
        atoms.positions += own
        found.append(compute(potential, atoms).energy.item())
    return np.array(found)


def test_rigid_motion_is_taken_out_and_nothing_else():
    positions = torch.from_numpy(molecule().positions)
    turn = torch.linalg.cross(torch.tensor([[0.2, -0.1, 0.4]]).double().expand(10, 3), positions)
    rigid = turn + torch.tensor([1.0, 2.0, -3.0])
    assert float(without_rigid_motion(rigid, positions).abs().max()) < 1e-12
    drawn = torch.randn(10, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    rest = without_rigid_motion(drawn, positions)
    assert float((rest * rigid).sum()) == pytest.approx(0.0, abs=1e-10)
    np.testing.assert_allclose(without_rigid_motion(rest, positions), rest, atol=1e-12)
    assert 0.5 < float((rest**2).sum() / (drawn**2).sum()) < 1.0


@pytest.mark.parametrize("positions", [[[0, 0, 0]], [[0, 0, 0], [0, 0, 1.1]]])
def test_atoms_and_linear_molecules_keep_what_is_no_rigid_motion(positions):
    places = torch.tensor(positions, dtype=torch.float64)
    drawn = torch.ones_like(places)
    drawn[-1, 2] = 2.0
    rest = without_rigid_motion(drawn, places)
    expected = torch.zeros_like(places)
    if len(places) == 2:
        expected[:, 2] = torch.tensor([-0.5, 0.5])
    np.testing.assert_allclose(rest, expected, atol=1e-12)


def test_walks_go_down(potential, batch):
    walks = Walks(BasinTerm(weight=1.0, steps=1, visits=50, noise=0.05))
    draw = torch.Generator().manual_seed(0)
    ways = [walks.advance(potential, batch, draw) for _ in range(12)]
    first, last = energies(potential, ways[0]), energies(potential, ways[-1])
    assert (last < first - 0.01).all()


def test_a_walk_ends_after_its_visits(potential, batch):
    walks = Walks(BasinTerm(weight=1.0, steps=1, visits=2))
    draw = torch.Generator().manual_seed(0)
    walks.advance(potential, batch, draw)
    assert len(walks.kept) == N
    walks.advance(potential, batch, draw)
    assert len(walks.kept) == 0


def test_walks_go_on_from_their_state(potential, batch):
    term = BasinTerm(weight=1.0, steps=2)
    walks, resumed = Walks(term), Walks(term)
    walks.advance(potential, batch, torch.Generator().manual_seed(0))
    resumed.load_state_dict(walks.state_dict())
    none_drawn = torch.Generator().manual_seed(99)
    np.testing.assert_array_equal(
        walks.advance(potential, batch, none_drawn), resumed.advance(potential, batch, none_drawn)
    )


def test_basin_costs_what_walks_end_below_the_margin(potential, batch):
    loss = LossConfig.parse(
        {"force": {"weight": 0}, "basin": {"weight": 1.0, "steps": 3, "visits": 9, "margin": 0.4}}
    )
    made = Objective(potential, loss)
    _, terms = made(batch, 5, create_graph=True)
    again = Walks(loss.basin).advance(potential, batch, torch.Generator().manual_seed(5))
    squares = (again.numpy().reshape(N, -1) ** 2).sum(axis=1)
    stable = energies(potential, torch.zeros_like(again))
    below = np.maximum(0.0, stable - (energies(potential, again) - 0.2 * squares))
    assert terms["basin"].item() == pytest.approx(below.mean(), abs=1e-9)
    assert below.mean() > 0.0
