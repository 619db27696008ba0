"""What the scripts share: mistakes become one line and an exit code."""

import sys
from collections.abc import Callable

from physrep.checkpoint import CheckpointError
from physrep.config import ConfigError
from physrep.io import DataError
from physrep_training.fit.module import FitError
from physrep_training.fit.processes import is_first


def run_reporting_mistakes(name: str, work: Callable[[], str]) -> int:
    """Do the work and print what it returns; 0 on success, 2 for a mistake in settings or data, 1
    for a fit that failed."""
    try:
        said = work()
        if is_first():
            print(said)
    except (ConfigError, DataError, CheckpointError) as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return 2
    except FitError as error:
        print(f"{name}: stopped: {error}", file=sys.stderr)
        return 1
    return 0
