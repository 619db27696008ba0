"""Active learning: killed at any write and resumed, it has the data of a loop never stopped."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from systems import TINY

from physrep.checkpoint import (
    fingerprint,
    load_checkpoint,
    new_checkpoint,
    new_committee,
    save_checkpoint,
)
from physrep.config import ConfigError
from physrep.output import make_folder
from physrep_training.active.active_config import ActiveConfig
from physrep_training.active.active_layout import Work
from physrep_training.active.active_loop import WHAT, learn
from physrep_training.active.active_state import State, read_state

EMT = "ase:ase.calculators.emt:EMT"  # has H, C, N and O, too
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
KILLED = -signal.SIGKILL


def settings(folder: Path, **more) -> ActiveConfig:
    """Methanol by effective-medium theory, from its SMILES; MD of 6 fs."""
    values = {
        "name": "methanol",
        "output": str(folder),
        "start": {
            "molecules": ["CO:1"],
            "cluster": True,
            "model": EMT,
            "ps": 0.004,
            "every_fs": 1.0,
        },
        "fit": {"model": TINY, "run": {"threads": 1, "device": "cpu"}},
        "members": 2,
        "md": {"temperatures": [200.0, 300.0], "ps": 0.006, "every_fs": 1.0},
        "choose": {"lower": 1e-6, "upper": 1e3, "most": 3, "apart_fs": 2.0},
        "label": {"method": EMT},
        "rounds": 2,
    }
    return ActiveConfig.parse({**values, **more})


def random_members(work: Work) -> None:
    """In place of fits: new networks, with the errors that a fit would write."""
    folder, members = work.committee.parent, []
    if work.committee.exists():
        return
    for k in range(work.config.members):
        torch.manual_seed(10 * work.round_number + k)
        one = new_checkpoint("jat", {k: v for k, v in TINY.items() if k != "name"}, [1, 6, 8])
        make_folder(folder / f"seed_{k}")
        save_checkpoint(one, folder / f"seed_{k}" / "best.ckpt")
        members.append(one)
    errors = {"summary": {"force_mae": {"mean": 0.5, "std": 0.1}}}
    (folder / "errors.json").write_text(json.dumps(errors))
    save_checkpoint(new_committee(members), work.committee)


CHEAP = {**WHAT, "fit": random_members}


def data_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


def files_of(folder: Path) -> dict[Path, bytes]:
    """Names and contents of those that are whole."""
    found = [path for path in folder.rglob("[!.]*") if path.is_file()]
    return {path: path.read_bytes() for path in found}


@pytest.fixture(name="alone", autouse=True)
def _alone(monkeypatch):
    """MD is saved at every look, and computes as where no compiled operators are."""
    monkeypatch.setattr("physrep_training.active.explore.SECONDS_BETWEEN_SAVES", 0.0)
    monkeypatch.setattr("physrep_training.active.explore.ops.available", lambda: False)


def in_a_process_killed_at(write: int, config: ActiveConfig) -> int:
    """Run the loop in a fork that SIGKILLs itself when it makes its n-th write durable; returns
    how it ended.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    fsync, count = os.fsync, 0

    def dying(file: int) -> None:
        nonlocal count
        count += 1
        if count == write:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)

    os.fsync = dying
    code = 1
    try:
        code = 0 if learn(config, CHEAP).outcome else 1
    finally:
        os._exit(code)


@pytest.mark.slow  # a process for every write, many of which make a report
def test_a_loop_killed_at_every_write_has_the_same_data(tmp_path):
    whole = learn(settings(tmp_path / "whole"), CHEAP)
    assert whole == State(round=2, stage="report", outcome="rounds")
    config = settings(tmp_path / "killed")
    ends, stages, write, before = [], [], 2, {}
    while not ends or ends[-1] == KILLED:
        assert len(ends) < 200
        ends.append(in_a_process_killed_at(write, config))
        stages.append(read_state(tmp_path / "killed/state.json"))
        after = files_of(tmp_path / "killed")
        write = write + 1 if after == before else 2  # past what a stage does again
        before = after
    assert ends[-1] == 0 and stages[-1] == whole
    assert {state.stage for state in stages if state} == set(WHAT)
    assert data_of(tmp_path / "killed") == data_of(tmp_path / "whole")
    for k in (1, 2):
        reports = [(tmp_path / name / f"round_{k}/report.json") for name in ("whole", "killed")]
        one, other = (json.loads(path.read_text()) for path in reports)
        assert {**one, "data": 0} == {**other, "data": 0}
        assert one["added"] == 3 and one["choice"]["candidates"] == 14
    assert sorted(data_of(tmp_path / "whole")) == [
        "round_1.extxyz",
        "round_2.extxyz",
        "start.extxyz",
    ]


def test_runs_of_another_round_start_elsewhere(tmp_path):
    config = settings(tmp_path / "a", rounds=1)
    assert learn(config, CHEAP).outcome == "rounds"
    again = learn(config, CHEAP)
    assert again == State(round=1, stage="report", outcome="rounds")  # nothing is done twice
    more = settings(tmp_path / "a", rounds=2)
    assert learn(more, CHEAP).round == 2
    one, other = (np.load(tmp_path / f"a/round_{k}/md/300K_0.npz") for k in (1, 2))
    assert not np.array_equal(one["positions"], other["positions"])


def test_a_loop_ends_where_the_members_agree(tmp_path):
    config = settings(tmp_path, choose={"lower": 1e2, "upper": 1e3})
    assert learn(config, CHEAP).outcome == "stable"
    assert sorted(data_of(tmp_path)) == ["start.extxyz"]
    found = json.loads((tmp_path / "round_1/report.json").read_text())
    assert found["stable"] and found["added"] == 0
    assert all(run["time_to_failure_ps"] is None for run in found["runs"])
    # A threshold that is lower asks for more rounds, with all that is there.
    lower = settings(tmp_path, choose={"lower": 1e-6, "upper": 1e3, "most": 2})
    assert learn(lower, CHEAP) == State(round=2, stage="report", outcome="rounds")
    assert sorted(data_of(tmp_path)) == ["round_2.extxyz", "start.extxyz"]
    other = settings(tmp_path, members=3)
    with pytest.raises(ConfigError, match="differs in members from the settings given now"):
        learn(other, CHEAP)


def test_a_run_that_fails_gives_its_last_sound_frame(tmp_path):
    config = settings(tmp_path, choose={"lower": 1e-9, "upper": 1e-8}, rounds=1)
    assert learn(config, CHEAP).outcome == "stalled"  # of no use from the first frame on
    found = json.loads((tmp_path / "round_1/report.json").read_text())
    assert [run["time_to_failure_ps"] for run in found["runs"]] == [0.0, 0.0]


REAL = {
    "fit": {
        "model": TINY,
        "data": {"split": {"method": "random", "validation": 0.2, "test": 0.2}},
        "run": {"epochs": 6, "threads": 1, "device": "cpu", "batch_size": 4},
    },
    "refit": {"run": {"epochs": 3}, "optimizer": {"lr": 1e-3}},
    "label": {"method": EMT, "workers": 2},
}
WHEN = (
    *(("start", 0.02), ("fit", 0.3), ("fit", 1.0), ("fit", 2.0), ("explore", 0.05)),
    *(("choose", 0.01), ("label", 0.5), ("label", 6.0), ("add", 0.001), ("report", 0.3)),
)


def killed_in(stage: str, seconds: float, config: ActiveConfig) -> int:
    """Run the loop in a fork that SIGKILLs itself so long after a stage has begun."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def dying(work: Work) -> None:
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        WHAT[stage](work)
        time.sleep(seconds)  # at the latest before the next stage

    try:
        learn(config, {**WHAT, stage: dying})
    finally:
        os._exit(1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the compositions have rank")
@pytest.mark.filterwarnings("ignore:for 5 epochs the force errors")  # too short to learn anything
def test_real_fits_killed_in_each_stage_are_the_same(tmp_path):
    longer = {"ps": 0.015, "every_fs": 1.0, "molecules": ["CO:1"], "cluster": True, "model": EMT}
    values = {**REAL, "start": longer}
    assert learn(settings(tmp_path / "whole", **values)).outcome == "rounds"
    config = settings(tmp_path / "killed", **values)
    assert [killed_in(*when, config) for when in WHEN] == [KILLED] * len(WHEN)
    assert learn(config).outcome == "rounds"
    assert data_of(tmp_path / "killed") == data_of(tmp_path / "whole")
    for k in (1, 2):
        files = [tmp_path / name / f"round_{k}/fit/committee.ckpt" for name in ("whole", "killed")]
        one, other = (fingerprint(load_checkpoint(file).model) for file in files)
        assert one == other
