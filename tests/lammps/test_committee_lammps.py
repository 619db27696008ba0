"""A committee in LAMMPS: the mean of its members."""

import numpy as np
import pytest
from lammps_run import MEASURE, differences, eager, head, random_checkpoint, style

from physrep.checkpoint import members_of, new_committee
from physrep.engines.export import export_potential

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


@pytest.mark.parametrize("ranks", [1, 2])
def test_energy_forces_and_pressure_are_the_means(lammps, file, made, liquid_box, tmp_path, ranks):
    alone = [eager(one.potential, liquid_box) for one in members_of(made)]
    run = lammps(head(liquid_box, tmp_path) + style(file) + MEASURE, ranks)
    expected = eager(made.model, liquid_box)
    assert run.thermo()[-1][1] == pytest.approx(np.mean([float(p.energy) for p in alone]), abs=1e-7)
    found = differences(run, liquid_box, expected)
    assert max(found.force, found.atomic_energy, found.energy_per_atom) <= 1e-8
    assert found.virial <= 1e-7
