"""One fit at a time in a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from physrep.config import ConfigError
from physrep.output import make_folder

LOCK = ".lock"
HOLDER = ".running"  # number of the process that holds the lock


@contextmanager
def exclusive_run_folder(folder: Path, work: str = "a fit") -> Iterator[None]:
    """Create the folder if it is missing and hold it; the operating system releases it when the
    process ends, however it ends. work: what a second process would do there.

    Raises:
        ConfigError: another process holds it.
    """
    make_folder(folder)
    holder = folder / HOLDER
    try:
        with FileLock(folder / LOCK, blocking=False):
            holder.write_text(f"{os.getpid()}\n")
            yield
    except Timeout:
        process = holder.read_text().strip() if holder.is_file() else "?"
        raise ConfigError(
            f"{work} is running in {folder} (process {process}); wait for it, or give another "
            "output=..."
        ) from None
