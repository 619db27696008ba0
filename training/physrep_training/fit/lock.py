"""One fit at a time in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from physrep.config import ConfigError

FILE = ".running"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder, which is made where it is missing; the system lets it go when the process
    ends, however it ends.

    Raises:
        ConfigError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "?"
            raise ConfigError(
                f"a fit is running in {folder} (process {holder}); wait for it, or give another "
                "output=..."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
