"""Tables of fits: a row for each fit or quoted result, the numbers those of the fits."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from repository import REPOSITORY
from systems import TINY, labelled_frames

from physrep.config import ConfigError
from physrep.io import iter_structures, write_npz
from physrep.studies.evaluate.label_errors import evaluate, load_calculator
from physrep_training.tables.plan import Plan, load_plan
from physrep_training.tables.tables import config_of, make_tables, table_text

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SOURCE = "A. Author, J. Tests 1 (2020) 1"
ONE_EPOCH = ["run.epochs=1"]


@pytest.fixture(name="config_file", scope="module")
def _config_file(tmp_path_factory):
    """Ten frames of one trajectory and settings for a fit of a second."""
    folder = tmp_path_factory.mktemp("tables")
    frames = [replace(frame, virial=None) for frame in labelled_frames(10)]
    write_npz(folder / "data.npz", frames)
    split = {"method": "time_blocks", "validation": 0.2, "test": 0.2, "gap": 0}
    values = {
        "name": "small",
        "model": TINY,
        "data": {"files": [str(folder / "data.npz")], "split": split},
        "run": {"epochs": 1, "threads": 1, "device": "cpu"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(name="data")
def _data(config_file):
    """The file of the frames."""
    return yaml.safe_load(config_file.read_text())["data"]["files"][0]


def plan(config_file, rows, **settings) -> Plan:
    table = {"name": "sizes", "title": "Sizes", "config": str(config_file), "rows": rows}
    return Plan.parse({"cpu_minutes": 0.01, "tables": [table | settings]})


def cells(text: str) -> list[list[str]]:
    """Of the head and the rows."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_tables_have_a_row_for_each_fit(config_file, tmp_path):
    rows = [
        {"label": "narrow", "published": 0.07, "set": ["model.features=8"]},
        {"label": "wide", "set": ["model.features=16"]},
    ]
    (path,) = make_tables(plan(config_file, rows), tmp_path, [], ONE_EPOCH)
    _, narrow, wide = cells(path.read_text())
    assert (narrow[0], narrow[3], wide[0], wide[3]) == ("narrow", "0.0700", "wide", "")
    fitted = json.loads((tmp_path / "sizes/narrow/errors.json").read_text())
    assert narrow[1] == f"{fitted['force_mae']:.4f}"
    assert int(wide[4].replace(",", "")) > int(narrow[4].replace(",", ""))
    assert (tmp_path / "sizes.png").is_file()


def test_fits_are_judged_on_further_files_in_the_units_asked_for(config_file, data, tmp_path):
    """As `physrep evaluate` judges them, beside a quoted row in the same columns."""
    rows = [
        {"label": "one"},
        {"label": "paper", "published": {"hot force_rmse_mev": 20}, "fitted": False}
        | {"source": SOURCE},
    ]
    tests = {"hot": {"file": data, "columns": ["energy_mae_mev", "force_rmse_mev"]}}
    made = plan(config_file, rows, tests=tests, suite="tests", timed=True)
    texts = [make_tables(made, tmp_path, [], ONE_EPOCH)[0].read_text() for _ in range(2)]
    assert texts[0] == texts[1]  # the time too: nothing is measured twice
    head, one, paper = cells(texts[0])
    expected = evaluate(
        load_calculator(tmp_path / "sizes/one/best.ckpt"), list(iter_structures(data))
    )
    energy, force = head.index("hot: energy MAE (meV)"), head.index("hot: force RMSE (meV/Å)")
    assert one[energy] == f"{expected.energy_mae_mev:.1f}"
    assert one[force] == f"{1000 * expected.force_rmse:.1f}"
    assert (paper[energy], paper[force]) == ("", "20.0")
    assert (one[-1], paper[-1]) == ("", f"quoted: {SOURCE}")
    assert 0.01 < float(one[head.index("time (ms)")]) < 1000.0
    assert head[1:3] == [head[energy], head[force]]  # the suite "tests" has no other number


def test_numbers_that_an_earlier_version_did_not_keep_are_computed(config_file, data, tmp_path):
    tests = {"hot": {"file": data, "columns": ["energy_centred_mae_mev"]}}
    made = plan(config_file, [{"label": "one"}], tests=tests)
    (path,) = make_tables(made, tmp_path, [], ONE_EPOCH)
    kept = tmp_path / "sizes/one/tests/hot.json"
    numbers = json.loads(kept.read_text())
    text = path.read_text()
    kept.write_text(json.dumps({"file": numbers["file"], "force_mae": 0.0}))
    assert make_tables(made, tmp_path, [], ONE_EPOCH)[0].read_text() == text
    assert json.loads(kept.read_text()) == numbers


def test_without_a_file_the_own_test_part_is_judged(config_file, tmp_path):
    tests = {"held out": {"columns": ["force_mae"]}}
    made = plan(config_file, [{"label": "one"}], tests=tests)
    (path,) = make_tables(made, tmp_path, [], ONE_EPOCH)
    head, one = cells(path.read_text())
    assert one[head.index("held out: force MAE (eV/Å)")] == one[head.index("force MAE (eV/Å)")]
    no_part = plan(config_file, [{"label": "none"}], tests=tests, every=["data.split.test=0.0"])
    with pytest.raises(ConfigError, match=r"has no test part \(data.split.test = 0\)"):
        make_tables(no_part, tmp_path, [], ONE_EPOCH)


def test_a_missing_file_is_named_before_the_first_fit(config_file, tmp_path):
    made = plan(config_file, [{"label": "one"}], tests={"hot": {"file": "no.xyz"}})
    with pytest.raises(ConfigError, match=r"table 'sizes', tests, hot: no.xyz: no such file"):
        make_tables(made, tmp_path, [], ONE_EPOCH)
    made = plan(config_file, [{"label": "one"}, {"label": "two", "set": ["data.files=[no.npz]"]}])
    with pytest.raises(ConfigError, match=r"no.npz: no such file"):
        make_tables(made, tmp_path, [], ONE_EPOCH)
    assert not (tmp_path / "sizes").exists()


def test_seeds_of_a_row_have_mean_spread_and_committee(config_file, tmp_path):
    quoted = {"label": "of the paper", "published": 0.1, "fitted": False, "source": SOURCE}
    made = plan(config_file, [{"label": "twice"}, quoted], seeds=2)
    settings = [*ONE_EPOCH, "data.split.method=time_blocks"]
    (path,) = make_tables(made, tmp_path, [], settings)
    head, twice, paper = cells(path.read_text())
    maes = [
        json.loads((tmp_path / f"sizes/twice/seed_{k}/errors.json").read_text())["force_mae"]
        for k in range(2)
    ]
    spread = abs(maes[0] - maes[1]) / 2**0.5
    assert twice[1] == f"{np.mean(maes):.4f} ± {spread:.4f}"
    assert float(twice[head.index("of the committee")]) <= max(maes)
    assert paper[1] == "0.1000"
    assert len(paper) == len(head)


@pytest.mark.parametrize(
    "plan_file",
    [
        "training/configs/thesis/tables.yaml",
        "training/configs/reliability/tables.yaml",
        "benchmarks/accuracy.yaml",
    ],
)
def test_every_row_of_the_tables_has_valid_settings(plan_file, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr("physrep_training.fit.fit_config._check_files", lambda config: None)
    for table in load_plan(Path(plan_file)).tables:
        assert table_text(table, {})
        for row in table.rows:
            assert config_of(table, row, [])


def test_table_that_does_not_exist_is_refused(config_file, tmp_path):
    with pytest.raises(ConfigError, match=r"no table is called 'size'; there are sizes"):
        make_tables(plan(config_file, []), tmp_path, ["size"], [])


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (
            [{"label": "MACE", "fitted": False, "published": 0.1}],
            {},
            r"row 'MACE' is not fitted \(fitted: false\) and has no source",
        ),
        (
            [{"label": "MACE", "fitted": False, "source": SOURCE}],
            {},
            r"row 'MACE' is not fitted \(fitted: false\) and has no published",
        ),
        (
            [{"label": "one", "published": {"mae": 0.1}}],
            {},
            r"published 'mae', which is no column of it; there are force_mae, force_rmse",
        ),
        ([], {"suite": "tests"}, r"table 'sizes': suite: tests without tests; give tests"),
        ([], {"timed": True}, r"table 'sizes': timed without tests; give tests"),
        ([], {"tests": {"a": {"columns": ["mae"]}}}, r"no error is called 'mae'; there are"),
        ([], {"tests": {"a": {"columns": []}}}, r"an empty list judges nothing"),
    ],
)
def test_plans_that_mean_nothing_are_refused(config_file, rows, settings, message):
    with pytest.raises(ConfigError, match=message):
        plan(config_file, rows, **settings)
