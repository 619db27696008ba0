"""What else people run, with charges: hybrid styles, deleted atoms, restarts, minimisers, NVE."""

import numpy as np
import pytest
import torch
from ase import Atoms
from charged import MEASURE_Q, assert_equal, with_charge
from lammps_run import MEASURE, SPECIES, differences, eager, head, style
from repository import REPOSITORY
from test_errors import forge

from physrep.engines.export import prepare
from physrep.engines.lammps import write_data
from physrep.io.trajectories.frames import iter_frames
from physrep.potential import Potential

EXACT = "thermo_modify format float %20.15g\n"
NVE = f"timestep 0.0002\nfix n all nve\nthermo_style custom step etotal pe\n{EXACT}"


@pytest.fixture(name="potential")
def _potential(charged) -> Potential:
    return prepare(charged.potential, torch.float64)


def start(atoms: Atoms, folder, before: str = "") -> str:
    return head(atoms, folder, before, atom_style="charge")


def overlay(file, rest: str, elements: str = "C H N O") -> str:
    """physrep with total charge 1 beside another style with one coefficient for all types."""
    return (
        f"pair_style hybrid/overlay physrep charge 1 {rest}\n"
        f"pair_coeff * * physrep {file} {elements}\npair_coeff * * {rest.split(maxsplit=1)[0]}\n"
    )


@pytest.mark.parametrize("ranks", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_types_of_another_style_have_no_charge(
    lammps, charged_pt, potential, liquid_box, tmp_path, ranks
):
    atoms = with_charge(liquid_box, 1.0)
    atoms.set_initial_charges(np.full(len(atoms), 0.25))
    hybrid = overlay(charged_pt, "zero 5.0", "C H N NULL")
    run = lammps(start(atoms, tmp_path) + hybrid + MEASURE_Q, ranks)
    served, found = atoms.numbers != 8, run.dump()
    expected = eager(potential, with_charge(atoms[served], 1.0))
    assert np.abs(found[served, 2:5] - expected.forces.numpy()).max() < 1e-8
    assert np.abs(found[served, 6] - expected.charges.numpy()).max() < 1e-8
    assert np.all(found[~served, 2:6] == 0.0)
    assert np.all(found[~served, 6] == 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_a_style_of_zeros_changes_nothing(lammps, charged_pt, potential, systems, tmp_path, ranks):
    atoms = with_charge(systems["sheared"], 1.0)
    hybrid = overlay(charged_pt, "zero 5.0")
    assert_equal(lammps(start(atoms, tmp_path) + hybrid + MEASURE_Q, ranks), atoms, potential)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 2])
def test_other_styles_read_the_charges_of_this_step(
    lammps, charged_pt, liquid_box, tmp_path, ranks
):
    # No new ghosts in this run: what they have of q, they have from this style.
    section = (
        "neigh_modify every 100 delay 100 check no\ncompute c all pair coul/cut ecoul\n"
        f"velocity all create 600 5\n{NVE}thermo_style custom step pe c_c\n{EXACT}thermo 1\n"
        "run 3\npair_style coul/cut 5.0\npair_coeff * *\nuncompute c\n"
        f"thermo_style custom step pe ecoul\n{EXACT}run 0\n"
    )
    commands = start(liquid_box, tmp_path) + overlay(charged_pt, "coul/cut 5.0") + section
    rows = lammps(commands, ranks).thermo()
    assert abs(rows[3][2] - rows[0][2]) > 1e-6  # the charges change along the run
    assert rows[4][2] == pytest.approx(rows[3][2], abs=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 3])
def test_excluded_is_deleted(lammps, charged_pt, potential, systems, tmp_path, ranks):
    atoms = with_charge(systems["sheared"], -1.0)
    section = "group gone id 1:25\nneigh_modify exclude group gone all\n"
    run = lammps(
        start(atoms, tmp_path) + style(charged_pt, "charge -1") + section + MEASURE_Q, ranks
    )
    expected = eager(potential, with_charge(atoms[25:], -1.0))
    rotated = eager(potential, with_charge(atoms, -1.0))  # another system
    found = run.dump()
    assert np.abs(found[25:, 5] - expected.atomic_energies.numpy()).max() < 1e-8
    assert np.abs(found[25:, 6] - expected.charges.numpy()).max() < 1e-8
    assert np.abs(found[25:, 6] - rotated.charges.numpy()[25:]).max() > 1e-3
    assert np.all(found[:25, 2:] == 0.0)


@pytest.mark.slow
def test_ids_with_gaps(lammps, charged_pt, potential, systems, tmp_path):
    atoms = with_charge(systems["box"], 1.0)
    atoms.pbc = False
    kept = atoms[[k for k in range(len(atoms)) if k % 3]]
    section = "".join(f"group gone id {k + 1}\n" for k in range(0, len(atoms), 3))
    section += "delete_atoms group gone compress no\n"
    before = "atom_modify map hash"
    commands = start(atoms, tmp_path, before) + style(charged_pt, "charge 1") + section + MEASURE_Q
    assert_equal(lammps(commands, 2), kept, potential)


@pytest.mark.slow
def test_a_fix_gives_atoms_q(lammps, charged_pt, potential, systems, tmp_path):
    atoms = with_charge(systems["sheared"], 1.0)
    commands = head(atoms, tmp_path, "fix q all property/atom q ghost yes")
    run = lammps(commands + style(charged_pt, "charge 1") + MEASURE_Q, 2)
    assert_equal(run, atoms, potential)


@pytest.mark.slow
def test_atoms_without_q(lammps, charged_pt, potential, systems, tmp_path):
    atoms = with_charge(systems["sheared"], 1.0)
    run = lammps(head(atoms, tmp_path) + style(charged_pt, "charge 1") + MEASURE, 2)
    assert "not written (atom_style without q)" in run.output
    assert differences(run, atoms, eager(potential, atoms)).force < 1e-8


@pytest.mark.slow
def test_the_metadata_alone_takes_no_charges_away(lammps, charged_pt, potential, systems, tmp_path):
    atoms = with_charge(systems["box"], 1.0)
    file = forge(charged_pt, tmp_path / "forged.pt", electrostatics=None)
    run = lammps(start(atoms, tmp_path) + style(file, "charge 1") + MEASURE_Q, 2)
    assert_equal(run, atoms, potential)


@pytest.mark.slow
@pytest.mark.parametrize("boundary", [True, False])
def test_energy_is_conserved(lammps, charged_pt, systems, tmp_path, boundary):
    atoms = systems["box"].copy()
    if not boundary:
        atoms.pbc = False
        atoms.center(vacuum=3.0)
    section = (
        f"velocity all create 100 5 mom yes\nneigh_modify every 2 delay 0 check no\n{NVE}thermo 1\n"
    )
    commands = start(atoms, tmp_path, "atom_modify map yes") + style(charged_pt, "charge 1")
    swings = []
    for step, n in ((0.0002, 20), (0.0001, 40)):
        timed = section.replace("0.0002", str(step)) + f"run {n}\n"
        rows = lammps(commands + timed, 2).thermo()
        swings.append(np.ptp(rows[:, 1]))
    assert np.ptp(rows[:, 2]) > 0.1  # eV
    # Verlet's error is of second order in the time step.
    assert swings[0] / swings[1] == pytest.approx(4.0, rel=0.25)


@pytest.mark.slow
def test_restart_and_rerun(lammps, charged_pt, systems, tmp_path):
    again = style(charged_pt, "charge 1")
    dump = (
        "dump f all custom 2 frames id type x y z q\ndump_modify f sort id format float %20.15g\n"
    )
    whole = (
        f"velocity all create 300 5\n{NVE}thermo 2\n{dump}run 4\nwrite_restart half\nrun 4\n"
        f"undump f\nclear\nread_restart half\n{again}{NVE}thermo 2\nrun 4\n"
        "unfix n\ncompute most all reduce max q\n"
        "rerun frames dump x y z\n"
        "write_dump all custom last id type x y z q modify sort id format float %20.15g\n"
    )
    commands = start(systems["box"], tmp_path, "atom_modify map yes") + again + whole
    run = lammps(commands.replace("compute most all reduce max q\n", ""), 2)
    rows = run.thermo()
    np.testing.assert_allclose(rows[6:9], rows[3:6], rtol=1e-11)  # restart
    np.testing.assert_allclose(rows[9:, 2], rows[[0, 1, 2, 4, 5], 2], rtol=1e-11)  # rerun
    last = run.dump("last")
    assert np.abs(last[:, 5] - run.dump("frames")[:, 5]).max() < 1e-9
    assert last[:, 5].sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.slow
def test_minimiser_that_changes_the_box(lammps, charged_pt, systems, tmp_path):
    section = (
        "fix b all box/relax tri 0.0 vmax 0.001\nthermo_style custom step pe fnorm\n"
        "minimize 0 1e-3 15 60\nrun 0\n"
    )
    rows = lammps(start(systems["sheared"], tmp_path) + style(charged_pt) + section, 2).thermo()
    assert rows[-1][1] < rows[0][1] - 1.0
    assert np.isfinite(rows).all()


def test_the_input_for_users(lammps, charged_pt, liquid_box, tmp_path):
    """lammps/in.charges writes what analyze reads: positions, velocities, the network's charges."""
    write_data(liquid_box, tmp_path / "box.data", SPECIES, atom_style="charge")
    variables = {"potential": charged_pt, "data": "box.data", "settle": 2, "steps": 16}
    given = "".join(f"variable {name} index {value}\n" for name, value in variables.items())
    lammps(given + (REPOSITORY / "lammps" / "in.charges").read_text(), 2)
    frames = list(iter_frames(tmp_path / "ean.lammpstrj", dt=0.004))
    assert len(frames) == 3
    for frame in frames:
        assert frame.velocities is not None and frame.charges is not None
        assert frame.charges.sum() == pytest.approx(0.0, abs=1e-4)  # six digits in the dump
        assert frame.charges.std() > 0.1
