"""Compile the native project for this machine's GPU, or take what is installed."""

import os
import time

import torch

from steps.options import Emit, Options, Skip


def run(options: Options, emit: Emit) -> None:
    """A row for each file that was built.

    Raises:
        Skip: the installed files are to be used.
    """
    from physrep.install.build import FILES, build
    from physrep.library import OPERATORS_FILE, find_built

    if not options.build:
        found = find_built(OPERATORS_FILE)
        raise Skip(f"not asked for; the operators are {found or 'not installed'}")
    cuda = options.device == "cuda"
    if cuda:
        os.environ["CUDAARCHS"] = "{}{}".format(*torch.cuda.get_device_capability())
    start = time.monotonic()
    build(options.native, cuda=cuda)
    seconds = time.monotonic() - start
    for name in FILES:
        built = options.native / name
        size = round(built.stat().st_size / 2**20, 1) if built.is_file() else None
        state = "built" if size else "not built"
        emit({"file": name, "state": state, "MiB": size, "s": seconds, "CUDA": cuda})
