"""A committee in LAMMPS: the mean of its members, and their deviation."""

import numpy as np
import pytest
from charged import MEASURE_Q, assert_equal, charged_checkpoint, with_charge
from lammps_run import MEASURE, differences, eager, head, random_checkpoint, style

from physrep.checkpoint import members_of, new_committee
from physrep.engines.export import export_potential
from physrep.pair.electrostatics_config import ElectrostaticsConfig

JAT = {"n_layers": 2, "features": 16, "n_basis": 6, "readout": "shallow"}
DEEPER = {**JAT, "n_layers": 3, "features": 24, "angular_features": 0}


@pytest.fixture(name="made", scope="module")
def _made():
    """Members of two widths and depths, with forces of some eV/A."""
    return new_committee([random_checkpoint(JAT), random_checkpoint(DEEPER)])


@pytest.fixture(name="file", scope="module")
def _file(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("committee") / "a.pt"
    export_potential(made, path, dtype="float64", ops="portable")
    return path


@pytest.mark.parametrize("ranks", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_energy_forces_and_pressure_are_the_means(lammps, file, made, liquid_box, tmp_path, ranks):
    alone = [eager(one.potential, liquid_box) for one in members_of(made)]
    run = lammps(head(liquid_box, tmp_path) + style(file) + MEASURE, ranks)
    expected = eager(made.model, liquid_box)
    assert run.thermo()[-1][1] == pytest.approx(np.mean([float(p.energy) for p in alone]), abs=1e-7)
    found = differences(run, liquid_box, expected)
    assert max(found.force, found.atomic_energy, found.energy_per_atom) <= 1e-8
    assert found.virial <= 1e-7


MEASURE_DEVIATION = (
    "fix dev all pair 1 physrep deviation 1\n"
    "dump d all custom 1 dump id type fx fy fz f_dev\n"
    "dump_modify d sort id format float %20.15g\n"
    "thermo_style custom step pe\nthermo_modify format float %20.15g\nrun 0\n"
)


def deviations(made, atoms):
    """(n_atoms,) eV/A and eV, from the members alone."""
    alone = [eager(one.potential, atoms) for one in members_of(made)]
    forces = np.array([one.forces.numpy() for one in alone])
    spread = np.sqrt(forces.var(axis=0).sum(axis=1))
    return spread, np.std([float(one.energy) for one in alone])


def assert_deviations(run, made, atoms):
    forces, energy = deviations(made, atoms)
    assert forces.max() > 0.05  # or the tolerance would say nothing
    np.testing.assert_allclose(run.dump()[:, 5], forces, atol=1e-8)
    step, *numbers = np.loadtxt(run.folder / "d.txt")
    assert step == 0
    np.testing.assert_allclose(
        numbers, [forces.max(), forces.mean(), forces.min(), energy], atol=1e-7
    )


@pytest.mark.parametrize("ranks", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_deviations_are_those_of_the_members_alone(lammps, file, made, liquid_box, tmp_path, ranks):
    commands = head(liquid_box, tmp_path) + style(file, "deviation 5 d.txt") + MEASURE_DEVIATION
    assert_deviations(lammps(commands, ranks), made, liquid_box)


@pytest.mark.parametrize("ranks", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_members_with_charges(lammps, liquid_box, tmp_path, ranks):
    settings = charged_checkpoint().potential.electrostatics_settings
    electrostatics = ElectrostaticsConfig.parse(settings)
    members = [random_checkpoint(one, electrostatics=electrostatics) for one in (JAT, DEEPER)]
    made, atoms = new_committee(members), with_charge(liquid_box, 1.0)
    export_potential(made, tmp_path / "a.pt", dtype="float64", ops="portable")
    keywords = "charge 1 deviation 5 d.txt"
    before = head(atoms, tmp_path, atom_style="charge") + style(tmp_path / "a.pt", keywords)
    assert_deviations(lammps(before + MEASURE_DEVIATION, ranks), made, atoms)
    run = lammps(before + MEASURE_Q, ranks)
    assert_equal(run, atoms, made.model)


@pytest.mark.slow
def test_centroid_virials_and_deviation_in_one_step(lammps, file, made, liquid_box, tmp_path):
    centroid = "compute c all centroid/stress/atom NULL virial\ncompute r all reduce sum c_c[1]\n"
    measure = "thermo_style custom step pe c_r\nthermo_modify format float %20.15g\nrun 0\n"
    before = head(liquid_box, tmp_path)
    both = MEASURE_DEVIATION.replace("step pe", "step pe c_r")
    run = lammps(before + style(file, "deviation 1 d.txt") + centroid + both)
    assert_deviations(run, made, liquid_box)
    alone = lammps(before + style(file) + centroid + measure)
    np.testing.assert_allclose(run.thermo()[-1], alone.thermo()[-1], rtol=1e-10)


def test_every_so_many_steps_a_line_and_beyond_limits_a_warning(
    lammps, file, made, liquid_box, tmp_path
):
    most = deviations(made, liquid_box)[0].max()
    words = f"deviation 2 d.txt warn {0.5 * most}"
    moving = "timestep 1e-6\nfix n all nve\nrun 5\nrun 3\n"
    run = lammps(head(liquid_box, tmp_path) + style(file, words) + moving)
    assert np.loadtxt(tmp_path / "d.txt")[:, 0].tolist() == [0, 2, 4, 6, 8]
    assert "WARNING: pair physrep: the force deviation of atom" in run.output


def test_the_limit_stop_ends_the_run(lammps, file, made, liquid_box, tmp_path):
    spread = deviations(made, liquid_box)[0]
    words = f"deviation 1 d.txt stop {0.9 * spread.max()}"
    run = lammps(head(liquid_box, tmp_path) + style(file, words) + "run 0\n", 2, check=False)
    assert run.returncode != 0
    assert f"the force deviation of atom {spread.argmax() + 1} (" in run.output
    assert "the members of the committee do not know this" in run.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("deviation 0 d.txt", "deviation is '0': write 'deviation N FILE'"),
        ("deviation 5", "deviation is '5': write 'deviation N FILE'"),
        ("warn 1.0", "warn and stop are limits of 'deviation N FILE'"),
        ("deviation 5 d.txt stop -1", "stop is '-1': give a force deviation above 0, in eV/A"),
        ("deviation 5 no/d.txt", "deviation: no/d.txt cannot be written"),
    ],
)
def test_settings_that_mean_nothing_are_refused(lammps, file, liquid_box, tmp_path, words, message):
    run = lammps(head(liquid_box, tmp_path) + style(file, words) + "run 0\n", check=False)
    assert run.returncode != 0 and message in run.output


def test_one_potential_has_no_deviation(lammps, potentials, liquid_box, tmp_path):
    words = style(potentials["float64"], "deviation 5 d.txt")
    run = lammps(head(liquid_box, tmp_path) + words + "run 0\n", check=False)
    assert run.returncode != 0 and "this file holds one potential" in run.output
