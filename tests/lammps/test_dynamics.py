"""Dynamics: the energy is conserved, and ranks do not matter when atoms migrate."""

import numpy as np
import pytest
from lammps_run import head, style

NVE = """
velocity all create 300 4928459
neighbor 0.3 bin
neigh_modify every 1 delay 0 check yes
fix 1 all nve
thermo_style custom step etotal pe temp
thermo_modify format float %20.15g
"""


def test_energy_is_conserved(lammps, potentials, ean_box, tmp_path):
    # Verlet's energy oscillates with the square of the time step: forces that are not the slope
    # of the energy, or change it when a list is rebuilt, do not.
    spread = []
    for step, n_steps in [(0.0005, 80), (0.00025, 160)]:
        run_section = f"timestep {step}\nthermo 4\nrun {n_steps}\n"
        run = lammps(head(ean_box, tmp_path) + style(potentials["float64"]) + NVE + run_section)
        energy = run.thermo()[:, 1]
        spread.append(np.std(energy))
    assert "Dangerous builds = 0" in run.output
    assert spread[0] / spread[1] == pytest.approx(4.0, rel=0.25)


def test_trajectory_does_not_depend_on_ranks(lammps, potentials, ean_box, tmp_path):
    # 60 steps with many rebuilds: round-off of 1e-14 eV/A has grown by a few orders of magnitude.
    section = (
        NVE + "timestep 0.0005\nrun 60\n"
        "write_dump all custom dump id x y z modify sort id format float %20.15g\n"
    )
    runs = []
    for ranks in (1, 2):
        commands = (
            head(ean_box, tmp_path, "atom_modify map yes") + style(potentials["float64"]) + section
        )
        run = lammps(commands, ranks)
        assert "Neighbor list builds = 0" not in run.output
        runs.append(run.dump())
    separation = runs[0][:, 1:] - runs[1][:, 1:]
    separation -= 12.9 * np.round(separation / 12.9)
    assert np.abs(separation).max() < 1e-8


def test_npt_of_a_triclinic_cell_runs(lammps, potentials, systems, tmp_path):
    section = (
        "velocity all create 300 11\ntimestep 0.00025\n"
        "fix 1 all npt temp 300 300 0.05 tri 0 0 0.5\nthermo 20\nrun 100\n"
    )
    run = lammps(head(systems["sheared"], tmp_path) + style(potentials["float32"]) + section, 2)
    assert np.all(np.isfinite(run.thermo()))
