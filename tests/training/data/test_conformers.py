"""Conformers of many molecules: a draw that repeats, parts that do not mix, a bounded memory."""

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from repository import REPOSITORY
from systems import TINY

from physrep.checkpoint import load_checkpoint, new_checkpoint
from physrep.config import ConfigError
from physrep.engines.ase import PhysRepCalculator
from physrep.io import DataError, read_structures
from physrep.io.structures.ani import list_molecules
from physrep_training.data import conformers
from physrep_training.data import graphs as data
from physrep_training.data.conformers import ConformerStore, conformer_store
from physrep_training.data.graphs import GraphDataset, check_labels, species_of
from physrep_training.data.guard_limits import set_shortest_distances
from physrep_training.data.references import set_references
from physrep_training.fit.fit_config import FitConfig, load_config
from physrep_training.fit.fitting import fit, same_settings

FIT = REPOSITORY / "training" / "fit.py"
RECIPE = REPOSITORY / "training" / "configs" / "thesis" / "jat_ani1.yaml"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PARTS = ("train", "validation", "test", "N2C2H6", "H2CN2")
HARTREE = {"H": -0.5, "C": -38.0, "N": -54.6, "O": -75.0}


def write_file(path: Path, molecules: dict[str, tuple[str, int]], **changes) -> Path:
    """Random conformers as ANI-1 keeps them; the energy is that of the atoms plus a pair sum."""
    corners = 1.1 * np.indices((3, 3, 3)).reshape(3, -1).T
    with h5py.File(path, "w") as file:
        for name, (symbols, n) in molecules.items():
            rng = np.random.default_rng([n, *name.encode()])
            xyz = corners[: len(symbols)] + rng.uniform(-0.1, 0.1, size=(n, len(symbols), 3))
            pairs = np.linalg.norm(xyz[:, 0, None] - xyz[:, 1:], axis=-1)
            values = {
                "coordinates": xyz.astype(np.float32),
                "energies": sum(HARTREE[s] for s in symbols) + 0.01 * np.exp(-pairs).sum(axis=1),
                "species": np.array([s.encode() for s in symbols]),
                "smiles": np.array([c.encode() for c in f"[{name}]"]),
                **changes,
            }
            for key, value in values.items():
                file.create_dataset(f"{path.stem}/{name}/{key}", data=value, compression="gzip")
    return path


@pytest.fixture(name="files", scope="module")
def _files(tmp_path_factory) -> list[Path]:
    """Two files, 25 molecules, among them two isomers of C2H6N2 and one CH2N2."""
    folder = tmp_path_factory.mktemp("ani")
    kinds = ["CHHHH", "NHHH", "OHH", "COHH", "CNH"]
    first = {f"a-{k}": (kinds[k % 5], 40 + k) for k in range(15)}
    first |= {"a-50": ("CCNNHHHHHH", 60), "a-51": ("NCCNHHHHHH", 80)}
    second = {f"b-{k}": ("C" + kinds[k % 5], 100) for k in range(7)} | {"b-50": ("NCNHH", 30)}
    return [write_file(folder / "one.h5", first), write_file(folder / "two.h5", second)]


def settings(files: list[Path], folder: Path, **changes) -> FitConfig:
    """changes: values of the groups conformers, split and run."""
    drawn = {"share": 0.2, "held_out": ["N2C2H6", "H2CN2", "C4H4N4"]}
    split = {"method": "molecules", "test": 0.2, "validation": 0.2}
    run = {"epochs": 2, "batch_size": 8, "threads": 1, "device": "cpu", "ema_decay": 0.0}
    return FitConfig.parse(
        {
            "name": "conformers",
            "output": str(folder),
            "model": TINY,
            "repulsion": "none",
            "data": {
                "files": [str(file) for file in files],
                "conformers": drawn | changes.get("conformers", {}),
                "split": split | changes.get("split", {}),
            },
            "loss": {"energy": {"kind": "mse"}, "force": {"weight": 0.0}},
            "run": run | changes.get("run", {}),
        }
    )


def make(files: list[Path], folder: Path, **changes) -> ConformerStore:
    folder.mkdir(exist_ok=True)
    return conformer_store(settings(files, folder, **changes), folder)


def contents(store: ConformerStore) -> set[tuple]:
    """(molecule, row, part, energy) of every conformer; each is in one part."""
    views = {part: store.view(part) for part in PARTS}
    assert sum(map(len, views.values())) == len(store)
    return {
        (store.molecules[m].name, int(store.arrays["rows"][k]), part, structure.energy)
        for part, view in views.items()
        for k, m, structure in zip(view.indices, view.molecules, view, strict=True)
    }


def sizes(files: list[Path]) -> dict[str, int]:
    return {m.name: m.n_conformers for file in files for m in list_molecules(file)}


def test_draw_depends_on_seed_and_molecule_alone(files, tmp_path):
    drawn = contents(make(files, tmp_path / "a"))
    assert len(drawn) == len(make(files, tmp_path / "a"))
    assert contents(make(files[::-1], tmp_path / "b")) == drawn
    assert contents(make(files, tmp_path / "c", run={"seed": 1})) != drawn
    alone = contents(make(files[:1], tmp_path / "d", split={"test": 0.2}))
    assert alone == {one for one in drawn if one[0].startswith("a-")}


def test_share_and_limit_hold(files, tmp_path):
    total = sizes(files)
    store = make(files, tmp_path / "a")
    assert {m.name for m in store.molecules} == set(total)
    assert all(m.n_stored == round(0.2 * total[m.name]) + 1 for m in store.molecules)
    assert 0.1 < len(store.view("validation")) / len(store.view("train")) < 0.4
    limited = make(files, tmp_path / "b", conformers={"max_per_file": 45})
    for counts in limited.split()["counts"].values():
        assert counts["train"] + counts["validation"] == 45
    held_out = {m.name for m in limited.molecules if m.part in PARTS[3:]}
    assert held_out == {"a-50", "a-51", "b-50"}  # from the end of files that are full before
    assert len(make(files, tmp_path / "c", conformers={"share": 1.0})) == sum(total.values())


def test_no_molecule_is_in_two_parts_and_held_out_ones_in_none(files, tmp_path):
    store = make(files, tmp_path / "a")
    names = {
        part: {store.molecules[m].name for m in np.unique(store.view(part).molecules)}
        for part in PARTS
    }
    fitted, tested = names["train"] | names["validation"], names["test"]
    assert fitted and tested and not fitted & tested
    assert names["N2C2H6"] == {"a-50", "a-51"} and names["H2CN2"] == {"b-50"}
    assert not (fitted | tested) & {"a-50", "a-51", "b-50"}
    split = store.split()
    assert {name for file in split["test"].values() for name in file} == tested
    assert split["held_out"]["N2C2H6"] == {str(files[0]): ["a-50", "a-51"]}
    assert sum(c["test"] for c in split["counts"].values()) == len(store.view("test"))


def test_conformers_are_those_of_read_structures(files, tmp_path):
    known = {(s.source, s.frame): s for file in files for s in read_structures(file)}
    store = make(files[::-1], tmp_path / "a", conformers={"share": 0.5})
    for k in range(len(store)):
        found = store.structure(k)
        same = known[found.source, found.frame]
        np.testing.assert_array_equal(found.positions, same.positions)
        np.testing.assert_array_equal(found.species, same.species)
        assert found.energy == same.energy and found.info == same.info


def test_memory_of_the_pass_is_bounded(tmp_path):
    """50,000 conformers of 12 atoms, 7 MB of positions; a block of them has 0.6 MB."""
    file = write_file(tmp_path / "large.h5", {"m": ("CCNNOOHHHHHH", 50_000)})
    tracemalloc.start()
    try:
        store = make([file], tmp_path / "a", conformers={"share": 0.03}, split={"test": 0.0})
        assert len(store) == 1501
        list(map(len, store.view("train")))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5e6


def test_nothing_walks_over_all_conformers(files, tmp_path, monkeypatch):
    view = make(files, tmp_path / "a").view("train")
    asked = []
    read = ConformerStore.structure
    monkeypatch.setattr(ConformerStore, "structure", lambda s, k: asked.append(k) or read(s, k))
    monkeypatch.setattr(data, "SAMPLE", 40)
    assert species_of(view) == [6, 1, 7, 8] and not asked
    potential = new_checkpoint("jat", {"n_layers": 1}, [6, 1, 7, 8]).potential
    set_references(potential, view, None)
    assert 40 <= len(set(asked)) <= 41 < len(view)  # and the first and the last are among them
    graphs = GraphDataset(view, potential.species, 3.0, torch.float32)
    set_shortest_distances(potential, graphs)
    check_labels(view, {"energy": 1.0})
    assert len(set(asked)) <= 41
    assert graphs[0] is not graphs[0]
    kept = GraphDataset(list(view), potential.species, 3.0, torch.float32)
    assert kept[0] is kept[0] and kept.sample() is kept


def test_half_a_store_is_made_again(files, tmp_path, monkeypatch):
    """A pass that ends early leaves nothing that could be taken for a store."""

    def fails_later(path, chosen):
        raise KeyboardInterrupt

    monkeypatch.setattr(conformers, "iter_conformers", fails_later)
    with pytest.raises(KeyboardInterrupt):
        make(files, tmp_path / "a")
    assert (tmp_path / "a" / "conformers.partial").is_dir()
    assert not conformers.has_store(tmp_path / "a")
    with pytest.raises(ConfigError, match="nothing to resume"):
        fit(settings(files, tmp_path / "a"), resume=True)
    monkeypatch.undo()
    assert contents(make(files, tmp_path / "a")) == contents(make(files, tmp_path / "b"))
    assert not (tmp_path / "a" / "conformers.partial").exists()


def test_fit_killed_before_training_resumes_with_its_store(files, tmp_path, monkeypatch, capsys):
    config, run = settings(files, tmp_path / "run"), tmp_path / "run"
    values = tmp_path / "settings.yaml"
    values.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen(
        [sys.executable, str(FIT), str(values)], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 120
        while process.poll() is None and not conformers.has_store(run):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert conformers.has_store(run) and not (run / "last.ckpt").exists()
    before = contents(ConformerStore(run / "conformers"))
    monkeypatch.setattr(conformers, "iter_conformers", None)  # would be called to make it again
    best = load_checkpoint(fit(load_config(values), resume=True))
    assert contents(ConformerStore(run / "conformers")) == before
    assert best.training["n_train"] == len(ConformerStore(run / "conformers").view("train"))
    (run / "errors.json").unlink()  # as if the fit had been killed again, before its report
    best = load_checkpoint(fit(load_config(values), resume=True))
    assert_report(run, best, capsys.readouterr().out)


def assert_report(run: Path, best, printed: str) -> None:
    """Errors of each part, file and size are the mean of what the calculator gives."""
    errors = json.loads((run / "errors.json").read_text())
    assert best.training["errors"] == errors
    assert set(errors["conformers"]) == {"test", "N2C2H6", "H2CN2"}  # there is no C4H4N4
    calculator = PhysRepCalculator(run / "best.ckpt")
    store = ConformerStore(run / "conformers")
    for part, groups in errors["conformers"].items():
        found = {}
        for structure in store.view(part):
            atoms = structure.to_ase()
            difference = abs(calculator.get_potential_energy(atoms) - structure.energy)
            n_heavy = str(sum(atoms.numbers > 1))
            for key in ("all", structure.source, n_heavy):
                found.setdefault(key, []).append((difference, 1000.0 * difference / len(atoms)))
        reported = {"all": groups["all"], **groups["files"], **groups["heavy_atoms"]}
        assert set(reported) == set(found)
        for key, group in reported.items():
            mean = np.mean(found[key], axis=0)
            assert group["energy_mae_ev"] == pytest.approx(mean[0], rel=1e-4)
            assert group["energy_mae_mev_per_atom"] == pytest.approx(mean[1], rel=1e-4)
            assert group["n_conformers"] == len(found[key])
    assert "heavy atoms: 2" in printed and "two.h5" in printed and "N2C2H6" in printed


def test_resumed_fit_must_have_the_same_files(files, tmp_path):
    copies = [tmp_path / file.name for file in files]
    for file, copy in zip(files, copies, strict=True):
        copy.write_bytes(file.read_bytes())
    make(copies, tmp_path / "a")
    with h5py.File(copies[0], "a") as file:
        file["more"] = np.zeros(1000)
    with pytest.raises(ConfigError, match="a resumed fit must keep its data"):
        conformer_store(settings(copies, tmp_path / "a"), tmp_path / "a", resume=True)


def test_saved_settings_lack_only_what_is_newer(files, tmp_path):
    config = settings(files, tmp_path)
    values = json.loads(config.model_dump_json())
    del values["data"]["max_train"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    assert same_settings(tmp_path / "config.yaml", config)
    values["run"]["seed"] = 5
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    assert not same_settings(tmp_path / "config.yaml", config)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"energies": np.full(20, np.nan)}, "energy = nan is not finite"),
        ({"coordinates": np.zeros((20, 2, 3), np.float32)}, "remove the duplicate atom"),
        ({"coordinates": np.zeros((20, 3, 3), np.float32)}, r"2 species and coordinates of shape"),
        ({"energies": np.zeros(3)}, "has 20 coordinates and 3 energy entries"),
        ({"species": np.array([b"H", b"Qq"])}, "'Qq' is not an element symbol"),
    ],
)
def test_damage_is_said_with_file_and_molecule(tmp_path, changes, words):
    file = write_file(tmp_path / "bad.h5", {"mol-7": ("CH", 20)}, **changes)
    with pytest.raises(DataError, match=words) as error:
        make([file], tmp_path / "a", conformers={"share": 1.0}, split={"test": 0.0})
    assert "bad.h5" in str(error.value) and "mol-7" in str(error.value)


def test_molecules_and_parts_that_cannot_be(files, tmp_path):
    twin = write_file(tmp_path / "twin.h5", {"a-3": ("CNH", 5)})
    with pytest.raises(DataError, match=r"twin.h5: molecule a-3 is in .*one.h5 already"):
        make([files[0], twin], tmp_path / "a")
    with pytest.raises(ConfigError, match="leaves nothing for test of 1 molecules"):
        make([twin], tmp_path / "a", split={"test": 1e-9})
    missing = write_file(tmp_path / "none.h5", {"m": ("CH", 2)})
    with h5py.File(missing, "a") as file:
        del file["none/m/energies"]
    with pytest.raises(DataError, match=r"molecule m: .*none.h5: missing 'energies'"):
        make([missing], tmp_path / "a")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("data.conformers.held_out=[C2H6N2, water]", "'water' is not a chemical formula; write it"),
        ("data.conformers.held_out=[C2H6N2, N2C2H6]", "C2H6N2 and N2C2H6 are one composition"),
        ("data.conformers.held_out=[C2Qq6]", "'C2Qq6' is not a chemical formula"),
        ("data.conformers.share=0", "data.conformers.share = 0"),
        ("data.conformers.shares=0.1", "did you mean 'share'"),
        ("data.conformers=null", "split.method molecules needs data.conformers"),
        ("data.split.method=random", "set split.method to molecules"),
        ("data.files=[training/fit.py]", "reads ANI-1 files (.h5, .hdf5) alone, not"),
        ("data.extra_train_files=[data/x.h5]", "extra_train_files does not go with"),
        ("data.max_train=5", "max_train does not go with data.conformers"),
        ("loss.force.weight=1.0", "have energies only; set loss.force.weight to 0"),
    ],
)
def test_impossible_settings_are_explained(override, words):
    with pytest.raises(ConfigError) as error:
        load_config(RECIPE, [override])
    assert words in str(error.value)


@pytest.mark.filterwarnings("ignore:the compositions have rank 3:UserWarning")
def test_recipe_runs_on_the_smallest_file_of_ani1(shared_data, tmp_path):
    """Methane, ammonia and water: three molecules, so none is kept for a test."""
    overrides = [
        f"data.files=[{shared_data / 'ani1' / 'ani_gdb_s01.h5'}]",
        f"output={tmp_path}/run",
        "data.split.test=0.0",
        "model.n_layers=2",
        "optimizer.lr=4.0e-3",
        "run={epochs: 3, batch_size: 32, ema_decay: 0.0, threads: 1, device: cpu}",
    ]
    best = load_checkpoint(fit(load_config(RECIPE, overrides)))
    assert best.training["n_train"] + best.training["n_validation"] == 271 + 181 + 91
    found = best.training["errors"]["conformers"]["validation"]
    assert found["all"] == found["heavy_atoms"]["1"]
    assert 0.0 < found["all"]["energy_mae_mev_per_atom"] < 75.0  # the energies' spread is 80
