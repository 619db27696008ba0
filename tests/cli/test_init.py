"""``physrep init``: what it says of a file is true, and the config that it writes fits."""

import json

import ase.io
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT

from physrep import models
from physrep.cli.init import MODELS
from physrep.cli.main import main
from physrep.io import Structure, write_npz
from physrep_training.data.inspection import inspect_data

# A model of seconds; a setting of init's that cannot be used would still be refused.
SMALL = {
    "jat": ["model.n_layers=1", "model.features=8", "model.angular_features=2"],
    "physrep": ["model.n_layers=1", "model.features=8", "model.heads=2"],
    "neuralil": ["model.n_max=1", "model.widths=[8]"],
}


def test_it_offers_every_model_but_the_baselines():
    assert sorted(MODELS) == sorted(set(models.MODELS) - set(models.BASELINES))


def labelled(atoms: Atoms, seed: int) -> Atoms:
    """Moved at random, with EMT's energy and forces as dft_energy and dft_forces."""
    moved = atoms.copy()
    moved.rattle(0.05, seed=seed)
    calculation = moved.copy()
    calculation.calc = EMT()
    moved.info.update(dft_energy=calculation.get_potential_energy(), step=seed, max_force=1.0)
    moved.arrays["dft_forces"] = calculation.get_forces()
    if moved.pbc.all():
        moved.info["dft_stress"] = calculation.get_stress()
    return moved


def molecules(n: int = 12) -> list[Atoms]:
    names = ("H2O", "CH4", "CH3OH", "NH3")
    return [labelled(molecule(names[k % 4]), k) for k in range(n)]


def crystals(n: int = 25) -> list[Atoms]:
    return [labelled(bulk("Cu", cubic=True), k) for k in range(n)]


def single_atoms() -> list[Atoms]:
    return [labelled(Atoms(symbol), 0) for symbol in "HCNO"]


def init(tmp_path, data, *arguments) -> dict:
    """The config that init writes."""
    config = tmp_path / "config.yaml"
    assert main(["init", *arguments, "--data", str(data), "-o", str(config)]) == 0
    return yaml.safe_load(config.read_text())


def fits(tmp_path, model: str) -> None:
    overrides = ["run.epochs=1", f"output={tmp_path}/run", "run.threads=1", *SMALL[model]]
    assert main(["fit", str(tmp_path / "config.yaml"), *overrides]) == 0
    assert (tmp_path / "run" / "best.ckpt").is_file()


@pytest.mark.filterwarnings("ignore:the compositions have rank")
@pytest.mark.parametrize("model", SMALL)
def test_molecules_with_unusual_keys(tmp_path, capsys, model):
    ase.io.write(tmp_path / "data.extxyz", [*single_atoms(), *molecules()])
    config = init(tmp_path, tmp_path / "data.extxyz", model)
    said = capsys.readouterr().out
    assert "16 frames of 3 to 6 atoms, not periodic" in said
    assert "elements: H C N O" in said
    assert "energy (dft_energy): all frames" in said and "forces (dft_forces): all frames" in said
    assert config["data"]["energy_key"] == "dft_energy"
    assert config["data"]["forces_key"] == "dft_forces"
    assert config["data"]["split"]["method"] == "random"
    assert config["model"]["name"] == model
    isolated = json.loads((tmp_path / "config_isolated_atoms.json").read_text())
    assert list(isolated["energies"]) == list("HCNO")
    assert config["data"]["isolated_atoms"] == str(tmp_path / "config_isolated_atoms.json")
    fits(tmp_path, model)


def test_a_crystal_with_stress_is_split_in_time(tmp_path, capsys):
    ase.io.write(tmp_path / "data.extxyz", crystals())
    config = init(tmp_path, tmp_path / "data.extxyz")
    said = capsys.readouterr().out
    assert "25 frames of 4 atoms, periodic" in said and "virial (dft_stress): all frames" in said
    assert config["data"]["stress_key"] == "dft_stress"
    assert config["loss"]["virial"]["weight"] > 0
    assert config["data"]["split"]["method"] == "time_blocks"
    fits(tmp_path, "jat")


def test_npz_files(tmp_path, capsys):
    frames = [
        Structure(
            a.positions,
            a.numbers,
            a.cell.array,
            a.pbc,
            energy=a.info["dft_energy"],
            forces=a.arrays["dft_forces"],
        )
        for a in crystals()
    ]
    write_npz(tmp_path / "ours.npz", frames)
    config = init(tmp_path, tmp_path / "ours.npz")
    assert "energy_key" not in config["data"]
    fits(tmp_path, "jat")


def test_unusual_names_in_an_npz_of_one_molecule(tmp_path):
    frames = [labelled(molecule("H2O"), k) for k in range(12)]
    np.savez(
        tmp_path / "water.npz",
        nuclear_charges=frames[0].numbers,
        coords=np.array([a.positions for a in frames]),
        dft_energies=np.array([a.info["dft_energy"] for a in frames]),
        dft_forces=np.array([a.arrays["dft_forces"] for a in frames]),
    )
    names = init(tmp_path, tmp_path / "water.npz")["data"]
    assert (names["energy_key"], names["forces_key"]) == ("dft_energies", "dft_forces")


def test_sizes_are_those_of_the_labels(tmp_path):
    frames = crystals()
    ase.io.write(tmp_path / "data.extxyz", frames)
    sizes = inspect_data(tmp_path / "data.extxyz").sizes
    forces = np.array([a.arrays["dft_forces"] for a in frames])
    energies = np.array([a.info["dft_energy"] / 4 for a in frames])
    np.testing.assert_allclose(sizes.force, np.sqrt((forces**2).mean()), rtol=1e-6)
    np.testing.assert_allclose(sizes.largest_force, np.abs(forces).max(), rtol=1e-6)
    np.testing.assert_allclose(sizes[:2], (energies.mean(), energies.std()), rtol=1e-6)


def test_usual_keys_are_shown_and_not_written(tmp_path, capsys):
    frames = crystals()
    for atoms in frames:
        atoms.info["REF_energy"] = atoms.info.pop("dft_energy")
        atoms.arrays["REF_forces"] = atoms.arrays.pop("dft_forces")
        atoms.info["mace_energy"] = -1.0
    ase.io.write(tmp_path / "data.extxyz", frames)
    config = init(tmp_path, tmp_path / "data.extxyz")
    said = capsys.readouterr().out
    assert "energy (REF_energy)" in said and "may be energy: mace_energy" in said
    assert "energy_key" not in config["data"]


def refused(capsys, *arguments) -> str:
    assert main(["init", *(str(argument) for argument in arguments)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("physrep: error: ") and said.err.count("\n") == 1
    return said.err


def test_mistakes_are_one_line_and_write_nothing(tmp_path, capsys):
    data, config = tmp_path / "data.extxyz", tmp_path / "config.yaml"
    asked = ("--data", data, "-o", config)
    assert "no such file" in refused(capsys, *asked)
    ase.io.write(data, [molecule("H2O")] * 12, format="extxyz")
    assert "neither energies nor forces" in refused(capsys, *asked)
    ase.io.write(data, molecules(4))
    assert "holds 4 frames; a fit needs at least 5" in refused(capsys, *asked)
    assert not config.exists()
    ase.io.write(data, crystals())
    config.write_text("name: mine\n")
    assert "exists; give another -o, or --force" in refused(capsys, *asked)
    assert config.read_text() == "name: mine\n"
    assert main(["init", "--data", str(data), "-o", str(config), "--force"]) == 0
    assert yaml.safe_load(config.read_text())["name"] == "data"


def test_the_config_names_the_schema_in_its_folder(tmp_path):
    ase.io.write(tmp_path / "data.extxyz", crystals())
    init(tmp_path, tmp_path / "data.extxyz")
    assert "$schema" not in (tmp_path / "config.yaml").read_text()
    assert main(["schema", "-o", str(tmp_path / "physrep.schema.json")]) == 0
    init(tmp_path, tmp_path / "data.extxyz", "--force")
    first = (tmp_path / "config.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=physrep.schema.json"


def test_the_data_file_is_never_overwritten(tmp_path, capsys):
    data = tmp_path / "frames.extxyz"
    data.write_text("1\nREF_energy=1.0\nH 0 0 0\n")
    before = data.read_text()
    assert main(["init", "--data", str(data), "-o", str(data), "--force"]) == 2
    assert "is the input" in capsys.readouterr().err
    assert data.read_text() == before
