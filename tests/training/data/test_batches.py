"""Batches equal those of torch_geometric, for molecules and for periodic structures."""

import pickle

import numpy as np
import torch
from systems import SPECIES, molecule
from torch.utils.data import DataLoader
from torch_geometric.data import Batch

from physrep.io import Structure
from physrep_training.data.batches import joined
from physrep_training.data.graphs import GraphDataset


def graphs() -> GraphDataset:
    """Molecules of several sizes, a periodic structure with all labels, a lone atom."""
    rng = np.random.default_rng(0)
    structures = [Structure(m.positions, m.numbers, energy=-1.0) for m in map(molecule, range(3))]
    atoms = molecule(3)
    virial = rng.random((3, 3))
    periodic = Structure(
        atoms.positions,
        atoms.numbers,
        cell=12.0 * np.eye(3),
        pbc=True,
        energy=-2.0,
        forces=rng.random((len(atoms), 3)),
        virial=virial + virial.T,
        source="box.extxyz",
        frame=7,
    )
    lone = Structure(np.zeros((1, 3)), atoms.numbers[:1], energy=0.5)
    return GraphDataset([*structures, periodic, lone], SPECIES, 4.0, torch.float64, "all")


def assert_equal(found: Batch, expected: Batch) -> None:
    assert set(found.keys()) == set(expected.keys())
    for name in expected.keys():  # noqa: SIM118 (a Batch yields pairs)
        one, other = found[name], expected[name]
        if isinstance(other, torch.Tensor) and isinstance(one, torch.Tensor):
            assert one.dtype == other.dtype, name
            np.testing.assert_array_equal(one, other, err_msg=name)
        else:
            assert list(one) == list(other) if isinstance(other, list) else one == other, name
    assert (found.num_graphs, found.num_nodes) == (expected.num_graphs, expected.num_nodes)


def test_joined_is_the_batch_of_torch_geometric():
    made = [graphs()[k] for k in range(5)]
    for chosen in (made, made[::-1], made[1:2], [made[2], made[2]], made[4:]):
        expected = Batch.from_data_list(chosen)
        expected.frame = expected.frame.tolist()
        assert_equal(joined(chosen), expected)


def test_joining_changes_no_graph():
    made = graphs()
    before = pickle.dumps([made[k].edge_index for k in range(5)])
    joined([made[k] for k in range(5)])
    joined([made[k] for k in range(5)])
    assert pickle.dumps([made[k].edge_index for k in range(5)]) == before


def test_batches_from_other_processes():
    made = graphs()
    (alone,) = DataLoader(made, 5, collate_fn=joined)
    (sent,) = DataLoader(made, 5, collate_fn=joined, num_workers=1)
    assert_equal(sent, alone)
