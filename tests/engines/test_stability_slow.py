"""Potentials in MD for as long as the documentation says: minutes, so behind make test-slow."""

import json
import re
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from repository import REPOSITORY

from physrep.engines.ase import PhysRepCalculator

CHECKPOINT = REPOSITORY / "plugin" / "physrep" / "pretrained" / "ean-jat.ckpt"
PUBLISHED = REPOSITORY / "data" / "published"
STRUCTURE = REPOSITORY / "md_examples" / "ean.pdb"


def run(*arguments: str | Path, expected: tuple[int, ...] = (0,)) -> None:
    command = [sys.executable, *map(str, arguments)]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode in expected, result.stdout + result.stderr


@pytest.fixture(name="stability")
def _stability(tmp_path):
    """20 ps of ``ean-jat`` and 2 ps of NVE behind them."""

    def report(temperature: int, expected: tuple[int, ...]) -> dict:
        model = tmp_path / "ean.pt"
        run("-m", "physrep.cli.main", "export", CHECKPOINT, "--topology", STRUCTURE, "-o", model)
        options = ["--temperature", str(temperature), "--ps", "20", "--nve-ps", "2", "-o", tmp_path]
        run("md_examples/stability.py", model, STRUCTURE, *options, expected=expected)
        return json.loads((tmp_path / "stability.json").read_text())

    return report


def check_sound(report: dict) -> None:
    assert report["stability"]["sound"]
    assert report["stability"]["time"] == pytest.approx(20.0)
    # 1 meV/atom/ps would heat the box by 8 K in each picosecond; ours is a thousandth of that.
    assert abs(report["drift_mev_per_atom_ps"]) < 0.05


@pytest.mark.slow
def test_shipped_potential_survives_20_ps(stability):
    check_sound(stability(300, expected=(0,)))


@pytest.mark.slow
def test_shipped_potential_at_450_k_is_sound_or_moves_a_proton_as_its_reference_does(
    stability, tmp_path
):
    report = stability(450, expected=(0, 1))
    failure = report["stability"]["first_failure"]
    if failure is None:
        check_sound(report)
        return
    # A proton on its way from a cation to a nitrate counts as a broken bond. GFN2-xTB must agree
    # that it may be there: errors of the forces as in the test part of the data.
    assert re.match(r"bond N\d+ - H\d+ is .* nearest acceptor O", failure["message"])
    tblite = pytest.importorskip("tblite.ase", reason="GFN2-xTB is the reference")
    atoms = ase.io.read(tmp_path / "last.extxyz")
    found = []
    for calculator in (PhysRepCalculator(CHECKPOINT), tblite.TBLite(verbosity=0)):
        atoms.calc = calculator
        found.append(atoms.get_forces())
    errors = found[0] - found[1]
    assert np.abs(errors).mean() < 0.06  # eV/A; 0.0505 in the test part
    assert np.linalg.norm(errors[failure["atoms"]], axis=1).max() < 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ps", "sound"), [("jat", 2, False), ("neuralil", 12, True)])
def test_published_jat_is_lost_at_300_k_and_neuralil_is_not(name, ps, sound, tmp_path):
    """The thesis' failure: chemical accuracy on paper, lost within about a picosecond of MD.

    NeuralIL knows DFT, and the box is GFN2-xTB's: it releases heat for some ps, in a run of 5 ps
    more than 3 % of the mean temperature.
    """
    files = (PUBLISHED / f"{name}_ean_params.npz", PUBLISHED / f"{name}_ean_hparams.json")
    checkpoint, model = tmp_path / "published.ckpt", tmp_path / "published.pt"
    run("-m", "physrep.cli.main", "import", name, *files, "-o", checkpoint)
    run("-m", "physrep.cli.main", "export", checkpoint, "--topology", STRUCTURE, "-o", model)
    options = ["--temperature", "300", "--ps", str(ps), "--nve-ps", "0", "-o", tmp_path]
    run("md_examples/stability.py", model, STRUCTURE, *options, expected=(0 if sound else 1,))
    report = json.loads((tmp_path / "stability.json").read_text())
    assert report["stability"]["sound"] == sound


@pytest.mark.slow
def test_an_ion_pair_in_a_force_field_keeps_its_energy(tmp_path):
    """The example of a mixed system: NVE for 3 ps after 1 ps of NVT."""
    model = tmp_path / "any.pt"
    run("-m", "physrep.cli.main", "export", CHECKPOINT, "-o", model)
    command = [sys.executable, "md_examples/openmm_mixed.py", str(model), "--ps", "3"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    n_atoms, drift = re.search(r"(\d+) atoms, drift (\S+) meV", done.stdout).groups()
    assert int(n_atoms) > 900
    assert abs(float(drift)) < 0.05
