"""Positions of one run in a cell that changes, in all the forms that programs write them."""

import ase.io
import mdtraj
import numpy as np
import pytest
from ase import Atoms

from physrep.analysis.motion.msd import DisplacementSums, diffusion
from physrep.analysis.motion.unwrapping import Unwrapper
from physrep.io.trajectories.frames import open_trajectory

ALL = np.ones(3, bool)
N_ATOMS, N_FRAMES, INTERVAL, D = 40, 1000, 0.2, 1.5  # ps, A^2/ps
CELL = np.array([[12.0, 0.0, 0.0], [3.0, 11.0, 0.0], [-2.0, 4.0, 10.0]])
FORMS = ["x", "xs", "xu", "x ix", "dcd", "xtc", "extxyz"]


def npt_run() -> tuple[np.ndarray, np.ndarray]:
    """Unwrapped positions (n_frames, n_atoms, 3) as LAMMPS writes them, and cells.

    Atoms walk with a known D; a barostat scales all positions in the cell with it (M. Parrinello,
    A. Rahman, J. Appl. Phys. 52 (1981) 7182), so that atoms n cells away move with n cells. They
    have been away for long: up to 30 cells at the start.
    """
    rng = np.random.default_rng(0)
    cells, strain = np.empty((N_FRAMES, 3, 3)), np.zeros((3, 3))
    for cell in cells:  # every element of the cell fluctuates by 2 %
        strain = 0.99 * strain + 0.02 * np.sqrt(1.0 - 0.99**2) * rng.normal(size=(3, 3))
        cell[:] = CELL @ (np.eye(3) + np.tril(strain))
    fractions = rng.uniform(-30.0, 30.0, (N_ATOMS, 3))
    frames = np.empty((N_FRAMES, N_ATOMS, 3))
    for k, cell in enumerate(cells):
        step = rng.normal(0.0, np.sqrt(2.0 * D * INTERVAL), (N_ATOMS, 3))
        fractions = fractions + (step - step.mean(axis=0)) @ np.linalg.inv(cell)
        frames[k] = fractions @ cell
    return frames, cells


def dump(path, columns: str, table, cells) -> None:
    """A LAMMPS dump of restricted triclinic cells."""
    with open(path, "w") as file:
        for k, (rows, cell) in enumerate(zip(table, cells, strict=True)):
            (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell
            x_bounds = min(0.0, xy, xz, xy + xz), lx + max(0.0, xy, xz, xy + xz)
            y_bounds = min(0.0, yz), ly + max(0.0, yz)
            file.write(f"ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n{len(rows)}\n")
            file.write("ITEM: BOX BOUNDS xy xz yz pp pp pp\n")
            bounds = ((*x_bounds, xy), (*y_bounds, xz), (0.0, lz, yz))
            file.writelines("{:.8f} {:.8f} {:.8f}\n".format(*row) for row in bounds)
            file.write(f"ITEM: ATOMS id element {columns}\n")
            texts = (" ".join(f"{x:.9g}" for x in row) for row in rows)
            file.writelines(f"{i} Na {text}\n" for i, text in enumerate(texts, 1))


@pytest.fixture(name="run", scope="module")
def _run(tmp_path_factory):
    """Folder with the run in every form."""
    folder = tmp_path_factory.mktemp("npt")
    frames, cells = npt_run()
    fractions = np.array([x @ np.linalg.inv(cell) for x, cell in zip(frames, cells, strict=True)])
    images = np.floor(fractions)
    inside = np.array([s @ cell for s, cell in zip(fractions - images, cells, strict=True)])
    dump(folder / "x.dump", "x y z", inside, cells)
    dump(folder / "xs.dump", "xs ys zs", fractions - images, cells)
    dump(folder / "xu.dump", "xu yu zu", frames, cells)
    dump(folder / "x ix.dump", "x y z ix iy iz", np.concatenate([inside, images], axis=2), cells)
    atoms = [
        Atoms(f"Na{N_ATOMS}", x, cell=cell, pbc=True) for x, cell in zip(inside, cells, strict=True)
    ]
    ase.io.write(folder / "top.pdb", atoms[0])
    ase.io.write(folder / "extxyz.extxyz", atoms)
    with mdtraj.formats.XTCTrajectoryFile(str(folder / "xtc.xtc"), "w") as file:
        times = INTERVAL * np.arange(N_FRAMES, dtype=np.float32)
        file.write(np.float32(inside / 10), time=times, box=np.float32(cells / 10))
    shape = np.array([one.cell.cellpar() for one in atoms])
    with mdtraj.formats.DCDTrajectoryFile(str(folder / "dcd.dcd"), "w") as file:
        file.write(np.float32(inside), cell_lengths=shape[:, :3], cell_angles=shape[:, 3:])
    return folder


def coefficient(steps) -> float:
    """D in A^2/ps of continuous positions."""
    sums = DisplacementSums(["Na"] * N_ATOMS, np.full(N_ATOMS, 23.0), INTERVAL, N_FRAMES // 10)
    for positions in steps:
        sums.add(positions, np.zeros((3, 3)), np.zeros(3, bool))
    return diffusion(sums.result(), "Na").coefficient


@pytest.mark.case
@pytest.mark.parametrize("form", FORMS)
def test_one_run_has_one_diffusion_coefficient_in_every_form(form, run):
    (path,) = run.glob(f"{form}.*")
    topology = run / "top.pdb" if form in ("dcd", "xtc") else None
    unwrapper = Unwrapper()
    found = coefficient(
        unwrapper.add(frame.positions, frame.cell, frame.pbc, frame.wrapped)
        for frame in open_trajectory(path, topology)
    )
    # Of 40 walkers the standard error is 4 %; forms differ by the rounding of XTC and by which
    # image an atom is wrapped into.
    assert found == pytest.approx(D, rel=0.12)
    assert found == pytest.approx(of_the_walk(), rel=0.02)


def of_the_walk() -> float:
    """D of the same steps without a cell."""
    rng = np.random.default_rng(0)
    rng.normal(size=(N_FRAMES, 3, 3)), rng.uniform(size=(N_ATOMS, 3))  # of the cell, of the start
    steps = rng.normal(0.0, np.sqrt(2.0 * D * INTERVAL), (N_FRAMES, N_ATOMS, 3))
    return coefficient(np.cumsum(steps, axis=0))


def test_unwrapped_positions_as_they_are_give_another_coefficient():
    frames, _ = npt_run()
    assert coefficient(frames) != pytest.approx(D, rel=0.2)


def test_unwrapped_positions_may_move_by_many_cells_between_frames():
    rng = np.random.default_rng(3)
    steps = rng.normal(0.0, 20.0, (200, 5, 3))
    frames, unwrapper = np.cumsum(steps, axis=0), Unwrapper()
    found = np.array([unwrapper.add(x, CELL, ALL, wrapped=False) for x in frames])
    np.testing.assert_allclose(found - found[0], frames - frames[0], atol=1e-9)


def test_a_cell_that_flips_to_another_of_the_same_lattice_moves_nothing():
    """LAMMPS: xy grows beyond half of lx, and lx is taken off; images are counted anew."""
    inside = np.random.default_rng(4).uniform(size=(20, 3)) @ CELL
    flipped = CELL + np.array([np.zeros(3), -CELL[0], CELL[0]])
    images = np.random.default_rng(5).integers(-9, 9, (20, 3)) @ CELL
    unwrapper = Unwrapper()
    first = unwrapper.add(inside + images, CELL, ALL, wrapped=False).copy()
    for scale, cell in ((1.0, flipped), (1.01, flipped), (1.0, CELL)):
        found = unwrapper.add(scale * (inside + images), scale * cell, ALL, wrapped=False)
        assert np.abs(found - first).max() < 0.05 * np.abs(CELL).sum()  # not by 9 x 1 % of it
    np.testing.assert_allclose(found, first, atol=0.2)
    with pytest.raises(ValueError, match="too much to follow it"):
        unwrapper.add(inside, np.diag([3.0, 11.0, 30.0]), ALL, wrapped=False)
