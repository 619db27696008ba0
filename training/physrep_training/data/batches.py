"""Graphs side by side as one batch."""

from collections.abc import Sequence

import torch
from torch_geometric.data import Batch, Data

NAMES = ("source", "frame")  # of each graph; all else but num_nodes are tensors


def joined(graphs: Sequence[Data]) -> Batch:
    """The same as ``Batch.from_data_list``, which takes several times as long: it keeps what
    would divide the batch again, which nothing here does.

    ``batch`` (n_atoms,) tells which graph an atom is of, ``ptr`` (n_graphs + 1,) where each begins.
    """
    members = [graph.to_dict() for graph in graphs]
    tensors = [name for name, value in members[0].items() if isinstance(value, torch.Tensor)]
    along = {name: -1 if name == "edge_index" else 0 for name in tensors}
    values = {
        name: torch.cat([member[name] for member in members], dim=along[name]) for name in tensors
    }
    n_atoms = torch.tensor([member["num_nodes"] for member in members])
    n_edges = torch.tensor([member["edge_index"].size(1) for member in members])
    starts = torch.cat([n_atoms.new_zeros(1), n_atoms.cumsum(0)])
    values["edge_index"] += torch.repeat_interleave(starts[:-1], n_edges)
    batch = Batch(**values, **{name: [member[name] for member in members] for name in NAMES})
    batch.num_nodes = int(starts[-1])
    batch.batch = torch.repeat_interleave(torch.arange(len(members)), n_atoms)
    batch.ptr = starts
    return batch
