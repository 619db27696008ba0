"""Settings: what is wrong is said before any work starts, with the key, the value and advice."""

import pytest
import yaml
from repository import REPOSITORY

from physrep.config import ConfigError, RenamedSettingWarning
from physrep_training.active.active_config import ActiveConfig
from physrep_training.fit.fit_config import FitConfig, load_config
from physrep_training.tables.tables import Plan

CONFIGS = sorted((REPOSITORY / "training" / "configs").rglob("*.yaml"))


@pytest.fixture(name="config_file")
def _config_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.extxyz").write_text("")
    values = {"name": "x", "model": {"name": "jat"}, "data": {"files": ["data.extxyz"]}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_settings_are_valid(path):
    """Files of data that do not ship are given on the command line."""
    values = yaml.safe_load(path.read_text())
    kinds = {"tables": Plan, "rounds": ActiveConfig}
    assert next((kinds[key] for key in kinds if key in values), FitConfig).parse(values)


def test_overrides_are_applied_and_typed(config_file):
    config = load_config(config_file, ["run.epochs=7", "model.cutoff=4.5", "loss.force.kind=mse"])
    assert config.run.epochs == 7
    assert config.model_settings == {"cutoff": 4.5}
    assert config.loss.force.kind == "mse"


@pytest.mark.parametrize(
    ("override", "messages"),
    [
        ("run.epoch=7", ["unknown key 'run.epoch'", "did you mean 'epochs'"]),
        ("model.cutof=4", ["unknown key 'cutof'", "did you mean 'cutoff'"]),
        ("run.epochs=-1", ["run.epochs = -1", "greater than 0"]),
        ("run.epochs=many", ["run.epochs = 'many'", "integer"]),
        ("model.cutoff=0", ["cutoff = 0"]),
        ("model.name=jta", ["jat"]),
        ("model.heads=5", ["multiple of heads"]),
        ("model={name: jat, vectors: true, degree: 1}", ["angular_features is 16, degree 1"]),
        ("model.smooth=false", ["published form", "aggregation: softmax"]),
        ("data.files=[absent.extxyz]", ["absent.extxyz: no such file"]),
        ("data.split.test=1.5", ["data.split.test = 1.5"]),
        ("optimizer.kind=sgd", ["optimizer.kind = 'sgd'", "muon"]),
        ("loss={energy: {weight: 0}, force: {weight: 0}}", ["all loss weights are 0"]),
        ("run.epochs", ["overrides look like"]),
        ("transfer={references: refit}", ["transfer needs a checkpoint"]),
        ("data.split={validation: 0, test: 0}", ["both 0"]),
    ],
)
def test_mistakes_are_explained(config_file, override, messages):
    with pytest.raises(ConfigError) as error:
        load_config(config_file, [override])
    for message in messages:
        assert message in str(error.value)


def test_the_earlier_name_of_a_setting_is_still_read(config_file):
    with pytest.warns(RenamedSettingWarning, match="'minutes' is called 'cpu_minutes' now"):
        config = load_config(config_file, ["run.minutes=7"])
    assert config.run.cpu_minutes == 7
    with pytest.raises(ConfigError, match="'minutes' is the earlier name of 'cpu_minutes'"):
        load_config(config_file, ["run.minutes=7", "run.cpu_minutes=7"])


@pytest.mark.parametrize(
    ("setting", "environment", "expected"), [("3", "5", 3), (None, "5,2", 5), (None, "", 2)]
)
def test_threads_are_the_environments_unless_set(
    config_file, monkeypatch, setting, environment, expected
):
    monkeypatch.setenv("OMP_NUM_THREADS", environment)
    config = load_config(config_file, [f"run.threads={setting}"] if setting else [])
    assert config.run.n_threads == expected


def test_settings_that_clash_are_named_without_a_dump_of_all(config_file):
    with pytest.raises(ConfigError) as error:
        load_config(config_file, ["model.heads=5"])
    assert str(error.value) == "model: features (48) must be a multiple of heads (5)"


@pytest.mark.parametrize("watcher", ["schedule.kind=plateau", "run.early_stop=5"])
def test_what_watches_the_validation_needs_one(config_file, watcher):
    with pytest.raises(ConfigError, match="watch the validation loss"):
        load_config(config_file, ["data.split.validation=0", watcher])


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml: no such config file"):
        load_config(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1,")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(broken)
