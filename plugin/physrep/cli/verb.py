"""What the verbs share: the form of their help, quiet calculators, errors that a user can mend."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout


def make_parser(verb: str, purpose: str, examples: Sequence[str]) -> argparse.ArgumentParser:
    """A parser without options whose help ends with examples, each ``physrep VERB ...``."""
    lines = "\n".join(f"  {example}" for example in examples)
    return argparse.ArgumentParser(
        prog=f"physrep {verb}",
        description=purpose[0].upper() + purpose[1:],
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def report_mistakes(
    speaker: str, work: Callable[[], int], verb: str = "", extra: str | None = None
) -> int:
    """Do the work; a mistake of the user becomes one line on standard error and exit code 2.

    Args:
        speaker: the name that the line begins with.
        verb, extra: what needs the packages that are missing, and the extra that installs them.

    Returns:
        the exit code of the work, or 2.
    """
    try:
        return work()
    except ImportError as error:
        message = _explain_import(error, verb, extra)
    except user_errors() as error:
        message = str(error)
    print(f"{speaker}: error: {message}", file=sys.stderr)
    return 2


def _explain_import(error: ImportError, verb: str, extra: str | None) -> str:
    if extra is None or not isinstance(error, ModuleNotFoundError):
        return f"{error}; 'physrep doctor' says what is missing"
    return (
        f"'physrep {verb}' needs packages that are not installed ({error}): "
        f'pip install "physrep[{extra}]"'
    )


def user_errors() -> tuple[type[Exception], ...]:
    """Errors whose message tells a user what to do; any other one is a bug and keeps its trace."""
    from physrep.checkpoint import CheckpointError
    from physrep.config import ConfigError
    from physrep.engines.metadata import ExportError
    from physrep.importers import ImportProblem
    from physrep.io import DataError

    return CheckpointError, ConfigError, ExportError, ImportProblem, DataError, OSError


@contextmanager
def answer_alone() -> Iterator[None]:
    """Discard what is printed meanwhile: some calculators print (TBLite its cycles), and standard
    output is for the answer.
    """
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


def at_least(least: int, text: str) -> int:
    """A whole number of at least ``least``; an argparse type with ``functools.partial``."""
    if int(text) < least:
        raise argparse.ArgumentTypeError(f"{text} is too small; give {least} or more")
    return int(text)
