"""The guard: what ends a run, on all ranks alike, and what is left of it."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from lammps_run import SPECIES, head, style, without_forces
from test_errors import fails, forge

from physrep.engines.export import export_potential

RANKS = pytest.mark.parametrize("ranks", [1, 2, 4])


def collision(distance: float = 3.0) -> Atoms:
    """Two hydrogen atoms on their way into one another, and an idle pair far from them."""
    atoms = Atoms("H2CO", cell=[20.0, 20.0, 20.0], pbc=True)
    atoms.positions = [[5, 5, 5], [5 + distance, 5, 5], [15, 15, 15], [15, 15, 16.2]]
    return atoms


@pytest.fixture(scope="module", name="flat")
def _flat(checkpoint, tmp_path_factory):
    """A potential without forces, so that atoms fly through one another; H-H 1.4 A in the data."""
    made = without_forces(checkpoint)
    made.potential.shortest_distances[1, 1] = 1.4
    path = tmp_path_factory.mktemp("flat") / "flat.pt"
    export_potential(made, path, dtype="float64", ops="portable")
    return path


FLY = """
velocity all set 0 0 0
group one id 1
velocity one set 100 0 0
fix n all nve
timestep 0.001
"""


@RANKS
def test_a_contact_ends_the_run_with_both_frames(lammps, flat, tmp_path, ranks):
    # 0.1 A a step from 3 A on: below 0.7 A in step 24; frames are kept every 10th.
    run = lammps(head(collision(), tmp_path) + style(flat) + FLY + "run 100\n", ranks, check=False)
    assert run.returncode != 0
    text = " ".join(run.output.split())
    assert text.count("ERROR: fix physrep/guard:") == 1, run.output
    assert "1 (H)" in text and "2 (H)" in text
    assert "0.6000 A apart at step 24" in text and "limit 0.7 A" in text
    assert "the last good frame (step 20) and this one are in physrep_guard.lammpstrj" in text
    good, bad = ase.io.read(
        tmp_path / "physrep_guard.lammpstrj", ":", format="lammps-dump-text", specorder=SPECIES
    )
    assert good.get_chemical_symbols() == ["H", "H", "C", "O"]
    assert good.get_distance(0, 1) == pytest.approx(1.0)
    assert bad.get_distance(0, 1) == pytest.approx(0.6)
    assert np.array_equal(bad.positions[2:], good.positions[2:])


def test_a_force_above_the_limit(lammps, flat, tmp_path):
    section = "group two id 2\nfix push two addforce 0 0 60.0\nfix n all nve\ntimestep 0.0001\n"
    commands = head(collision(), tmp_path) + style(flat) + section
    text = "the force on atom 2 (H) is 60 eV/A at step 10 (limit 50)"
    fails(lammps, commands + "run 30\n", text, ranks=2)
    own = "fix g all physrep/guard 4 force 20 dump none\n"
    fails(lammps, commands + own + "run 30\n", "60 eV/A at step 4 (limit 20)")
    lammps(commands + "fix g all physrep/guard 1 force 70\nrun 12\n")


def test_no_guard(lammps, flat, tmp_path):
    commands = head(collision(), tmp_path) + style(flat, "guard off") + FLY
    assert lammps(commands + "run 40\n").thermo()[-1][0] == 40


def test_not_a_number_in_the_energy(lammps, ean_box, potentials, tmp_path):
    file = forge(potentials["float64"], tmp_path / "nan.pt", scale=float("nan"))
    commands = head(ean_box, tmp_path) + style(file) + "run 0\n"
    fails(lammps, commands, "the energy of atom", "is nan at step 0", ranks=2)
    fails(lammps, commands.replace("run 0", "minimize 0 0 9 9"), "is nan at step 0")


def test_a_position_that_is_no_number_is_named(lammps, ean_box, potentials, tmp_path):
    # read_data takes no such positions.
    section = "variable broken atom 'exp(1000) - exp(1000)'\nset atom 7 x v_broken\nrun 0\n"
    commands = head(ean_box, tmp_path) + style(potentials["float64"])
    fails(lammps, commands + section, "the position of atom 7 (", "nan", ranks=2)


@pytest.mark.parametrize("command", ["run 0", "minimize 0 1e-3 10 10", "fix n all nve\nrun 3"])
def test_overlaps_are_refused_at_the_start(lammps, ean_box, potentials, tmp_path, command):
    atoms = ean_box.copy()
    atoms.positions[17] = atoms.positions[3]
    start = head(atoms, tmp_path) + style(potentials["float64"])
    fails(lammps, start + command + "\n", "at the same place", "is an atom there twice")
    assert not (tmp_path / "physrep_guard.lammpstrj").exists()


def test_frames_of_rerun_are_checked(lammps, ean_box, potentials, tmp_path):
    commands = head(ean_box, tmp_path) + style(potentials["float64"])
    lammps(commands + "write_dump all custom frames id type x y z modify sort id\n")
    text = (tmp_path / "frames").read_text().splitlines()
    words, other = text[9].split(), text[10].split()
    text[9] = " ".join([*words[:2], *other[2:]])
    again = "\n".join(text).replace("TIMESTEP\n0", "TIMESTEP\n1")
    with (tmp_path / "frames").open("a") as file:
        file.write(again + "\n")
    fails(lammps, commands + "rerun frames dump x y z\n", "at the same place", "at step 1")


def test_wrong_use(lammps, ean_box, potentials, tmp_path):
    start = head(ean_box, tmp_path) + style(potentials["float64"])
    fails(lammps, start + "fix g all physrep/guard\n", "physrep/guard N [force LIMIT]")
    fails(lammps, start + "fix g all physrep/guard 0\n", "N is 0")
    fails(lammps, start + "fix g all physrep/guard 5 stop 3\n", "unknown keyword 'stop'")
    fails(lammps, start + "fix g all physrep/guard 5 force -1\n", "force is -1")
    other = "pair_style zero 5.0\npair_coeff * *\nfix g all physrep/guard 5\nrun 0\n"
    fails(lammps, head(ean_box, tmp_path) + other, "there is no pair_style physrep")


def test_frames_that_cannot_be_written(lammps, flat, tmp_path):
    commands = head(collision(), tmp_path) + style(flat) + FLY
    own = "fix g all physrep/guard 10 dump /nowhere/frames\nrun 100\n"
    fails(lammps, commands + own, "/nowhere/frames was not written: No such file", ranks=2)


def test_the_guard_goes_with_the_style(lammps, ean_box, potentials, tmp_path):
    commands = head(ean_box, tmp_path) + style(potentials["float64"]) + "run 0\ninfo fixes\n"
    other = "pair_style zero 5.0\npair_coeff * *\nrun 0\ninfo fixes\nclear\n"
    run = lammps(commands + other)
    assert run.output.count("physrep/guard") == 1
