"""Files with fused operators in LAMMPS, whose plugin brings the operators along."""

import ase.io
import pytest
import torch
from lammps_run import MEASURE, differences, eager, head, style
from repository import REPOSITORY

from physrep.engines.export import export_potential, prepare
from physrep.importers import IMPORTERS

ROOT = REPOSITORY


@pytest.mark.parametrize(
    ("ranks", "copies"),
    [(1, (1, 1, 1)), (2, (1, 1, 1)), (1, (2, 2, 2))],
    ids=["1", "2", "large tensors"],
)
def test_fused_file_equals_python(lammps, checkpoint, systems, tmp_path, ranks, copies):
    atoms = systems["sheared"].repeat(copies)
    export_potential(checkpoint, tmp_path / "fused.pt", None, "float64", "fused")
    expected = eager(prepare(checkpoint.potential, torch.float64), atoms)
    run = lammps(head(atoms, tmp_path) + style(tmp_path / "fused.pt") + MEASURE, ranks)
    found = differences(run, atoms, expected)
    assert found.force <= 1e-8  # sums in another order, as for the portable file
    assert found.energy_per_atom <= 1e-8
    assert found.virial <= 1e-7


@pytest.mark.slow
def test_memory_for_each_atom(lammps, tmp_path):
    atoms = ase.io.read(ROOT / "md_examples" / "ean.pdb")
    published = ROOT / "data" / "published"
    files = published / "jat_ean_params.npz", published / "jat_ean_hparams.json"
    export_potential(IMPORTERS["jat"](*files), tmp_path / "jat.pt", None, "float32", "fused")

    def peak(copies: int) -> int:
        """Bytes of the process after a few steps."""
        box = atoms.repeat((copies, copies, copies))
        commands = head(box, tmp_path, "neighbor 1.0 bin") + style(tmp_path / "jat.pt")
        commands += "velocity all create 300 1\nfix n all nve\nrun 3\n"
        commands += 'shell "grep VmHWM /proc/$PPID/status > peak"\n'
        lammps(commands, 1)
        return 1024 * int((tmp_path / "peak").read_text().split()[1])

    growth = (peak(4) - peak(2)) / (225 * (4**3 - 2**3))
    print(f"{growth:.0f} bytes for each atom")
    assert growth < 20_000
