"""Springs of the denoising term: their forces, their Hessian, energies fitted along with them."""

import numpy as np
import pytest
import torch
from systems import SPECIES, molecule
from torch_geometric.data import Batch

from physrep.io import Structure
from physrep_training.data.graphs import GraphDataset
from physrep_training.objective import springs as springs_module
from physrep_training.objective.loss_config import DenoiseTerm
from physrep_training.objective.springs import LARGEST_RATIO, Springs

N = 3
TERM = DenoiseTerm(weight=1.0, stiffness=0.7, bond_stiffness=6.0)


@pytest.fixture(name="batch")
def _batch() -> Batch:
    structures = [Structure(m.positions, m.numbers, energy=-1.0) for m in map(molecule, range(N))]
    graphs = GraphDataset(structures, SPECIES, 30.0, torch.float64, "all")
    return Batch.from_data_list([graphs[k] for k in range(N)])


@pytest.fixture(name="drawn")
def _drawn(batch) -> torch.Tensor:
    draw = torch.Generator().manual_seed(3)
    return 0.1 * torch.randn(batch.num_nodes, 3, dtype=torch.float64, generator=draw)


def energy(k: int, displacement: np.ndarray, springs: Springs) -> float:
    """The formula of the docstring, pair by pair."""
    atoms = molecule(k)
    moved = atoms.copy()
    moved.positions += displacement
    radii = [float(springs.radii[SPECIES.index(z)]) for z in atoms.numbers]
    total = 0.5 * TERM.stiffness * float((displacement**2).sum())
    for i in range(len(atoms)):
        for j in range(i):
            rest = atoms.get_distance(i, j)
            ratio = min((radii[i] + radii[j]) / rest, LARGEST_RATIO)
            apart = moved.get_distance(i, j) - rest
            total += 0.5 * TERM.bond_stiffness * ratio**6 * apart**2
    return total


def test_forces_are_the_slope_of_the_energy(batch, drawn):
    springs = Springs(TERM, SPECIES)
    forces = springs.forces(batch, drawn)
    step = 1e-5
    for k in range(N):
        own = drawn[batch.ptr[k] : batch.ptr[k + 1]].numpy()
        for atom, axis in ((0, 0), (4, 1), (len(own) - 1, 2)):
            ends = []
            for sign in (1.0, -1.0):
                there = own.copy()
                there[atom, axis] += sign * step
                ends.append(energy(k, there, springs))
            slope = (ends[0] - ends[1]) / (2 * step)
            found = float(forces[int(batch.ptr[k]) + atom, axis])
            assert found == pytest.approx(-slope, abs=1e-7)


def test_small_displacements_are_predicted_from_their_forces(batch, drawn):
    springs = Springs(TERM, SPECIES)
    for size, error in ((1e-4, 1e-3), (1e-5, 1e-4)):
        way = springs.predicted_displacement_to_minimum(batch, springs.forces(batch, size * drawn))
        assert float((way + size * drawn).abs().max()) < error * size
    assert len(springs.inverses) == N


def test_the_inverses_of_a_large_data_set_do_not_all_stay(batch, drawn, monkeypatch):
    all_kept = Springs(TERM, SPECIES).predicted_displacement_to_minimum(batch, drawn)
    monkeypatch.setattr(springs_module, "KEPT", 2)
    springs = Springs(TERM, SPECIES)
    for _ in range(2):
        found = springs.predicted_displacement_to_minimum(batch, drawn)
        np.testing.assert_array_equal(found, all_kept)
        assert sorted(springs.inverses) == [0, 1]


def test_ties_alone_pull_straight_back(batch, drawn):
    springs = Springs(TERM.model_copy(update={"bond_stiffness": 0.0}), SPECIES)
    forces = springs.forces(batch, drawn)
    np.testing.assert_allclose(forces, -TERM.stiffness * drawn, rtol=1e-12)
    np.testing.assert_allclose(
        springs.predicted_displacement_to_minimum(batch, forces), -drawn, rtol=1e-12
    )
    assert not springs.inverses
