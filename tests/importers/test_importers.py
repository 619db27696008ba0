"""Published parameters give their authors' numbers; what does not fit is refused by its key."""

import json
import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from published import ENERGY_ERROR, FOLDER, FORCE_ERROR, NAMES, parameters, published, reference
from systems import compute

from physrep.checkpoint import load_checkpoint
from physrep.cli.main import main
from physrep.importers import ImportProblem, import_jat


@pytest.mark.parametrize("name", NAMES)
def test_imported_potential_equals_the_original(name):
    potential = published(name).potential.eval()
    potential.set_dtype(torch.float64)
    for atoms, energy, forces in reference(name):
        found = compute(potential, atoms)
        assert float(found.energy) == pytest.approx(energy, abs=ENERGY_ERROR[name])
        assert np.abs(found.forces.numpy() - forces).max() <= FORCE_ERROR[name]


@pytest.mark.parametrize("name", NAMES)
def test_imported_potential_in_single_precision(name):
    potential = published(name).potential.eval()
    for atoms, _, forces in reference(name, "f32"):
        assert np.abs(compute(potential, atoms).forces.numpy() - forces).max() <= 2e-4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scan", ["main", "b", "c"])
def test_stretching_a_nitrate_gives_the_published_curve(name, scan):
    """The N-O stretch of the thesis' Fig. 4.10: force along the bond on the oxygen."""
    potential = published(name).potential.eval()
    potential.set_dtype(torch.float64)
    numbers = reference(name)[0][0].numbers
    with np.load(FOLDER / "no_stretch_scan.npz") as file:
        cell, direction = file["cell"], file[f"{scan}_direction"]
        start, oxygen = file[f"{scan}_positions"], int(file[f"{scan}_O"])
        nitrogen, distances = int(file[f"{scan}_N"]), file[f"{scan}_r"]
        expected = file[f"{scan}_F_{name}_f64"]
    for distance, force in list(zip(distances, expected, strict=True))[::6]:
        atoms = Atoms(numbers, start, cell=cell, pbc=True)
        atoms.positions[oxygen] = start[nitrogen] + distance * direction
        found = compute(potential, atoms).forces[oxygen].numpy() @ direction
        assert found == pytest.approx(force, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_command_line_writes_a_checkpoint(name, tmp_path, capsys):
    target = tmp_path / "published.ckpt"
    assert main(["import", name, *map(str, parameters(name)), "-o", str(target)]) == 0
    assert "exactly as published" in capsys.readouterr().out
    loaded = load_checkpoint(target, torch.float64)
    atoms, energy, _ = reference(name)[3]
    assert float(compute(loaded.potential, atoms).energy) == pytest.approx(
        energy, abs=ENERGY_ERROR[name]
    )


def forged(tmp_path, **changes):
    """jat_ean_params.npz with some arrays replaced, or removed where the new one is None."""
    with np.load(parameters("jat")[0]) as file:
        arrays = {key: file[key] for key in file.files} | changes
    path = tmp_path / "forged.npz"
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


EMBEDDING = "params/embed/embedding"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({EMBEDDING: None}, "params/embed/embedding is missing"),
        ({EMBEDDING: np.zeros((4, 32))}, r"embedding has the shape \(4, 32\).*\(4, 48\)"),
        ({EMBEDDING: np.full((4, 48), np.nan)}, "embedding holds values that are not finite"),
        ({EMBEDDING: np.zeros((4, 48), dtype=int)}, "embedding holds values that are not finite"),
        ({"params/extra": np.zeros(3)}, "params/extra belongs to no part"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_by_their_key(tmp_path, changes, message):
    with pytest.raises(ImportProblem, match=message):
        import_jat(forged(tmp_path, **changes), parameters("jat")[1])


def test_pickles_are_never_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was loaded",))

    pickled, objects = tmp_path / "model.pickle", tmp_path / "objects.npz"
    pickled.write_bytes(pickle.dumps(Evil()))
    np.savez(objects, **{EMBEDDING: np.array([Evil()], dtype=object)})
    for path in (pickled, objects, tmp_path / "absent.npz"):
        with pytest.raises(ImportProblem, match="pickles are never loaded"):
            import_jat(path, parameters("jat")[1])


def test_mistakes_in_the_settings_are_explained(tmp_path, capsys):
    settings = tmp_path / "settings.json"
    values = json.loads(parameters("jat")[1].read_text())
    for change, message in [
        ({"layer_dims": [48, 32]}, "only layers of the width of the embedding"),
        ({"graph_cut": None}, "graph_cut missing"),
    ]:
        known = {key: value for key, value in (values | change).items() if value is not None}
        settings.write_text(json.dumps(known))
        with pytest.raises(ImportProblem, match=message):
            import_jat(parameters("jat")[0], settings)
    settings.write_text("{")
    arguments = ["import", "jat", str(parameters("jat")[0]), str(settings), "-o", "never.ckpt"]
    assert main(arguments) == 2
    assert "not a readable JSON file" in capsys.readouterr().err
