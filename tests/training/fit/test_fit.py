"""A fit from settings to best.ckpt: learns, resumes after a kill, stops at NaN."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from full_disk import files_of_at_most
from repository import REPOSITORY
from systems import labelled_frames, make_checkpoint

from physrep.checkpoint import load_checkpoint, save_checkpoint
from physrep.config import ConfigError
from physrep.io import read_structures, write_npz
from physrep.output import OutputError
from physrep_training.fit.callbacks import CollapseWarning
from physrep_training.fit.epoch_log import read_log
from physrep_training.fit.fit_config import load_config
from physrep_training.fit.fit_report import write_report
from physrep_training.fit.fitting import fit
from physrep_training.fit.module import FitError
from physrep_training.fit.run_folder import exclusive_run_folder
from physrep_training.fit.training_loop import WholeFiles, state_to_resume

TRAINING = REPOSITORY / "training"
FIT = TRAINING / "fit.py"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(name="config_file", scope="module")
def _config_file(tmp_path_factory) -> Path:
    """Twenty frames labelled by a random potential, and settings for a fit of seconds."""
    folder = tmp_path_factory.mktemp("fit")
    write_npz(folder / "data.npz", labelled_frames(20))
    values = {
        "name": "small",
        "model": {
            "name": "jat",
            "n_layers": 2,
            "features": 16,
            "cutoff": 3.5,
            "angular_features": 0,
        },
        "data": {
            "files": [str(folder / "data.npz")],
            "split": {"method": "random", "validation": 0.2, "test": 0.2},
        },
        "loss": {"virial": {"weight": 0.1}},
        "run": {"epochs": 6, "batch_size": 2, "threads": 1, "device": "cpu"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def losses(folder: Path) -> list[tuple[str, str]]:
    with (folder / "log.csv").open() as file:
        return [(row["train_loss"], row["validation_loss"]) for row in csv.DictReader(file)]


@pytest.fixture(name="finished", scope="module")
def _finished(config_file, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    fit(load_config(config_file, [f"output={folder}/run"]))
    return folder / "run"


def test_fit_learns_and_leaves_everything_behind(finished):
    rows = [float(train) for train, _ in losses(finished)]
    assert len(rows) == 6
    assert rows[-1] < 0.7 * rows[0]
    for name in ("config.yaml", "split.json", "errors.json", "parity.png", "training.png"):
        assert (finished / name).stat().st_size > 0
    assert list((finished / "tensorboard").iterdir())
    errors = json.loads((finished / "errors.json").read_text())
    best = load_checkpoint(finished / "best.ckpt")
    assert best.training["errors"] == errors
    assert errors["n_structures"] == 4
    assert best.training["name"] == "small"


def test_the_guard_starts_below_the_training_data(finished):
    best = load_checkpoint(finished / "best.ckpt")
    shortest = best.potential.shortest_distances
    assert 0.6 < float(shortest.min()) < float(shortest.max()) < 1.6
    errors = best.training["errors"]
    assert errors["n_guarded"] == 0 and errors["guarded"] == []


def test_a_guard_that_acts_on_judged_structures_is_said(finished, tmp_path, capsys):
    best = load_checkpoint(finished / "best.ckpt")
    best.potential.shortest_distances.fill_(1.5)  # the guard starts at 1.35 A
    save_checkpoint(best, tmp_path / "best.ckpt")
    (tmp_path / "log.csv").write_text((finished / "log.csv").read_text())
    judged = labelled_frames(3)
    errors = write_report(tmp_path / "best.ckpt", judged, tmp_path)
    assert errors["n_guarded"] == len(errors["guarded"]) == 3
    assert json.loads((tmp_path / "errors.json").read_text()) == errors
    assert "the short-range guard acts in 3 of 3 structures" in capsys.readouterr().err


CONDITIONS = [  # everything that is drawn at random, and walks that continue from visit to visit
    "model={name: physrep, n_layers: 1, features: 8, heads: 2, cutoff: 3.0, masking: true}",
    "data.equilibrium=all",
    (
        "loss={mask: {weight: 0.7}, zero_force: {weight: 0.1}, bound: {weight: 1.0}, "
        "denoise: {weight: 1.0}}"
    ),
]


def test_compiled_operators_fit_the_same(config_file, tmp_path, monkeypatch):
    precise = ["run.precision=float64", "run.epochs=2"]
    for ops in ("portable", "fused"):
        fit(load_config(config_file, [*precise, f"run.ops={ops}", f"output={tmp_path}/{ops}"]))
    portable, fused = (np.array(losses(tmp_path / ops), float) for ops in ("portable", "fused"))
    np.testing.assert_allclose(fused, portable, rtol=1e-9)
    monkeypatch.setattr("physrep.ops.loading.load", lambda: False)
    config = load_config(config_file, ["run.ops=fused", f"output={tmp_path}/none"])
    with pytest.raises(ConfigError, match=r"compiled operators.*set run\.ops=portable"):
        fit(config)


@pytest.mark.parametrize("overrides", [[], CONDITIONS], ids=["labels", "conditions"])
def test_killed_fit_resumes_with_the_same_losses(config_file, finished, overrides, tmp_path):
    whole, output = finished, tmp_path / "run"
    if overrides:
        whole = fit(load_config(config_file, [*overrides, f"output={tmp_path}/whole"])).parent
    settings = [*overrides, f"output={output}"]
    with subprocess.Popen(
        [sys.executable, str(FIT), str(config_file), *settings],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:  # until two epochs are on disk
            if (output / "log.csv").exists() and len(losses(output)) >= 2:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert 2 <= len(losses(output)) < 6, "killed too late to test anything"
    fit(load_config(config_file, settings), resume=True)
    assert losses(output) == losses(whole)


def test_a_log_file_has_a_line_for_every_epoch_and_nothing_else(config_file, tmp_path):
    command = [sys.executable, FIT, config_file, f"output={tmp_path}/run", "run.epochs=3"]
    with (tmp_path / "log").open("w") as log:
        done = subprocess.run(
            [*command, "run.validate_every=2"], stdout=log, stderr=log, check=False
        )
    assert done.returncode == 0
    text = (tmp_path / "log").read_text()
    assert "\r" not in text
    *epochs, last = text.splitlines()
    assert last == f"fit: done, {tmp_path}/run/best.ckpt"
    assert len(epochs) == 3, text
    errors = (
        r"loss \S+, force MAE \S+ eV/A, energy MAE \S+ meV/atom, virial MAE \S+ meV/atom, "
        r"lr \S+, \S+ s, \S+ s left"
    )
    assert re.fullmatch(rf"fit: epoch 1/3, {errors}", epochs[0])
    assert re.search(r"epoch 2/3, loss \S+ \(validation \S+\), force MAE \S+ \(val", epochs[1])
    assert epochs[2].endswith("done")


def test_two_fits_in_one_folder_are_refused(tmp_path):
    hold = (
        "import pathlib, sys, time\n"
        "from physrep_training.fit.run_folder import exclusive_run_folder\n"
        "with exclusive_run_folder(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", hold, str(tmp_path / "fit")]
    environment = {**os.environ, "PYTHONPATH": str(TRAINING)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(ConfigError, match=rf"running in .*fit \(process {first.pid}\); wait"),
            exclusive_run_folder(tmp_path / "fit"),
        ):
            pass
        first.kill()
    with exclusive_run_folder(tmp_path / "fit"):  # freed by the kill
        pass


def test_a_damaged_last_state_is_not_resumed(finished, tmp_path):
    contents = bytearray((finished / "last.ckpt").read_bytes())
    assert state_to_resume(finished) == finished / "last.ckpt"
    contents[len(contents) // 2] ^= 1
    (tmp_path / "last.ckpt").write_bytes(contents)
    with pytest.raises(ConfigError, match=r"last.ckpt: damaged: .* start_from"):
        state_to_resume(tmp_path)


def test_a_full_disk_costs_no_state_to_resume(tmp_path):
    last = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint({"epoch": 1}, last)
    whole = last.read_bytes()
    with files_of_at_most(4096), pytest.raises(OutputError, match=r"last.ckpt: cannot"):
        WholeFiles().save_checkpoint({"epoch": 2, "state": torch.zeros(5000)}, last)
    assert last.read_bytes() == whole
    assert [one.name for one in tmp_path.iterdir()] == ["last.ckpt"]


def test_nothing_is_overwritten_and_nothing_else_is_resumed(config_file, finished, tmp_path):
    with pytest.raises(ConfigError, match="holds a fit already; continue it with --resume"):
        fit(load_config(config_file, [f"output={finished}"]))
    with pytest.raises(ConfigError, match="differs from the settings given now"):
        fit(load_config(config_file, [f"output={finished}", "run.epochs=9"]), resume=True)
    with pytest.raises(ConfigError, match="nothing to resume"):
        fit(load_config(config_file, [f"output={tmp_path}"]), resume=True)


def test_loss_that_becomes_nan_stops_the_fit_and_names_the_batch(config_file, tmp_path):
    overrides = [f"output={tmp_path}/run", "optimizer={kind: adam, lr: 1.0e+30}", "run.clip=0"]
    with pytest.raises(FitError, match=r"the loss became .* in epoch \d+, batch \d+ \(.* frame"):
        fit(load_config(config_file, overrides))


def test_thesis_schedule_and_optimizers_run(config_file, tmp_path):
    for kind, schedule in (("adamw", "one_cycle"), ("adam", "plateau"), ("muon", "constant")):
        overrides = [
            f"output={tmp_path}/{kind}",
            f"optimizer={{kind: {kind}, lr: 1.0e-3}}",
            f"schedule.kind={schedule}",
            "run.epochs=1",
            "run.ema_decay=0.0",
            "run.validate_every=3",  # a fit shorter than that is validated all the same
        ]
        assert fit(load_config(config_file, overrides)).is_file()


def test_start_that_learns_nothing_is_reported(config_file, tmp_path):
    """A potential without forces whose parameters have no gradient stands for a collapsed start."""
    dead = make_checkpoint("jat-published", torch.float32)
    dead.potential.scale.zero_()
    save_checkpoint(dead, tmp_path / "dead.ckpt")
    overrides = [
        f"output={tmp_path}/run",
        f"start_from={tmp_path}/dead.ckpt",
        "loss={force: {weight: 1}, energy: {weight: 0}, virial: {weight: 0}}",
    ]
    with pytest.warns(CollapseWarning, match="100 % of those of a model without forces"):
        best = fit(load_config(config_file, overrides))
    assert load_checkpoint(best).training["collapsed"]


def test_fit_ends_with_the_epoch_that_passes_its_time_and_validates_it(config_file, tmp_path):
    overrides = [
        f"output={tmp_path}/run",
        "run.cpu_minutes=0.0001",
        "run.epochs=1000",
        "run.validate_every=3",
    ]
    best = load_checkpoint(fit(load_config(config_file, overrides))).training
    (only,) = read_log(tmp_path / "run" / "log.csv")
    assert best["epoch"] == 0
    assert best["validation"]["force_mae"] == pytest.approx(
        float(only["validation_force_mae_ev_per_a"])
    )
    assert not best["collapsed"]


def test_fit_starts_from_a_checkpoint(config_file, finished, tmp_path):
    """Steps of almost no size leave the errors of the checkpoint that the fit starts from."""
    overrides = [
        f"output={tmp_path}/run",
        f"start_from={finished}/best.ckpt",
        "optimizer.lr=1.0e-9",
        "run.epochs=1",
    ]
    fit(load_config(config_file, overrides))
    best = min(float(validation) for _, validation in losses(finished))
    assert float(losses(tmp_path / "run")[0][1]) == pytest.approx(best, rel=1e-4)


def test_an_element_that_no_training_structure_has_is_refused(config_file, tmp_path):
    """Its energies would decide which epoch is the best one."""
    frames = read_structures(config_file.parent / "data.npz")
    frames[-1].species[0] = 9
    write_npz(tmp_path / "data.npz", frames)
    settings = [f"data.files=[{tmp_path}/data.npz]", "data.split.method=time_blocks"]
    config = load_config(config_file, [*settings, "data.split.gap=0", f"output={tmp_path}/run"])
    with pytest.raises(ConfigError, match=r"no training structure holds F, .* another run\.seed"):
        fit(config)
