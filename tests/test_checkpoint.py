"""Checkpoints rebuild the same potential, and say what is wrong with files that do not."""

import pickle

import pytest
import torch
from systems import FORMS, compute, liquid, make_checkpoint

from physrep.checkpoint import (
    FORMAT_VERSION,
    CheckpointError,
    fingerprint,
    load_checkpoint,
    new_checkpoint,
    save_checkpoint,
)
from physrep.config import ConfigError
from physrep.models.physrep import PhysRepConfig


@pytest.mark.parametrize("form", FORMS)
def test_loaded_potential_computes_the_same(form, tmp_path):
    checkpoint = make_checkpoint(form)
    checkpoint.training = {"errors": {"force_mae": 0.07}}
    save_checkpoint(checkpoint, tmp_path / "a.ckpt")
    loaded = load_checkpoint(tmp_path / "a.ckpt")
    a, b = compute(checkpoint.potential, liquid()), compute(loaded.potential, liquid())
    assert torch.equal(a.forces, b.forces)
    assert torch.equal(a.energy, b.energy)
    assert loaded.training == checkpoint.training
    assert loaded.potential.dtype == torch.float64
    assert list(tmp_path.iterdir()) == [tmp_path / "a.ckpt"]


def test_precision_of_energies_survives_float32(tmp_path):
    checkpoint = make_checkpoint(dtype=torch.float32)
    checkpoint.potential.reference_energies.fill_(-123456.123456789)
    save_checkpoint(checkpoint, tmp_path / "a.ckpt")
    loaded = load_checkpoint(tmp_path / "a.ckpt", torch.float64).potential
    assert float(loaded.reference_energies[0]) == -123456.123456789
    assert loaded.dtype == torch.float64


def change(tmp_path, **values):
    save_checkpoint(make_checkpoint(), tmp_path / "a.ckpt")
    contents = torch.load(tmp_path / "a.ckpt", weights_only=True)
    contents.update(values)
    torch.save({k: v for k, v in contents.items() if v is not None}, tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format_version": FORMAT_VERSION + 1}, "newer than this physrep reads"),
        ({"format_version": None}, "no format_version"),
        ({"species": None}, "missing species"),
        ({"model": {"name": "jta", "settings": {}}}, "choose one of .*jat"),
        ({"model": {"name": "jat", "settings": {"cutof": 1}}}, "did you mean 'cutoff'"),
        ({"model": {"name": "jat", "settings": {}}}, "do not fit the model"),
    ],
)
def test_damaged_checkpoints_are_explained(tmp_path, values, message):
    path = change(tmp_path, **values)
    with pytest.raises(CheckpointError, match=message) as error:
        load_checkpoint(path)
    assert str(path) in str(error.value)


def test_a_setting_that_format_2_left_out_keeps_the_default_of_its_time(tmp_path):
    """JAT had no angular features unless they were given; files of format 2 hold what was given."""
    settings = {"n_layers": 2, "features": 16, "attention_features": 8, "cutoff": 3.5}
    path = change(tmp_path, format_version=2, model={"name": "jat", "settings": settings})
    read, written = load_checkpoint(path), make_checkpoint()
    assert read.model_settings["angular_features"] == 0
    assert fingerprint(read.potential) == fingerprint(written.potential)
    assert new_checkpoint("jat", {}, [1]).model_settings["angular_features"] == 16


def test_a_checkpoint_holds_every_setting(tmp_path):
    save_checkpoint(new_checkpoint("physrep", {"features": 16}, [1]), tmp_path / "a.ckpt")
    settings = torch.load(tmp_path / "a.ckpt", weights_only=True)["model"]["settings"]
    assert settings == PhysRepConfig(features=16).model_dump()


def test_foreign_and_truncated_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(tmp_path / "absent.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    save_checkpoint(make_checkpoint(), tmp_path / "half.ckpt")
    whole = (tmp_path / "half.ckpt").read_bytes()
    (tmp_path / "half.ckpt").write_bytes(whole[: len(whole) // 2])
    for name, reason in (("text.ckpt", "not a physrep checkpoint"), ("half.ckpt", "damaged")):
        with pytest.raises(CheckpointError, match=reason):
            load_checkpoint(tmp_path / name)


def test_no_code_in_a_checkpoint_is_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    (tmp_path / "evil.ckpt").write_bytes(pickle.dumps({"format_version": 1, "model": Evil()}))
    with pytest.raises(CheckpointError, match="not a physrep checkpoint"):
        load_checkpoint(tmp_path / "evil.ckpt")
    assert not (tmp_path / "owned").exists()


def test_unknown_models_and_settings_are_explained():
    with pytest.raises(ConfigError, match=r"choose one of .*jat"):
        new_checkpoint("nequip", {}, [1])
    with pytest.raises(ConfigError, match="must be a multiple of heads"):
        new_checkpoint("jat", {"features": 16, "heads": 3}, [1])
