"""A fit and the labels of its files: keys, isolated atoms, virials; nothing left out unsaid."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from ase.calculators.emt import EMT
from torch import Tensor

from physrep.checkpoint import load_checkpoint
from physrep.cli.main import main
from physrep_training.fit.epoch_log import read_log
from physrep_training.fit.module import ErrorSums

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
        "loss": {"virial": {"kind": "mae", "weight": 0.1}},
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


def test_a_stress_in_some_frames_alone_counts_there(data, capsys):
    """The others lack the term; their number is said, and errors are over those that have it."""
    isolated, n_frames = 2, 12
    frames = data.read_text().replace("dft_", "REF_").split("\n4\n")
    without = [re.sub(r' REF_stress="[^"]*"', "", frame) for frame in frames]
    data.write_text("\n4\n".join([*frames[:4], *without[4:]]))
    random = {"method": "random", "validation": 0.2, "test": 0.0}
    config = settings(data, split=random)
    assert main(["fit", str(config), "run.batch_size=1"]) == 0
    assert f"fit: virial: labelled in 3 of {n_frames} structures" in capsys.readouterr().err
    run = data.parent / "run"
    split = json.loads((run / "split.json").read_text())
    trained = [k - isolated for _, k in split["train"]]
    row = read_log(run / "log.csv")[0]
    assert 0 < sum(k < 3 for k in trained) < len(trained)
    # With batches of one frame both are means of the absolute error over the labelled frames.
    loss, error = float(row["train_virial_loss"]), float(row["train_virial_mae_mev_per_atom"])
    assert loss == pytest.approx(error / 1000.0, rel=1e-5)


def test_sums_over_processes_of_which_one_met_no_virial():
    """Each process adds up the same numbers, in the same order."""
    parts = [ErrorSums(), ErrorSums()]
    parts[0].n_batches, parts[0].terms, parts[0].counts = 3, {"force": 6.0}, {"force": 3}
    parts[1].n_batches, parts[1].terms = 3, {"force": 3.0, "virial": 5.0}
    parts[1].counts = {"force": 3, "virial": 2}
    seen: list[Tensor] = []
    for part in parts:
        part.add_up(lambda sums: seen.append(sums) or sums)
    assert seen[0].shape == seen[1].shape
    both = ErrorSums()
    both.add_up(lambda _: seen[0] + seen[1])
    assert both.mean_term("force") == 1.5
    assert both.mean_term("virial") == 2.5
    assert math.isnan(both.mean_term("charges"))


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
    assert (
        "none of 10 structures has virial" in message
        and "data.stress_key=dft_stress in a fit" in message
    )


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
