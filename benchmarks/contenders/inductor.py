"""Our models through PyTorch's compiler instead of our own operators: MODEL, e.g. jat-published.

Energy and dE/dvectors are traced into one graph of variable sizes, which Inductor compiles to
C++ (one to two minutes); the neighbour list is physrep's operator. Models that decide by the data,
as those with ZBL and guard do, cannot be traced like this.
"""

import numpy as np
import torch
from ase import Atoms
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from contenders.common import Step, use_threads
from contenders.physrep_engines import load
from physrep import ops
from physrep.nn.scatter import sum_edges
from physrep.ops.neighbor_list import FusedNeighborList


def prepare(atoms: Atoms, variant: str) -> Step:
    use_threads()
    ops.load()
    potential = load(variant, atoms).potential.eval().requires_grad_(False)
    types = torch.tensor([potential.species.index(int(z)) for z in atoms.numbers])
    cell, pbc = torch.from_numpy(atoms.cell.array.copy()), torch.from_numpy(atoms.pbc.copy())

    def energy_and_slope(
        types: Tensor, edge_index: Tensor, vectors: Tensor
    ) -> tuple[Tensor, Tensor]:
        vectors = vectors.detach().requires_grad_(True)
        edges = potential.edges(types, edge_index, vectors, types.size(0))
        h = potential.embed(types, edges)
        for k in range(potential.n_layers):
            h = potential.step(k, h, edges)
        energy = potential.readout(h, types, edges).sum()
        return energy.detach(), torch.autograd.grad(energy, vectors)[0]

    neighbor_list = FusedNeighborList(potential.cutoff)

    def graph_of(positions: np.ndarray) -> tuple[Tensor, Tensor]:
        pairs = neighbor_list(torch.from_numpy(positions), cell, pbc)
        return pairs.edge_index, pairs.vectors.detach()

    start = types, *graph_of(atoms.positions)
    traced = make_fx(energy_and_slope, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*start)
    compiled = torch.compile(traced, dynamic=True)

    def step(positions: np.ndarray) -> tuple[float, np.ndarray]:
        edge_index, vectors = graph_of(positions)
        energy, slope = compiled(types, edge_index, vectors)
        i, j = edge_index
        forces = sum_edges(slope, i, len(types)) - sum_edges(slope, j, len(types))
        return float(energy), forces.numpy()

    return step
