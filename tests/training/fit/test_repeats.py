"""Several fits in one go: what is done is kept, what is written holds the numbers of the fits."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml
from systems import TINY, labelled_frames

from physrep.checkpoint import fingerprint, load_checkpoint, members_of
from physrep.config import ConfigError
from physrep.io import write_npz
from physrep_training.fit.repeats import repeat_fit, summarise

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
