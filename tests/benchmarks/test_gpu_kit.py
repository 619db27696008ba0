"""The kit for GPUs: the time of its steps, its report, its wheels, and a dry run of all of it."""

import json
import os
import re
import subprocess
import sys
import zipfile

import pytest
from repository import REPOSITORY

KIT = REPOSITORY / "benchmarks" / "gpu"


@pytest.fixture(autouse=True)
def _path(monkeypatch):
    monkeypatch.syspath_prepend(str(KIT))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_slow_step_shortens_later_ones_down_to_their_least():
    from budget import Budget, Share

    clock = Clock()
    shares = {"build": Share(100, 30), "measure": Share(60, 20), "fit": Share(60, 40)}
    budget = Budget(150.0, shares, clock)
    assert budget.seconds_for("build") == 90.0  # 20 and 40 are kept for the others
    clock.now = 90.0
    assert budget.seconds_for("measure") == 20.0
    clock.now = 95.0  # it took 5 of its 20 s
    assert budget.seconds_for("fit") == 55.0
    clock.now = 120.0
    assert budget.seconds_for("fit") == 0.0  # less than its least: not started


def test_no_step_gets_more_than_its_share():
    from budget import Budget, Share

    shares = {"a": Share(60, 1), "b": Share(10, 1)}
    assert Budget(1000.0, shares, Clock()).seconds_for("a") == 60.0
    longer = {name: share.times(2.0) for name, share in shares.items()}
    assert Budget(1000.0, longer, Clock()).seconds_for("a") == 120.0


def test_the_shares_of_a_full_run_leave_every_step_its_least():
    import kit

    for shares, seconds in ((kit.SHARES, 8.7 * 60), (kit.DRY_SHARES, 2.8 * 60)):
        assert sum(share.least for share in shares.values()) <= seconds
        assert all(share.least <= share.most for share in shares.values())


def test_the_report_on_the_disk_has_every_row_at_once(tmp_path):
    from report import Report

    report = Report(tmp_path, dry=True)
    report.start("evaluations")
    report.add("evaluations", {"atoms": 225, "ms": 1.23456})
    report.add("evaluations", {"atoms": 1800, "note": "out of | memory"})
    stored = json.loads((tmp_path / "gpu.json").read_text())["steps"]["evaluations"]
    assert stored["state"] == "running"
    assert [row["atoms"] for row in stored["rows"]] == [225, 1800]
    report.finish("evaluations", "failed", "stopped after 10 s", 10.0)
    text = (tmp_path / "gpu.md").read_text()
    assert "| evaluations | failed | 10 | stopped after 10 s |" in text
    assert "| atoms | ms | note |" in text
    assert "| 225 | 1.23 |  |" in text
    assert "| 1800 |  | out of \\| memory |" in text
    assert not list(tmp_path.glob("*.partial"))


STEP = """
import json, sys, time
name = sys.argv[1]
print(json.dumps({"step": name}), flush=True)
if name == "hangs":
    time.sleep(60)
print("because of", name, file=sys.stderr)
sys.exit({"done": 0, "skipped": 77, "failed": 1}[name])
"""


def test_a_step_that_fails_or_hangs_is_reported_and_keeps_its_rows(tmp_path, monkeypatch):
    import kit
    from report import Report

    (tmp_path / "step.py").write_text(STEP)
    monkeypatch.setattr(kit, "HERE", tmp_path)
    monkeypatch.setattr(kit, "GRACE", 0.5)
    report = Report(tmp_path / "out")
    options = {"work": str(tmp_path / "work"), "seconds": 10.0}
    expected = {
        "done": ("done", ""),
        "skipped": ("skipped", "because of skipped"),
        "failed": ("failed", "because of failed"),
    }
    for name, result in expected.items():
        report.start(name)
        assert kit.run_process(name, options, report) == result
        assert report.steps[name]["rows"] == [{"step": name}]
    report.start("hangs")
    state, reason = kit.run_process("hangs", {**options, "seconds": 1.0}, report)
    assert (state, reason) == ("failed", "stopped after 2 s")
    assert report.steps["hangs"]["rows"] == [{"step": "hangs"}]


def test_launches_are_counted_in_a_profile():
    from steps.evaluations import count_launches

    events = [("aten::mm", 9), ("cudaLaunchKernel", 7), ("cuLaunchKernelEx", 2)]
    assert count_launches([*events, ("cudaMemcpyAsync", 4), ("cudaGraphLaunch", 1)]) == 10


def test_the_performance_of_the_last_run_is_read():
    from steps.lammps import performance

    lines = ["Performance: 9.9 ns/day, 2.4 hours/ns, 99.0 timesteps/s, 1.0 katom-step/s"]
    lines += ["Performance: 1.728 ns/day, 13.889 hours/ns, 40.000 timesteps/s, 9 katom-step/s"]
    assert performance("\n".join(lines)) == {"ns/day": 1.728, "ms/step": 25.0}
    assert "note" in performance("ERROR")


def test_the_tests_of_the_operators_are_counted():
    from steps.operators import counts

    assert counts("...\n2 failed, 50 passed, 3 skipped in 4.2s") == {
        "failed": 2,
        "passed": 50,
        "skipped": 3,
    }
    assert counts("") == {}


def test_the_rate_of_a_fit_is_that_of_its_epochs_but_the_first(tmp_path):
    from steps.fit import rate

    log = tmp_path / "log.csv"
    log.write_text(
        "step,time_s,validation_force_mae_ev_per_a\n10,9.0,nan\n20,11.0,0.3\n30,13.0,nan\n"
    )
    found = rate(log)
    assert found["steps/s"] == pytest.approx(5.0)
    assert found["steps"] == 30
    assert found["force MAE, eV/A"] == 0.3


def test_wheels_are_pinned_as_the_project_pins_them():
    from fetch_wheels import groups

    pinned = dict(
        re.findall(
            r"^([\w.-]+)(?:\[\w+\])?==(\S+)",
            (REPOSITORY / "requirements.txt").read_text(),
            re.MULTILINE,
        )
    )
    found = groups((KIT / "wheels.txt").read_text())
    assert list(found) == ["core", "fit", "lammps", "openmm"]
    for requirement in (line for lines in found.values() for line in lines):
        name, version = requirement.split("==")
        assert pinned.get(name, version) == version
        assert not name.startswith(("torch=", "nvidia"))  # those of the machine are used


def test_a_slimmed_wheel_lacks_the_files_and_their_records(tmp_path):
    from fetch_wheels import slim

    wheel = tmp_path / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("x/lib.so", "code")
        archive.writestr("x/share/large", "data")
        archive.writestr("x-1.dist-info/RECORD", "x/lib.so,sha256=a,4\nx/share/large,sha256=b,4\n")
    slim(wheel, ("x/share/*",))
    with zipfile.ZipFile(wheel) as archive:
        assert archive.namelist() == ["x/lib.so", "x-1.dist-info/RECORD"]
        assert archive.read("x-1.dist-info/RECORD") == b"x/lib.so,sha256=a,4\n"


@pytest.mark.slow
def test_a_dry_run_of_all_steps(tmp_path):
    """`run.sh --dry`, as the README gives it, with the time that a busy machine needs."""
    variables = {"PYTHON": sys.executable, "WHEELS": "none"}
    command = [KIT / "run.sh", "--dry", "--minutes", "9", "--sizes", "225", "--out", tmp_path]
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    steps = json.loads((tmp_path / "gpu.json").read_text())["steps"]
    states = {name: step["state"] for name, step in steps.items()}
    assert states.pop("build") == "skipped"
    assert states.pop("operators") == "skipped"  # no GPU is shown to a dry run
    assert set(states.values()) == {"done"}, {name: step["reason"] for name, step in steps.items()}
    for row in steps["evaluations"]["rows"]:
        assert row["ms"] > 0.0
        assert row["dF, eV/A"] < 1e-3
    assert steps["fit"]["rows"][0]["steps/s"] > 0.0
    assert all(row["ns/day"] > 0.0 for row in steps["lammps"]["rows"] + steps["openmm"]["rows"])
