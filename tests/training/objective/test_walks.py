"""Denoising: walks without rigid motion that can be resumed, and what wrong forces cost."""

import ase.build
import numpy as np
import pytest
import torch
from systems import SPECIES, compute, make_checkpoint, molecule
from torch_geometric.data import Batch

from physrep.analysis.chemistry.bonds import find_bonds
from physrep.io import Structure
from physrep_training.data.graphs import GraphDataset
from physrep_training.objective.loss_config import DenoiseTerm, LossConfig
from physrep_training.objective.objective import Objective
from physrep_training.objective.walks import (
    LARGEST_DISPLACEMENT,
    STEP,
    Walks,
    removable_parts,
    without_rigid_motion,
)

N = 3
TERM = DenoiseTerm(weight=1.0, stiffness=2.0, visits=3)


@pytest.fixture(name="potential")
def _potential():
    return make_checkpoint("physrep").potential


@pytest.fixture(name="batch")
def _batch(potential) -> Batch:
    structures = [Structure(m.positions, m.numbers, energy=-1.0) for m in map(molecule, range(N))]
    reach = potential.cutoff + 2 * LARGEST_DISPLACEMENT
    graphs = GraphDataset(structures, SPECIES, reach, torch.float64, "all")
    return Batch.from_data_list([graphs[k] for k in range(N)])


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


def test_walks_go_the_way_they_are_shown(batch):
    walks = Walks(TERM, SPECIES)
    draw = torch.Generator().manual_seed(0)
    first = walks.displacements(batch, draw)
    walks.advance(batch, first, -first)
    second = walks.displacements(batch, draw)
    np.testing.assert_allclose(second, (1.0 - STEP) * first, atol=1e-12)


def test_a_walk_ends_after_its_visits_and_where_it_leads_away(batch):
    walks = Walks(TERM, SPECIES)
    draw = torch.Generator().manual_seed(0)
    for left in (N, N, 0):
        here = walks.displacements(batch, draw)
        walks.advance(batch, here, -here)
        assert len(walks.kept) == left
    here = walks.displacements(batch, draw)
    walks.advance(batch, here, torch.full_like(here, torch.nan))
    assert len(walks.kept) == 0


def test_pulled_parts_move_along_their_bonds():
    ethanol = ase.build.molecule("CH3CH2OH")
    parts = removable_parts(ethanol)
    assert sorted(len(part.atoms) for part in parts) == [1] * 6 + [2, 4]  # H, OH and CH3
    species = sorted(set(ethanol.numbers.tolist()))
    structure = Structure(ethanol.positions, ethanol.numbers, energy=-1.0)
    graph = GraphDataset([structure], species, 20.0, torch.float64, "all")[0]
    term = DenoiseTerm(weight=1.0, noise=1e-9, pulled=1.0, pull=0.7)
    walks = Walks(term, species)
    draw, longest = torch.Generator().manual_seed(1), 0.0
    pairs = find_bonds(ethanol.positions, ethanol.numbers, ethanol.cell.array, ethanol.pbc).pairs
    for _ in range(40):
        walks.kept.clear()
        moved = ethanol.copy()
        moved.positions += walks.displacements(Batch.from_data_list([graph]), draw).numpy()
        longer = [moved.get_distance(*pair) - ethanol.get_distance(*pair) for pair in pairs]
        assert sum(abs(change) > 0.05 for change in longer) <= 2
        longest = max(longest, *longer)
    assert 0.5 < longest < 1.5


def test_walks_go_on_from_their_state(batch):
    walks, resumed, older = (Walks(TERM, SPECIES) for _ in range(3))
    resumed.load_state_dict(walks.state_dict())  # of no walk yet
    assert not resumed.kept
    here = walks.displacements(batch, torch.Generator().manual_seed(0))
    walks.advance(batch, here, -here)
    resumed.load_state_dict(walks.state_dict())
    older.load_state_dict({"kept": walks.kept, "age": walks.age})  # as earlier releases wrote it
    assert all(isinstance(value, torch.Tensor) for value in walks.state_dict().values())
    assert resumed.age == {place: walks.age[place] for place in walks.kept}
    other = torch.Generator().manual_seed(99)
    expected = walks.displacements(batch, other)
    for again in (resumed, older):
        np.testing.assert_array_equal(expected, again.displacements(batch, other))


def test_denoising_costs_what_the_forces_miss(potential, batch):
    loss = LossConfig.parse({"force": {"weight": 0}, "denoise": TERM.model_dump()})
    _, terms = Objective(potential, loss)(batch, 5, create_graph=True)
    apart = Walks(TERM, SPECIES).displacements(batch, torch.Generator().manual_seed(5))
    expected = 0.0
    for k, own in enumerate(apart.numpy().reshape(N, -1, 3)):
        atoms = molecule(k)
        atoms.positions += own
        missed = own + compute(potential, atoms).forces.detach().numpy() / TERM.stiffness
        squares = (missed**2).sum(axis=1) / TERM.width**2
        expected += TERM.width * (np.sqrt(1.0 + squares) - 1.0).sum() / N
    assert terms["denoise"].item() == pytest.approx(expected, rel=1e-9)
