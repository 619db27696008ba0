"""Compile the native project for this machine's GPU, or take what is installed."""

import os
import time

import torch

from steps.options import Emit, Options, Skip


def run(options: Options, emit: Emit) -> None:
    """A row for each file that was built."""
    from physrep.install.build import build
    from physrep.library import OPERATORS_FILE, PLUGIN_FILE, find_built

    if not options.build:
        found = find_built(OPERATORS_FILE)
        raise Skip(f"not asked for; the operators are {found or 'not installed'}")
    cuda = options.device == "cuda"
    if cuda:
        os.environ["CUDAARCHS"] = "{}{}".format(*torch.cuda.get_device_capability())
    os.environ.setdefault("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count()))
    start = time.monotonic()
    build(options.native, cuda=cuda)
    seconds = time.monotonic() - start
    for name in (OPERATORS_FILE, PLUGIN_FILE):
        built = options.native / name
        size = round(built.stat().st_size / 2**20, 1) if built.is_file() else None
        state = "built" if size else "not built: LAMMPS is not installed"
        emit({"file": name, "state": state, "MiB": size, "s": seconds, "CUDA": cuda})
