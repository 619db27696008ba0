"""A fit and the labels of its files: keys, isolated atoms, virials; nothing left out unsaid."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from ase.calculators.emt import EMT

from physrep.checkpoint import load_checkpoint
from physrep.cli.main import main
from physrep_training.fit.epoch_log import read_log

pytestmark = [pytest.mark.case, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ISOLATED = "1\nProperties=species:S:1:pos:R:3 config_type={} dft_energy={}\n{} 0 0 0\n"


def frame(seed: int) -> str:
    """Copper and silver in a cell of four atoms with dft_energy, dft_forces and dft_stress."""
    atoms = bulk("Cu", cubic=True)
    atoms.symbols[seed % 4] = "Ag"
    atoms.rattle(0.1, seed=seed)
    atoms.calc = EMT()
    numbers = {
        "Lattice": atoms.cell.array,
        "dft_energy": atoms.get_potential_energy(),
        "dft_stress": atoms.get_stress(),
    }
    labels = " ".join(
        f'{key}="{" ".join(map(str, np.ravel(value).tolist()))}"' for key, value in numbers.items()
    )
    rows = np.hstack([atoms.positions, atoms.get_forces()]).tolist()
    lines = [
        f"{symbol} {' '.join(map(str, row))}"
        for symbol, row in zip(atoms.get_chemical_symbols(), rows, strict=True)
    ]
    columns = "species:S:1:pos:R:3:dft_forces:R:3"
    return "\n".join([str(len(atoms)), f"Properties={columns} {labels}", *lines]) + "\n"


@pytest.fixture(name="data")
def _data(tmp_path) -> Path:
    """Two isolated atoms as MACE marks them, without forces, before twelve frames."""
    path = tmp_path / "train.xyz"
    charged = frame(11).replace("Properties", "charge=-1 Properties")
    atoms = ISOLATED.format("IsolatedAtom", -3.0, "Cu") + ISOLATED.format(
        "isolated_atom", -2.0, "Ag"
    )
    path.write_text(atoms + "".join(frame(k) for k in range(11)) + charged)
    return path


def settings(data: Path, **keys) -> Path:
    values = {
        "name": "small",
        "output": str(data.parent / "run"),
        "model": {"name": "neuralil", "n_max": 1, "widths": [8], "cutoff": 3.0},
        "data": {
            "files": [str(data)],
            "split": {"method": "random", "validation": 0.2, "test": 0.2},
            **keys,
        },
        "loss": {"virial": {"weight": 0.1}},
        "run": {"epochs": 2, "threads": 1, "device": "cpu"},
    }
    path = data.parent / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


KEYS = {"energy_key": "dft_energy", "forces_key": "dft_forces", "stress_key": "dft_stress"}


def test_isolated_atoms_and_all_labels_of_a_file(data, capsys):
    assert main(["fit", str(settings(data, **KEYS))]) == 0
    said = capsys.readouterr()
    assert (
        "fit: 2 frames of isolated atoms (config_type=IsolatedAtom), which are not trained on, "
        "give reference energies: Cu -3 eV, Ag -2 eV"
    ) in said.err
    assert "fit: total charges: -1 in 1 of 14 frames; models do not use them" in said.err
    run = data.parent / "run"
    potential = load_checkpoint(run / "best.ckpt").potential
    assert potential.symbols == ["Cu", "Ag"]
    assert potential.reference_energies.tolist() == [-3.0, -2.0]
    split = json.loads((run / "split.json").read_text())
    assert sorted(k for part in split.values() for _, k in part) == list(range(2, 14))
    errors = json.loads((run / "errors.json").read_text())
    assert errors["n_structures"] == 2
    assert 0 < errors["virial_mae_mev_per_atom"] <= errors["virial_rmse_mev_per_atom"]
    assert errors["stress_mae_mev_per_a3"] > 0
    row = read_log(run / "log.csv")[-1]
    assert float(row["validation_virial_mae_mev_per_atom"]) > 0
    assert "virial MAE" in said.out


def refused(capsys, config: Path, *overrides: str) -> str:
    assert main(["fit", str(config), *overrides]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("physrep: error: ")
    return said[-1]


def test_missing_labels_name_what_the_file_has(data, capsys):
    """Before anything else, and with the setting that reads them."""
    message = refused(capsys, settings(data))
    assert "holds 'dft_energy': name the one to read (data.energy_key=dft_energy" in message
    message = refused(capsys, settings(data, forces_key="dft_forces"))
    assert "has no energy, but the loss gives energy the weight" in message
    assert "it holds 'dft_energy': name what to read (data.energy_key=dft_energy" in message
    assert message.endswith("or set loss.energy.weight=0, or remove the frame")
    message = refused(capsys, settings(data, energy_key="dft_energy", forces_key="dft_forces"))
    assert "has no virial" in message and "data.stress_key=dft_stress in a fit" in message


def test_a_file_of_atoms_that_contradicts_the_frames(data, capsys):
    path = data.parent / "atoms.json"
    path.write_text(json.dumps({"unit": "eV", "energies": {"Cu": -3.0, "Ag": -7.0}}))
    message = refused(capsys, settings(data, isolated_atoms=str(path), **KEYS))
    assert "atoms.json gives Ag -7 eV, its frame with config_type=IsolatedAtom -2 eV" in message


def test_init_sees_isolated_atoms(data, capsys):
    config = data.parent / "new.yaml"
    assert main(["init", "neuralil", "--data", str(data), "-o", str(config)]) == 0
    said = capsys.readouterr().out
    assert "12 frames of 4 atoms, periodic" in said
    assert "energy (dft_energy): all frames" in said and "virial (dft_stress): all frames" in said
    assert "Cu -3 eV, Ag -2 eV (Ag, Cu: config_type=IsolatedAtom)" in said
    written = yaml.safe_load(config.read_text())["data"]
    assert {key: written[key] for key in KEYS} == KEYS
    assert "isolated_atoms" not in written  # the frames say it themselves
    small = ["model.n_max=1", "model.widths=[8]", "run.epochs=1", "run.threads=1"]
    assert main(["fit", str(config), f"output={data.parent}/new", *small]) == 0
    assert "Cu -3 eV, Ag -2 eV" in capsys.readouterr().err
