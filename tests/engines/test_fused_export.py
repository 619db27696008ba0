"""Exported files with fused operators: the same numbers; refused with advice."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ean_systems import SYSTEMS
from openmm_forces import force_of
from systems import FORMS, MOLECULAR, compute, liquid, make_checkpoint, molecule

import physrep
from physrep.checkpoint import load_checkpoint
from physrep.cli.main import main
from physrep.engines.export import DTYPES, export_potential, prepare
from physrep.engines.file_energies import FileEnergies
from physrep.engines.metadata import ExportError, read_exported
from physrep.potential import Energies

# Round-off of the sums, relative to the largest force.
TOLERANCES = {"float64": 1e-12, "float32": 1e-5}
# In float32 the potential itself stands for the portable file, which has the same equations.
FILES = {"float64": ("portable", "fused"), "float32": ("fused",)}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("form", FORMS)
def test_fused_forces_equal_portable_ones(form, dtype, tmp_path):
    checkpoint = make_checkpoint(form)
    atoms = molecule() if form in MOLECULAR else liquid()
    portable = compute(prepare(checkpoint.potential, DTYPES[dtype]), atoms).forces.numpy()
    scale = np.abs(portable).max()
    for ops in FILES[dtype]:
        export_potential(checkpoint, tmp_path / f"{ops}.pt", None, dtype, ops)
        module, metadata = read_exported(tmp_path / f"{ops}.pt")
        assert metadata.ops == ops
        energies = FileEnergies(module, metadata)
        forces = compute(_Cut(energies, metadata.cutoff), atoms).forces.numpy()
        np.testing.assert_allclose(forces, portable, rtol=0.0, atol=TOLERANCES[dtype] * scale)


class _Cut:
    """Energies with the cutoff that ``compute`` asks for."""

    def __init__(self, energies, cutoff: float) -> None:
        self.energies, self.cutoff = energies, cutoff

    def __call__(self, *arguments) -> Energies:
        return self.energies(*arguments)


def test_open_mm_takes_a_fused_file(exports, tmp_path):
    import openmm

    box = SYSTEMS["box"]()
    energies = []
    for ops in ("portable", "fused"):
        path = tmp_path / f"{ops}.pt"
        export_potential(exports.checkpoint(), path, box, "float64", ops)
        system = openmm.System()
        for mass in box.get_masses():
            system.addParticle(mass)
        system.setDefaultPeriodicBoxVectors(*(box.cell.array / 10.0))
        system.addForce(force_of(path))
        context = openmm.Context(
            system,
            openmm.VerletIntegrator(0.001),
            openmm.Platform.getPlatformByName("Reference"),
        )
        context.setPositions(box.positions / 10.0)
        energies.append(context.getState(getEnergy=True).getPotentialEnergy()._value)
    assert energies[1] == pytest.approx(energies[0], rel=1e-12)


def test_refused_with_advice_where_the_operators_are_missing(tmp_path):
    path = tmp_path / "fused.pt"
    export_potential(make_checkpoint(), path, None, "float32", "fused")
    script = (
        "import sys, physrep.ops as ops\n"
        "ops.loading.find_built = lambda file: None\n"  # as if nothing had been compiled
        "ops.available = lambda: False\n"
        "import torch; torch.jit.load = lambda *a, **k: (_ for _ in ()).throw(RuntimeError())\n"
        "from physrep.engines.metadata import read_exported\n"
        "read_exported(sys.argv[1])"
    )
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "ExportError" in done.stderr
    assert "exported with --ops fused" in done.stderr
    assert "physrep build" in done.stderr
    assert "--ops portable" in done.stderr


def test_unknown_operators_are_refused(tmp_path):
    with pytest.raises(ExportError, match="choose one of portable, fused"):
        export_potential(make_checkpoint(), tmp_path / "a.pt", ops="fast")


def test_fused_is_the_default_where_the_operators_are_installed(tmp_path, monkeypatch):
    assert export_potential(make_checkpoint(), tmp_path / "a.pt").ops == "fused"
    monkeypatch.setattr("physrep.ops.loading.load", lambda: False)
    assert export_potential(make_checkpoint(), tmp_path / "a.pt").ops == "portable"


def test_export_says_which_operators_it_has_chosen(exports, tmp_path, monkeypatch, capsys):
    command = ["export", str(exports.ckpt()), "-o", str(tmp_path / "a.pt")]
    assert main(command) == 0
    assert "--ops portable" in capsys.readouterr().out
    assert main([*command, "--ops", "portable"]) == 0
    assert "physrep build" not in capsys.readouterr().out
    monkeypatch.setattr("physrep.ops.loading.load", lambda: False)
    assert main(command) == 0
    assert "physrep build" in capsys.readouterr().out


def test_the_shipped_potential_is_exported_without_a_topology(tmp_path):
    """The check compares float32 on a random cluster, with forces of several eV/A."""
    checkpoint = load_checkpoint(Path(physrep.__file__).parent / "pretrained" / "ean-jat.ckpt")
    assert export_potential(checkpoint, tmp_path / "a.pt", None, ops="fused").ops == "fused"
