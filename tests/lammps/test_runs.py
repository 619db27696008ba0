"""What else people run: minimisers, barostats, replicas, hybrids, restarts, atoms that move."""

import os
import subprocess

import numpy as np
import pytest
import torch
from ase.build import molecule
from lammps_run import MEASURE, PROGRAMS, differences, eager, head, style

from physrep.engines.export import prepare

EXACT = "thermo_modify format float %20.15g\n"


def ethanol():
    """A molecule in a box, for runs that need no liquid."""
    atoms = molecule("CH3CH2OH", cell=[14.0, 14.0, 14.0], pbc=True)
    atoms.center()
    return atoms


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["iso", "aniso"])
def test_barostats(lammps, potentials, ean_box, tmp_path, kind):
    section = (
        "velocity all create 300 11\ntimestep 0.00025\n"
        f"fix 1 all npt temp 300 300 0.05 {kind} 0 0 0.5\n"
        f"thermo_style custom step etotal econserve lx ly lz\n{EXACT}thermo 10\nrun 40\n"
    )
    rows = lammps(head(ean_box, tmp_path) + style(potentials["float64"]) + section, 2).thermo()
    lengths = rows[-1][3:] / rows[0][3:]
    assert np.abs(lengths - 1.0).min() > 1e-6
    assert (np.ptp(lengths) < 1e-12) == (kind == "iso")
    assert np.ptp(rows[:, 2]) < 0.1 * np.ptp(rows[:, 1])  # eV


@pytest.mark.parametrize("box", ["fix b all box/relax tri 0.0 vmax 0.001\n"])
def test_minimisers(lammps, potentials, systems, tmp_path, box):
    section = f"{box}thermo_style custom step pe fnorm\nminimize 0 1e-3 15 60\nrun 0\n"
    commands = head(systems["sheared"], tmp_path) + style(potentials["float64"]) + section
    rows = lammps(commands, 2).thermo()
    assert rows[-1][1] < rows[0][1] - 1.0
    assert np.isfinite(rows).all()


@pytest.mark.slow
def test_minimise_from_a_bad_start_is_no_error(lammps, potentials, ean_box, tmp_path):
    # Contacts above the limit of the guard, forces far above its limit.
    atoms = ean_box.copy()
    atoms.rattle(0.15, seed=3)
    section = "thermo_style custom step pe\nmin_style cg\nminimize 0 1e-3 10 40\n"
    rows = lammps(head(atoms, tmp_path) + style(potentials["float64"]) + section).thermo()
    assert rows[-1][1] < rows[0][1] - 1.0  # eV


def test_hybrid_scaled(lammps, potentials, checkpoint, ean_box, tmp_path):
    hybrid = (
        "pair_style hybrid/scaled 0.25 physrep 0.75 physrep\n"
        f"pair_coeff * * physrep 1 {potentials['float64']} C H N O\n"
        f"pair_coeff * * physrep 2 {potentials['float64']} C H N O\n"
    )
    run = lammps(head(ean_box, tmp_path) + hybrid + MEASURE, 2)
    found = differences(run, ean_box, eager(prepare(checkpoint.potential, torch.float64), ean_box))
    assert found.force < 1e-8
    assert found.energy_per_atom < 1e-8
    assert found.virial < 1e-7


def test_restart_continues_the_run(lammps, potentials, ean_box, tmp_path):
    nve = "fix n all nve\ntimestep 0.0005\nthermo_style custom step etotal pe\n" + EXACT
    start = head(ean_box, tmp_path, "atom_modify map yes") + style(potentials["float64"])
    whole = f"velocity all create 300 5\n{nve}run 4\nwrite_restart half\nrun 4\n"
    again = f"clear\nread_restart half\n{style(potentials['float64'])}{nve}run 4\n"
    rows = lammps(start + whole + again, 2).thermo()
    assert rows[-1][0] == 8
    np.testing.assert_allclose(rows[-1], rows[-3], rtol=1e-11)


def test_deleted_atoms_and_ids_with_gaps(lammps, potentials, checkpoint, ean_box, tmp_path):
    kept = ean_box[[k for k in range(len(ean_box)) if k % 3]]
    section = "".join(f"group gone id {k + 1}:{k + 1}\n" for k in range(0, len(ean_box), 3))
    section += "delete_atoms group gone compress no\n"
    start = head(ean_box, tmp_path, "atom_modify map hash") + style(potentials["float64"])
    run = lammps(start + section + MEASURE, 2)
    expected = eager(prepare(checkpoint.potential, torch.float64), kept)
    found = run.dump()
    assert found[0, 0] == 2 and found[-1, 0] == 225
    assert np.abs(found[:, 2:5] - expected.forces.numpy()).max() < 1e-8
    assert run.thermo()[-1][1] == pytest.approx(float(expected.energy[0]), abs=1e-6)


def test_empty_ranks_that_fill(lammps, potentials, checkpoint, tmp_path):
    # The molecule crosses from the first of two ranks to the second; then the grid follows it.
    atoms = ethanol()
    atoms.positions[:, 2] -= 4.5
    section = (
        "velocity all set 0 0 60\nfix n all nve\ntimestep 0.001\n"
        "neigh_modify every 1 delay 0 check yes\ncompute o all property/atom proc\n"
        "compute most all reduce max c_o\ncompute least all reduce min c_o\n"
        "thermo_style custom step pe c_most c_least\nrun 120\n"
        "fix b all balance 5 1.05 shift z 5 1.1\nrun 20\n"
        "write_dump all custom dump id type fx fy fz x y z modify sort id format float %20.15g\n"
    )
    start = head(atoms, tmp_path, "processors 1 1 2") + style(potentials["float64"], "guard off")
    run = lammps(start + section, 2)
    rows, last = run.thermo(), run.dump()
    assert [tuple(row[2:4]) for row in rows[[0, 1, -1]]] == [(0, 0), (1, 1), (1, 0)]
    moved = atoms.copy()
    moved.positions = last[:, 5:8]
    expected = eager(prepare(checkpoint.potential, torch.float64), moved)
    assert np.abs(last[:, 2:5] - expected.forces.numpy()).max() < 1e-8


@pytest.mark.slow
def test_rerun_gives_the_energies_of_the_run(lammps, potentials, ean_box, tmp_path):
    section = (
        "velocity all create 300 5\nfix n all nve\ntimestep 0.0005\ndump f all custom 2 frames id "
        "type x y z\ndump_modify f format float %20.15g\nthermo_style custom step pe\nthermo 2\n"
        f"{EXACT}run 4\nundump f\nunfix n\nrerun frames dump x y z\n"
    )
    start = head(ean_box, tmp_path, "atom_modify map yes") + style(potentials["float64"])
    rows = lammps(start + section, 2).thermo()
    np.testing.assert_allclose(rows[3:], rows[:3], rtol=1e-12)


def test_respa_is_refused(lammps, potentials, ean_box, tmp_path):
    section = "run_style respa 2 2 pair 2\nrun 1\n"
    run = lammps(head(ean_box, tmp_path) + style(potentials["float64"]) + section, check=False)
    assert run.returncode != 0
    assert "run_style respa is not supported" in run.output


def partitions(commands: str, folder, plugin, n: int) -> str:
    """Run on n partitions of one process each; returns the screen of the universe."""
    (folder / "in").write_text(commands)
    done = subprocess.run(
        [PROGRAMS / "mpirun", "-np", str(n), PROGRAMS / "lmp", "-partition", f"{n}x1", "-in", "in"],
        cwd=folder,
        env={**os.environ, "LAMMPS_PLUGIN_PATH": str(plugin), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "".join(path.read_text() for path in folder.glob("log.lammps*"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    return done.stdout


def test_temper_over_partitions(potentials, plugin, ean_box, tmp_path):
    section = (
        "variable t world 300.0 400.0\nvelocity all create $t 12\ntimestep 0.00025\n"
        "fix nvt all nvt temp $t $t 0.05\ntemper 20 10 $t nvt 3847 58382\n"
    )
    start = head(ean_box, tmp_path, "atom_modify map yes")
    screen = partitions(start + style(potentials["float64"]) + section, tmp_path, plugin, 2)
    steps = [line.split() for line in screen.splitlines() if line.split()[:1] in (["10"], ["20"])]
    assert len(steps) == 2
    assert all(sorted(row[1:3]) == ["0", "1"] for row in steps)


def test_neb_over_partitions(potentials, plugin, tmp_path):
    atoms = ethanol()
    end = atoms.copy()
    end.rotate(10.0, "x", center=atoms.get_center_of_mass())
    start = head(atoms, tmp_path, "atom_modify map yes sort 0 0.0")
    rows = [f"{k + 1} {x} {y} {z}" for k, (x, y, z) in enumerate(end.positions)]
    (tmp_path / "final").write_text("\n".join([str(len(end)), *rows]) + "\n")
    section = (
        "timestep 0.0001\nfix n all neb 1.0\nmin_style quickmin\nthermo 5\n"
        "neb 0.0 0.01 10 5 5 final final\n"
    )
    screen = partitions(start + style(potentials["float64"]) + section, tmp_path, plugin, 3)
    last = [float(word) for word in screen.splitlines()[-1].split()]
    assert np.isfinite(last).all() and last[0] >= 10
