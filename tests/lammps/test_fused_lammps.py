"""Files with fused operators in LAMMPS, whose plugin brings the operators along."""

import pytest
import torch
from lammps_run import MEASURE, differences, eager, head, style

from physrep.deploy.export import export_potential, prepare


@pytest.mark.parametrize("ranks", [1, 2])
def test_fused_file_equals_python(lammps, checkpoint, systems, tmp_path, ranks):
    atoms = systems["sheared"]
    export_potential(checkpoint, tmp_path / "fused.pt", None, "float64", "fused")
    expected = eager(prepare(checkpoint.potential, torch.float64), atoms)
    run = lammps(head(atoms, tmp_path) + style(tmp_path / "fused.pt") + MEASURE, ranks)
    found = differences(run, atoms, expected)
    assert found.force <= 1e-8  # sums in another order, as for the portable file
    assert found.energy_per_atom <= 1e-8
    assert found.virial <= 1e-7
