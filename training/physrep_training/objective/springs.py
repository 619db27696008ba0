"""Springs that hold a stable structure: the target for the forces near it.

Every atom is tied to its place, and every two atoms to their distance, strongly where they are
bonded. The stiffness of a pair falls with the sixth power of the distance, as in the
distance-dependent elastic networks for proteins (Yang, Song and Jernigan, PNAS 106 (2009) 12347)
and the model Hessians from which quantum chemistry starts its optimisations. A network whose
energy is a sum over pairs meets such a target where it fits its energies too; of ties to places
alone it must unlearn that bonds are stiff.
"""

import torch
from torch import Tensor
from torch_geometric.data import Batch

from physrep.covalent import radii_of
from physrep.nn.scatter import sum_edges
from physrep_training.data.moving_edges import moved
from physrep_training.objective.loss_config import DenoiseTerm

KEPT = 20_000  # inverse Hessians; of 18 atoms one takes 12 kB
LARGEST_RATIO = 1.05  # (r_i + r_j) / d: nearer pairs are as stiff as at this one


class Springs:
    """E = k/2 sum_i |x_i|^2 + sum_{i<j} k_ij/2 (d_ij - d0_ij)^2, k_ij = k_b ((r_i + r_j) / d0)^6.

    x: displacements from the stable structure; d0: its distances; r: covalent radii (Cordero et
    al., Dalton Trans. 2008, 2832). k and k_b: ``stiffness`` and ``bond_stiffness``, eV/A^2.
    """

    def __init__(self, term: DenoiseTerm, species: list[int]) -> None:
        """species: atomic numbers of the types."""
        self.ties = term.stiffness
        self.bonds = term.bond_stiffness
        self.radii = torch.tensor(radii_of(species).tolist())
        self.inverses: dict[int, Tensor] = {}  # by the structure's place in its data set

    def forces(self, batch: Batch, displacement: Tensor) -> Tensor:
        """Forces (n_atoms, 3) eV/A at displacements (n_atoms, 3) A."""
        pull = -self.ties * displacement
        if self.bonds == 0.0:
            return pull
        vectors = moved(batch, displacement)
        distances = torch.linalg.norm(vectors, dim=1)
        rest = torch.linalg.norm(batch.vectors, dim=1)
        tension = self.stiffness(batch) * (distances - rest) / distances
        return pull + sum_edges(
            tension.unsqueeze(1) * vectors, batch.edge_index[0], batch.num_nodes
        )

    def stiffness(self, batch: Batch) -> Tensor:
        """k_ij of every edge, (n_edges,) eV/A^2."""
        radii = self.radii.to(batch.vectors).index_select(0, batch.types)
        sums = radii.index_select(0, batch.edge_index[0]) + radii.index_select(
            0, batch.edge_index[1]
        )
        ratio = sums / torch.linalg.norm(batch.vectors, dim=1)
        return self.bonds * ratio.clamp(max=LARGEST_RATIO) ** 6

    def predicted_displacement_to_minimum(self, batch: Batch, forces: Tensor) -> Tensor:
        """One Newton step from forces (n_atoms, 3) eV/A to the minimum: H^-1 F, (n_atoms, 3) A;
        H is the Hessian of the springs at rest.
        """
        if self.bonds == 0.0:
            return forces / self.ties
        steps = [
            self.inverse(batch, k) @ forces[batch.ptr[k] : batch.ptr[k + 1]].flatten()
            for k in range(batch.num_graphs)
        ]
        return torch.cat(steps).view_as(forces)

    def inverse(self, batch: Batch, k: int) -> Tensor:
        """H^-1 of structure k of a batch, (3 n, 3 n) A^2/eV; the first KEPT of a data set are kept
        for their next visits.
        """
        place = int(batch.place[k])
        if place in self.inverses:
            return self.inverses[place]
        inverse = torch.linalg.inv(self.hessian(batch, k)).to(batch.vectors.dtype)
        if len(self.inverses) < KEPT:
            self.inverses[place] = inverse
        return inverse

    def hessian(self, batch: Batch, k: int) -> Tensor:
        """Second derivatives of E at rest, (3 n, 3 n) eV/A^2, float64."""
        first, last = int(batch.ptr[k]), int(batch.ptr[k + 1])
        n = last - first
        inside = (batch.edge_index[0] >= first) & (batch.edge_index[0] < last)
        i, j = batch.edge_index[:, inside] - first
        vectors = batch.vectors[inside].double()
        unit = vectors / torch.linalg.norm(vectors, dim=1, keepdim=True)
        stiffness = self.stiffness(batch)[inside].double()
        blocks = stiffness[:, None, None] * unit[:, :, None] * unit[:, None, :]
        hessian = vectors.new_zeros(n * n, 3, 3)
        hessian.index_add_(0, i * n + i, blocks).index_add_(0, i * n + j, -blocks)
        flat = hessian.view(n, n, 3, 3).transpose(1, 2).reshape(3 * n, 3 * n)
        return flat + self.ties * torch.eye(3 * n).to(flat)
