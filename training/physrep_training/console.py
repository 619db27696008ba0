"""What the commands that fit share."""

import sys
from collections.abc import Callable

from physrep_training.fit.module import FitError
from physrep_training.fit.processes import is_first


def run_fit_command(name: str, work: Callable[[], str]) -> int:
    """Do the work and print the text that it returns, in the first process only.

    Returns:
        the exit code: 0, or 1 for a fit that cannot continue. Mistakes in settings and data are
        raised; `physrep.cli.main` reports them.
    """
    try:
        text = work()
    except FitError as error:
        print(f"{name}: stopped: {error}", file=sys.stderr)
        return 1
    if is_first():
        print(text)
    return 0
