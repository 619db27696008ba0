"""Two processes fit as one does: the same losses, one set of files, a resume, one end."""

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from repository import REPOSITORY
from systems import labelled_frames

from physrep.config import ConfigError
from physrep.io import write_npz
from physrep_training.data.graphs import EpochSampler
from physrep_training.fit.fit_config import load_config
from physrep_training.fit.fitting import finish_fit, fit

FIT = REPOSITORY / "training" / "fit.py"


@pytest.fixture(name="config_file", scope="module")
def _config_file(tmp_path_factory) -> Path:
    """Sixteen frames; losses that are means over structures, so that batches may be divided."""
    folder = tmp_path_factory.mktemp("processes")
    frames = [replace(frame, forces=None, virial=None) for frame in labelled_frames(16)]
    write_npz(folder / "data.npz", frames)
    values = {
        "name": "small",
        "model": {"name": "physrep", "n_layers": 1, "features": 8, "heads": 2, "cutoff": 3.0},
        "data": {
            "files": [str(folder / "data.npz")],
            "split": {"method": "random", "validation": 0.25, "test": 0.25},
            "equilibrium": "all",
        },
        # A condition that is due in some steps only leaves no parameter behind.
        "loss": {"force": {"weight": 0}, "zero_force": {"weight": 0.1, "share_of_steps": 0.5}},
        "run": {"epochs": 3, "threads": 1, "device": "cpu", "precision": "float64"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


def run(config: Path, output: Path, *arguments: str) -> list[dict[str, str]]:
    """Fit by the command of the README; the rows of its log."""
    command = [sys.executable, str(FIT), str(config), f"output={output}", *arguments]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("fit: done") == 1
    return rows_of(output)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_processes_are_one_fit(config_file, tmp_path):
    fit(load_config(config_file, [f"output={tmp_path}/one", "run.batch_size=2"]))
    alone = rows_of(tmp_path / "one")
    both = run(config_file, tmp_path / "two", "run.batch_size=1", "run.processes=2")
    assert len(alone) == len(both) == 3
    for one, two in zip(alone, both, strict=True):
        assert one["step"] == two["step"]
        for name in ("train_loss", "validation_loss", "train_energy_mae_mev_per_atom"):
            assert float(two[name]) == pytest.approx(float(one[name]), rel=1e-9), name
    for name in ("best.ckpt", "last.ckpt", "errors.json", "split.json"):
        assert (tmp_path / "two" / name).is_file()


def test_time_that_is_over_ends_all_processes(config_file, tmp_path):
    limited = ["run.processes=2", "run.epochs=500", "run.cpu_minutes=0.002"]
    rows = run(config_file, tmp_path / "run", *limited)
    assert 1 <= len(rows) < 500
    resumed = run(config_file, tmp_path / "run", *limited, "--resume")
    assert len(resumed) == len(rows)  # no time is left


def test_processes_share_an_epoch():
    parts = [list(EpochSampler(11, 3, rank, 3)) for rank in range(3)]
    assert [len(part) for part in parts] == [3, 3, 3]
    assert len({k for part in parts for k in part}) == 9
    together = [k for step in zip(*parts, strict=True) for k in step]
    assert together == list(EpochSampler(11, 3))[:9]


def test_tables_refuse_several_processes(config_file, tmp_path):
    config = load_config(config_file, ["run.processes=2", f"output={tmp_path}/run"])
    with pytest.raises(ConfigError, match=r"run\.processes is 2"):
        finish_fit(config)
