"""Virials of atoms of a potential with charges, polarization and dispersion."""

import numpy as np
import pytest
import torch
from charged import charged_checkpoint, with_charge
from lammps_run import NKTV2P, head, style

from physrep.geometry import single_geometry
from physrep.neighbors import neighbor_list
from physrep.potential import Potential

CHARGE = 1.0
STEP = 1e-4  # strain
COMPONENTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def expected_virials(potential: Potential, atoms) -> np.ndarray:
    """(n_atoms, 6) eV: half of each edge's to each end; of the long range -w_i/2 dpsi_i/dstrain by
    central differences, psi_i = dE/dw_i at fixed sources.
    """
    tensors = (atoms.positions, atoms.cell.array, atoms.pbc)
    positions, cell, pbc = (torch.tensor(value) for value in tensors)
    types = torch.tensor([potential.species.index(z) for z in atoms.numbers])
    found = neighbor_list(positions, cell, pbc, potential.cutoff)
    index, vectors = found.edge_index, found.vectors.clone().requires_grad_(True)
    place = single_geometry(positions, cell, pbc, CHARGE)
    energies = potential(types, index, vectors, None, place)
    (energies.atomic.sum() + energies.long_range.sum()).backward()
    outer = -vectors.detach().unsqueeze(2) * vectors.grad.unsqueeze(1)
    virials = torch.zeros(len(atoms), 3, 3, dtype=torch.float64)
    for ends in index:
        virials.index_add_(0, ends, 0.5 * outer)
    sources, one = energies.sources.detach(), torch.zeros_like(types)
    polarizabilities = energies.polarizabilities.detach()

    def potentials_at(strain: torch.Tensor) -> torch.Tensor:
        moved = torch.eye(3, dtype=torch.float64) + strain
        leaf = sources.clone().requires_grad_(True)
        strained = single_geometry(positions @ moved, cell @ moved, pbc, CHARGE)
        energy = potential.long_range(leaf, polarizabilities, one, strained).sum()
        return torch.autograd.grad(energy, leaf)[0]

    for a, b in COMPONENTS:
        strain = torch.zeros(3, 3, dtype=torch.float64)
        strain[a, b] += 0.5 * STEP
        strain[b, a] += 0.5 * STEP
        slope = (potentials_at(strain) - potentials_at(-strain)) / (2.0 * STEP)
        part = -0.5 * (sources * slope).sum(dim=1)
        virials[:, a, b] += part
        if a != b:
            virials[:, b, a] += part
    symmetric = 0.5 * (virials + virials.transpose(1, 2))
    return np.array([[symmetric[k, a, b] for a, b in COMPONENTS] for k in range(len(atoms))])


@pytest.mark.parametrize("ranks", [1, 2])
def test_each_atom_has_its_share_and_they_add_up(lammps, charged_pt, liquid_box, tmp_path, ranks):
    sums = " ".join(f"c_s[{k}]" for k in range(1, 7))
    measure = (
        f"compute s all stress/atom NULL virial\ncompute v all reduce sum {sums}\n"
        f"dump virials all custom 1 virials id type {sums}\n"
        "dump_modify virials sort id format float %20.15g\n"
        f"thermo_style custom step pxx pyy pzz pxy pxz pyz vol {sums.replace('c_s', 'c_v')}\n"
        "thermo_modify format float %20.15g\nrun 0\n"
    )
    commands = head(liquid_box, tmp_path) + style(charged_pt, f"charge {CHARGE:g}")
    run = lammps(commands + measure, ranks)
    row = run.thermo()[-1]
    np.testing.assert_allclose(-row[8:] / row[7], row[1:7], rtol=1e-8, atol=1e-5)
    potential = charged_checkpoint().potential.eval()
    atoms = with_charge(liquid_box, CHARGE)
    expected = expected_virials(potential, atoms)
    found = -run.dump("virials")[:, 2:8] / NKTV2P
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-5)
