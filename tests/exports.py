"""Potentials with random parameters, saved and exported."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ean_systems import SYSTEMS
from filelock import FileLock
from systems import make_checkpoint

from physrep.checkpoint import Checkpoint, save_checkpoint
from physrep.engines.export import DTYPES, export_potential


def shared_folder(factory: pytest.TempPathFactory, name: str) -> Path:
    """A temporary folder that all pytest-xdist workers of one run share."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= name
    folder.mkdir(exist_ok=True)
    return folder


def once(path: Path, write: Callable[[Path], object]) -> Path:
    """The file at ``path``, written by the first worker that asks for it."""
    with FileLock(path.with_name(path.name + ".lock")):
        if not path.exists():
            write(path)
    return path


class Exports:
    """One checkpoint per precision, one file per precision and system; made when asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def checkpoint(self, dtype: str = "float64") -> Checkpoint:
        return make_checkpoint(dtype=DTYPES[dtype])

    def ckpt(self, dtype: str = "float64") -> Path:
        path = self.folder / f"{dtype}.ckpt"
        return once(path, lambda path: save_checkpoint(self.checkpoint(dtype), path))

    def pt(self, system: str | None, dtype: str = "float64") -> Path:
        topology = None if system is None else SYSTEMS[system]()
        path = self.folder / f"{system}-{dtype}.pt"
        return once(
            path,
            lambda path: export_potential(
                self.checkpoint(dtype), path, topology, dtype, ops="portable"
            ),
        )


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Files that several tests read."""
    return Exports(shared_folder(tmp_path_factory, "exports"))
