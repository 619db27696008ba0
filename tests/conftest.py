"""Fixtures and set-up of all tests."""

import os
from pathlib import Path

import pytest
import torch
from exports import exports as exports  # a fixture of several folders
from repository import REPOSITORY


def pytest_configure(config: pytest.Config) -> None:
    """Give each pytest-xdist worker, and the programs that it starts, one thread.

    Workers that each take all cores slow one another down.
    """
    if hasattr(config, "workerinput"):
        os.environ["OMP_NUM_THREADS"] = "1"
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data sets that are too large to ship; skips where it is absent.

    PHYSREP_SHARED_DATA names it; by default it lies next to the repository.
    """
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("PHYSREP_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder}; set PHYSREP_SHARED_DATA")
    return folder
