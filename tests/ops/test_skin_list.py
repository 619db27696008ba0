"""The list that is kept over steps holds what a search in every step finds."""

import copy
import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from systems import random_atoms

from physrep import ops
from physrep.neighbors import neighbor_list
from physrep.ops.skin_list import SkinList

CUTOFF = 3.3
TRICLINIC = np.array([[7.0, 0.0, 0.0], [2.1, 6.2, 0.0], [-1.4, 1.3, 6.6]])
ORTHORHOMBIC = np.diag([11.0, 12.0, 13.0])


@pytest.fixture(autouse=True)
def _without_compiled_operators(monkeypatch):
    monkeypatch.setattr(ops, "available", lambda: False)


def structure_of(atoms: Atoms) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    arrays = (atoms.positions, atoms.cell.array, atoms.pbc)
    return tuple(torch.from_numpy(array.copy()) for array in arrays)


def in_order(found):
    """Edges and vectors, sorted by centre, neighbour and image."""
    keys = torch.cat([found.edge_index.T, found.shifts], dim=1).numpy()
    order = np.lexsort(keys.T[::-1])
    return keys[order], found.vectors.numpy()[order]


def assert_complete(kept: SkinList, atoms: Atoms) -> None:
    structure = structure_of(atoms)
    ours, theirs = kept(*structure), neighbor_list(*structure, CUTOFF)
    edges, vectors = in_order(ours)
    expected_edges, expected_vectors = in_order(theirs)
    np.testing.assert_array_equal(edges, expected_edges)
    np.testing.assert_array_equal(vectors, expected_vectors)  # bit for bit
    assert torch.equal(ours.edge_index.T[:, 0], torch.from_numpy(edges[:, 0]))  # sorted as it is


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 1, 0), (0, 1, 0), (0, 0, 0)])
@pytest.mark.parametrize("cell", [TRICLINIC, ORTHORHOMBIC], ids=["triclinic", "orthorhombic"])
def test_complete_under_motion_strain_and_jumps(cell, pbc):
    rng = np.random.default_rng(3)
    atoms = random_atoms(40, cell, seed=1)
    atoms.pbc = pbc
    kept = SkinList(CUTOFF)
    velocities = rng.normal(size=(40, 3)) * 0.02
    for step in range(60):
        velocities += rng.normal(size=(40, 3)) * 0.004 - 0.02 * velocities
        atoms.positions += velocities
        if step % 3 == 0:  # a barostat
            strain = np.eye(3) + rng.normal(size=(3, 3)) * 0.002
            atoms.set_cell(atoms.cell.array @ strain, scale_atoms=step % 2 == 0)
        if step % 7 == 0:  # an engine that wraps
            whole = rng.integers(-2, 3, size=(40, 3)) * np.array(pbc)
            atoms.positions += whole @ atoms.cell.array
        if step % 11 == 0:
            atoms.wrap()
        assert_complete(kept, atoms)
    assert kept.n_searches < 25


def test_searches_when_an_atom_has_moved_half_the_skin():
    atoms = random_atoms(40, ORTHORHOMBIC)
    kept = SkinList(CUTOFF, skin=0.8)
    assert_complete(kept, atoms)
    atoms.positions[3] += [0.01, 0.0, 0.0]
    assert_complete(kept, atoms)  # the second frame, with the skin
    assert kept.n_searches == 2
    start = atoms.positions.copy()
    for moved, n_searches in ((0.39, 2), (-0.39, 2), (0.42, 3)):
        atoms.positions = start
        atoms.positions[3, 0] += moved
        assert_complete(kept, atoms)
        assert kept.n_searches == n_searches


def test_does_not_search_for_what_moves_no_atom_against_another():
    atoms = random_atoms(40, ORTHORHOMBIC)
    kept = SkinList(CUTOFF)
    assert_complete(kept, atoms)
    atoms.positions += [0.1, 0.0, 0.0]
    assert_complete(kept, atoms)
    before = kept.n_searches
    atoms.positions += [4.0, 2.0, -3.0]
    assert_complete(kept, atoms)
    atoms.positions[5] += 3 * atoms.cell[1] - atoms.cell[0]
    assert_complete(kept, atoms)
    atoms.set_cell(atoms.cell.array * 1.01, scale_atoms=True)
    assert_complete(kept, atoms)
    assert kept.n_searches == before


def test_the_result_depends_on_the_frame_alone():
    """Also the order, so that a restarted run sums in the order of the one that went on."""
    rng = np.random.default_rng(0)
    atoms = random_atoms(30, TRICLINIC)
    kept = SkinList(CUTOFF)
    for _ in range(20):
        atoms.positions += rng.normal(size=(30, 3)) * 0.02
        atoms.positions[4] += atoms.cell[2]
        structure = structure_of(atoms)
        for ours, theirs in zip(kept(*structure), SkinList(CUTOFF)(*structure), strict=True):
            assert torch.equal(ours, theirs)
    assert kept.n_searches < 10


def test_serves_unrelated_frames_without_a_skin():
    kept = SkinList(CUTOFF)
    for seed in range(4):
        assert_complete(kept, random_atoms(30, TRICLINIC, seed))
        assert_complete(kept, random_atoms(20 + seed, ORTHORHOMBIC, seed))
    assert kept._kept is not None
    assert kept._kept.reach < CUTOFF + 0.01


def test_copies_start_empty_and_agree():
    atoms = random_atoms(30, TRICLINIC)
    kept = SkinList(CUTOFF, skin=0.5)
    assert_complete(kept, atoms)
    for other in (copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert (other.cutoff, other.skin, other.n_searches) == (CUTOFF, 0.5, 0)
        assert_complete(other, atoms)


def test_refuses_what_the_search_refuses():
    atoms = random_atoms(30, TRICLINIC)
    kept = SkinList(CUTOFF)
    kept(*structure_of(atoms))
    atoms.positions[2, 1] = np.nan
    with pytest.raises(ValueError, match="positions hold NaN"):
        kept(*structure_of(atoms))
    flat = random_atoms(30, TRICLINIC)
    kept(*structure_of(flat))
    flat.set_cell(flat.cell.array * [[1.0], [1.0], [0.0]])
    with pytest.raises(ValueError, match="the cell is flat"):
        kept(*structure_of(flat))


def test_memory_grows_with_the_atoms():
    sizes = {}
    for n in (1, 2):
        atoms = random_atoms(40, ORTHORHOMBIC) * (n, n, n)
        kept = SkinList(CUTOFF)
        for _ in range(2):
            atoms.positions += np.random.default_rng(0).normal(size=(len(atoms), 3)) * 0.01
            kept(*structure_of(atoms))
        sizes[n] = kept._kept.edge_index.numel()
    assert sizes[2] == pytest.approx(8 * sizes[1], rel=0.05)
