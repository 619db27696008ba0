"""Devices that are not here."""

import pytest
import torch

from physrep.engines.ase import PhysRepCalculator
from physrep.engines.device import DeviceError, usable_device


@pytest.fixture(name="gpus")
def _gpus(monkeypatch):
    def pretend(n):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: n > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n)

    return pretend


@pytest.mark.case
@pytest.mark.parametrize("kind", ["ckpt", "pt"])
def test_cuda_without_a_gpu_says_so(exports, gpus, kind):
    gpus(0)
    path = exports.ckpt() if kind == "ckpt" else exports.pt(None)
    with pytest.raises(DeviceError, match="device cuda was asked for, but PyTorch finds no usable"):
        PhysRepCalculator(path, device="cuda")


def test_devices_by_name(gpus):
    gpus(0)
    assert usable_device().type == "cpu"
    assert usable_device("cpu").type == "cpu"
    gpus(2)
    assert usable_device().type == "cuda"
    assert usable_device("cuda:1").index == 1
    with pytest.raises(DeviceError, match=r"device cuda:2 was asked for, but .* finds 2 GPU"):
        usable_device("cuda:2")
    for name in ("gpu", "cuda:x", "mps"):
        with pytest.raises(DeviceError, match=f"device '{name}' is unknown: choose cpu, cuda"):
            usable_device(name)
