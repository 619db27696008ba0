"""Where PyTorch computes: a device that is there, and threads that work in a forked process."""

import os

import torch

from physrep.errors import UserError


class DeviceError(UserError):
    """A device that is unknown or not here; the message says what to do."""


def usable_device(name: str | None = None) -> torch.device:
    """The device of that name; for None cuda where there is a GPU, otherwise the CPU.

    Raises:
        DeviceError: neither cpu nor cuda, or a GPU that is not here.
    """
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name is None:
        return torch.device("cuda" if n_gpus else "cpu")
    kind, _, index = str(name).partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()):
        raise DeviceError(f"device {name!r} is unknown: choose cpu, cuda, or cuda:1 of several")
    if kind == "cuda" and not n_gpus:
        raise DeviceError(
            f"device {name} was asked for, but PyTorch finds no usable GPU here: choose cpu, or "
            "check nvidia-smi and that PyTorch is a CUDA build that fits the driver"
        )
    if kind == "cuda" and index and int(index) >= n_gpus:
        raise DeviceError(f"device {name} was asked for, but PyTorch finds {n_gpus} GPU(s) here")
    return torch.device(name)


class _Fork:
    happened = False

    @classmethod
    def note(cls) -> None:
        cls.happened = True


os.register_at_fork(after_in_child=_Fork.note)


def leave_threads_of_parent() -> None:
    """In a process made by fork: compute in one thread.

    The parent's OpenMP threads do not live there, and the first operation that wants them would
    wait for ever. The first call in such a process acts; later ones leave the number as it is.
    """
    if _Fork.happened:
        torch.set_num_threads(1)
        _Fork.happened = False
