"""Potentials with random parameters, saved and exported."""

from pathlib import Path

import pytest
from ean_systems import SYSTEMS
from systems import make_checkpoint

from physrep.checkpoint import Checkpoint, save_checkpoint
from physrep.engines.export import DTYPES, export_potential


class Exports:
    """One checkpoint per precision, one file per precision and system; made when asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def checkpoint(self, dtype: str = "float64") -> Checkpoint:
        return make_checkpoint(dtype=DTYPES[dtype])

    def ckpt(self, dtype: str = "float64") -> Path:
        path = self.folder / f"{dtype}.ckpt"
        if not path.exists():
            save_checkpoint(self.checkpoint(dtype), path)
        return path

    def pt(self, system: str | None, dtype: str = "float64") -> Path:
        path = self.folder / f"{system}-{dtype}.pt"
        if not path.exists():
            topology = None if system is None else SYSTEMS[system]()
            export_potential(self.checkpoint(dtype), path, topology, dtype)
        return path


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Files that several tests read."""
    return Exports(tmp_path_factory.mktemp("exports"))
