"""What the verbs share: the form of their help, options, quiet calculators, errors that a user can
mend.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial

EXAMPLES = "\n\nExamples:\n"


def make_parser(verb: str, page: str) -> argparse.ArgumentParser:
    """A parser without options.

    page: what the verb does and, after EXAMPLES, lines ``physrep VERB ...`` that end its help.
    """
    description, _, lines = page.partition(EXAMPLES)
    return argparse.ArgumentParser(
        prog=f"physrep {verb}",
        description=description,
        epilog=f"examples:\n{lines.rstrip()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_config(verb: argparse.ArgumentParser) -> None:
    """The settings of a fit: ``config`` and ``overrides``."""
    verb.add_argument("config", metavar="CONFIG", help="YAML file; 'physrep init' writes one")
    verb.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="settings in place of those of the file, e.g. run.epochs=20; all of them, with units: "
        "'physrep schema --markdown'",
    )


def add_number(
    verb: argparse.ArgumentParser, name: str, about: str, least: int = 1, default: int | None = None
) -> None:
    """An option that takes a whole number of at least ``least``; about: its help."""
    kind = partial(_at_least, least)
    verb.add_argument(name, type=kind, default=default, metavar="N", help=about)


def add_report_options(verb: argparse.ArgumentParser, folder: str, shown: str) -> None:
    """Where the report goes, by default ``folder``, and ``--json`` instead of what is shown."""
    about = "of the report (default %(default)s)"
    verb.add_argument("-o", "--output", default=folder, metavar="DIR", help=about)
    verb.add_argument("--json", action="store_true", help=f"print JSON instead of {shown}")


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
    from physrep.engines.device import DeviceError
    from physrep.engines.frame_checks import FrameError
    from physrep.engines.metadata import ExportError
    from physrep.importers import ImportProblem
    from physrep.io import DataError

    files = CheckpointError, ExportError, ImportProblem, DataError, OSError
    return *files, ConfigError, DeviceError, FrameError


@contextmanager
def answer_alone() -> Iterator[None]:
    """Discard what is printed meanwhile: some calculators print (TBLite its cycles), and standard
    output is for the answer.
    """
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        yield


def _at_least(least: int, text: str) -> int:
    if int(text) < least:
        raise argparse.ArgumentTypeError(f"{text} is too small; give {least} or more")
    return int(text)
