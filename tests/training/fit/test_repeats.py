"""Several fits in one go: what is done is kept, what is written holds the numbers of the fits."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from repository import REPOSITORY
from systems import TINY, labelled_frames

from physrep.checkpoint import fingerprint, load_checkpoint, members_of
from physrep.config import ConfigError
from physrep.io import iter_structures, write_npz
from physrep.studies.evaluate.label_errors import evaluate, load_calculator
from physrep_training.fit.fit_config import load_config
from physrep_training.fit.repeats import repeat_fit, summarise
from physrep_training.tables.tables import Plan, load_plan, make_tables

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(name="config_file", scope="module")
def _config_file(tmp_path_factory):
    """Ten frames of one trajectory and settings for a fit of a second."""
    folder = tmp_path_factory.mktemp("repeats")
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


def test_seeds_are_compared_and_their_committee_is_tested(config_file, tmp_path):
    overrides = [f"output={tmp_path}/seeds"]
    found = repeat_fit(config_file, overrides, 2)
    maes = [json.loads((tmp_path / f"seeds/seed_{k}/errors.json").read_text()) for k in (0, 1)]
    assert maes[0]["force_mae"] != maes[1]["force_mae"]
    mean = np.mean([e["force_mae"] for e in maes])
    assert found["summary"]["force_mae"]["mean"] == pytest.approx(mean)
    assert found["committee"]["force_mae"] <= max(e["force_mae"] for e in maes)
    assert json.loads((tmp_path / "seeds/errors.json").read_text()) == found
    members = members_of(load_checkpoint(tmp_path / "seeds/committee.ckpt"))
    paths = [tmp_path / f"seeds/seed_{k}/best.ckpt" for k in (0, 1)]
    best = [fingerprint(load_checkpoint(path).potential) for path in paths]
    assert [fingerprint(one.potential) for one in members] == best


def test_seeds_that_are_done_are_not_fitted_again(config_file, tmp_path):
    overrides = [f"output={tmp_path}/seeds"]
    first = repeat_fit(config_file, overrides, 1)
    written = (tmp_path / "seeds/seed_0/best.ckpt").stat().st_mtime_ns
    assert repeat_fit(config_file, overrides, 1) == first
    assert (tmp_path / "seeds/seed_0/best.ckpt").stat().st_mtime_ns == written
    with pytest.raises(ConfigError, match="holds a fit with other settings"):
        repeat_fit(config_file, [*overrides, "run.epochs=2"], 1)


def test_summary_takes_numbers_that_all_fits_have():
    errors = [{"a": 1.0, "b": None, "n": 3}, {"a": 3.0, "b": 2.0, "n": 3}]
    assert summarise(errors) == {"a": {"mean": 2.0, "std": pytest.approx(2.0**0.5)}}


def plan(config_file, rows) -> Plan:
    table = {"name": "sizes", "title": "Sizes", "config": str(config_file), "rows": rows}
    return Plan.parse({"cpu_minutes": 0.01, "tables": [table]})


def test_tables_have_a_row_for_each_fit(config_file, tmp_path):
    rows = [
        {"label": "narrow", "published": 0.07, "set": ["model.features=8"]},
        {"label": "wide", "set": ["model.features=16"]},
    ]
    (path,) = make_tables(plan(config_file, rows), tmp_path, [], ["run.epochs=1"])
    lines = [line for line in path.read_text().splitlines() if line.startswith("| ")]
    narrow, wide = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:])
    assert (narrow[0], narrow[3], wide[0], wide[3]) == ("narrow", "0.0700", "wide", "")
    fitted = json.loads((tmp_path / "sizes/narrow/errors.json").read_text())
    assert narrow[1] == f"{fitted['force_mae']:.4f}"
    assert int(wide[4].replace(",", "")) > int(narrow[4].replace(",", ""))
    assert (tmp_path / "sizes.png").is_file()


def test_further_files_have_columns_of_their_own(config_file, tmp_path):
    """Errors on the training file itself, as `physrep evaluate` finds them; computed once."""
    data = yaml.safe_load(config_file.read_text())["data"]["files"][0]
    rows = [
        {"label": "one"},
        {"label": "paper", "published": {"hot force_rmse": 0.02}, "fitted": False},
    ]
    made = plan(config_file, rows)
    made = made.model_copy(
        update={"tables": [made.tables[0].model_copy(update={"tests": {"hot": Path(data)}})]}
    )
    for _ in range(2):
        (path,) = make_tables(made, tmp_path, [], ["run.epochs=1"])
    lines = [line for line in path.read_text().splitlines() if line.startswith("| ")]
    head, one, paper = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    calculator = load_calculator(tmp_path / "sizes/one/best.ckpt")
    expected = evaluate(calculator, list(iter_structures(data)))
    assert one[head.index("hot: force RMSE (eV/Å)")] == f"{expected.force_rmse:.4f}"
    assert paper[head.index("published hot: force RMSE (eV/Å)")] == "0.0200"


def test_seeds_of_a_row_have_mean_spread_and_committee(config_file, tmp_path):
    rows = [{"label": "twice"}, {"label": "of the paper", "published": 0.1, "fitted": False}]
    made = plan(config_file, rows)
    made = made.model_copy(update={"tables": [made.tables[0].model_copy(update={"seeds": 2})]})
    (path,) = make_tables(made, tmp_path, [], ["run.epochs=1", "data.split.method=time_blocks"])
    lines = [line for line in path.read_text().splitlines() if line.startswith("| ")]
    head, twice, paper = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    maes = [
        json.loads((tmp_path / f"sizes/twice/seed_{k}/errors.json").read_text())["force_mae"]
        for k in range(2)
    ]
    spread = abs(maes[0] - maes[1]) / 2**0.5
    assert twice[1] == f"{np.mean(maes):.4f} ± {spread:.4f}"
    assert float(twice[head.index("of the committee")]) <= max(maes)
    assert paper[head.index("published force MAE (eV/Å)")] == "0.1000"
    assert paper[-1] == "published numbers only"


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
        for row in table.rows:
            common = [] if row.config else table.common
            assert load_config(row.config or table.config, [*common, *table.every, *row.set])


def test_table_that_does_not_exist_is_refused(config_file, tmp_path):
    with pytest.raises(ConfigError, match=r"no table is called 'size'; there are sizes"):
        make_tables(plan(config_file, []), tmp_path, ["size"], [])
