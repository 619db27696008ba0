"""What the verbs share: the form of their help, options, quiet calculators, errors that a user can
mend.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import Any

from physrep.archive import damage, is_archive, is_torchscript
from physrep.errors import UserError

EXAMPLES = "\n\nExamples:\n"
MOST_NUMBERS = 10_000  # of one range
LABEL_OPTIONS = (
    "format",
    "units",
    "energy_key",
    "forces_key",
    "virial_key",
    "stress_key",
    "charges_key",
    "dipole_key",
)
# Settings of a fit that name files it reads.
CONFIG_FILES = ("data.files", "data.extra_train_files", "data.isolated_atoms", "start_from")


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
    verb: argparse.ArgumentParser,
    name: str,
    about: str,
    least: int = 1,
    default: int | None = None,
    **more: Any,
) -> None:
    """An option that takes a whole number of at least ``least``; about: its help; more: of
    ``add_argument``.
    """
    kind = partial(_at_least, least)
    verb.add_argument(name, type=kind, default=default, metavar="N", help=about, **more)


def add_label_options(verb: argparse.ArgumentParser) -> None:
    """Format, unit and names of the labels of data; see LABEL_OPTIONS."""
    verb.add_argument("--format", help="of the data, if its name does not show it, e.g. extxyz")
    verb.add_argument("--units", help="of the energies, if not those of the format, e.g. Hartree")
    verb.add_argument("--energy-key", help="name of the energies in the data, e.g. U0_eV")
    verb.add_argument(
        "--forces-key",
        help="name of the forces; with one label named, only those named are read",
    )
    verb.add_argument("--virial-key", help="name of the virials, -dE/dstrain, e.g. REF_virial")
    verb.add_argument("--stress-key", help="name of the stresses, with the sign of ASE")
    verb.add_argument("--charges-key", help="name of the charges of atoms, e.g. REF_charges")
    verb.add_argument("--dipole-key", help="name of the dipoles, e.g. REF_dipole")


def label_names(parsed: argparse.Namespace) -> dict[str, Any]:
    """What LABEL_OPTIONS were given, as `physrep.io.iter_structures` takes them."""
    return {name: getattr(parsed, name) for name in LABEL_OPTIONS}


def numbers_by_name(option: str, text: str | None) -> dict[str, float]:
    """Of ``NAME=NUMBER,...``; None is an option not given.

    Raises:
        UserError: something else is written.
    """
    found = {}
    for entry in text.split(",") if text else ():
        name, equals, number = entry.partition("=")
        try:
            found[name.strip()] = float(number if equals else "none")
        except ValueError:
            raise UserError(
                f"{option} {text}: {entry.strip()!r} is not NAME=NUMBER; write N=3.54,O=0.2"
            ) from None
    return found


def add_report_options(verb: argparse.ArgumentParser, folder: str, shown: str) -> None:
    """Where the report goes, by default ``folder``, and ``--json`` instead of what is shown."""
    about = "of the report (default %(default)s)"
    verb.add_argument("-o", "--output", default=folder, metavar="DIR", help=about)
    verb.add_argument("--json", action="store_true", help=f"print JSON instead of {shown}")


def check_inputs(*paths: str | Path | None) -> None:
    """Refuse files that are not there, before PyTorch is imported; None is an option not given.

    Raises:
        UserError: no such file. A frame may be chosen as ASE does it, ``md.traj@-1``.
    """
    for path in paths:
        if path is None or Path(path).exists() or Path(str(path).partition("@")[0]).is_file():
            continue
        raise UserError(f"{path}: no such file")


def check_number(option: str, value: float | None, unit: str = "", zero: bool = False) -> None:
    """Refuse a number that makes no sense, by its option and in the unit of the command line; the
    functions behind it have other names and units.

    Args:
        value: None where the option was not given.
        unit: as in the help, "fs"; "" for a plain ratio.
        zero: whether it may be 0.

    Raises:
        UserError: it is negative, or 0, infinite, or no number.
    """
    if value is None or 0.0 < value < math.inf or (zero and value == 0.0):
        return
    wanted = "0 or more" if zero else "above 0"
    raise UserError(f"{option} {value:g}: must be {wanted}{f', in {unit}' if unit else ''}")


def number_list(option: str, text: str, unit: str = "", zero: bool = False) -> tuple[float, ...]:
    """Of "3,4,5.5" or, both ends included, "3:8:0.5"; option, unit, zero: as in `check_number`.

    Raises:
        UserError: no numbers, or as `check_number`.
    """
    if ":" not in text:
        return tuple(numbers_in(option, text, ",", unit, zero))
    limits = numbers_in(option, text, ":", unit, zero)
    if len(limits) != 3 or limits[0] > limits[1] or not limits[2]:
        raise UserError(f"{option} {text}: give FROM:TO:STEP, FROM below TO")
    start, stop, step = limits
    n = math.floor((stop - start) / step + 1e-9) + 1
    if n > MOST_NUMBERS:
        raise UserError(f"{option} {text}: {n} numbers are too many; give a larger step")
    return tuple(start + k * step for k in range(n))


def numbers_in(
    option: str, text: str, separator: str, unit: str = "", zero: bool = False
) -> list[float]:
    """Numbers that a separator parts; arguments as in `number_list`."""
    try:
        numbers = [float(word) for word in text.split(separator)]
    except ValueError:
        raise UserError(f"{option} {text}: {text!r} is not numbers, as in 1,2,3") from None
    for number in numbers:
        check_number(option, number, unit, zero)
    return numbers


def check_config(path: str, overrides: Sequence[str]) -> None:
    """Refuse a config file, or files of data that it names, which are not there, before PyTorch is
    imported. What else may be wrong with it is checked where it is read.

    Raises:
        UserError: no such file.
    """
    check_inputs(path)
    named: list[str] = []
    with suppress(Exception):  # no YAML, no PyYAML: said where the settings are read
        named = _named_files(path, overrides)
    for file in named:
        if not Path(file).exists():
            raise UserError(f"{file}: no such file (paths are relative to {Path.cwd().name}/)")


def _named_files(path: str, overrides: Sequence[str]) -> list[str]:
    """Files that a config, with its overrides, names in CONFIG_FILES."""
    import yaml

    values = yaml.safe_load(Path(path).read_text())
    named = {**values, **{f"data.{key}": value for key, value in values["data"].items()}}
    for key, _, text in (override.partition("=") for override in overrides):
        named[key] = yaml.safe_load(text)
    found = [named.get(key) for key in CONFIG_FILES]
    lists = [one if isinstance(one, list) else [one] for one in found]
    return [file for one in lists for file in one if isinstance(file, str) and file]


def check_models(*models: str, exported: bool = True, calculators: bool = True) -> None:
    """Refuse what cannot be a potential, before PyTorch is imported.

    Args:
        exported, calculators: whether exported files, and ase:MODULE:CLASS, are models here.

    Raises:
        UserError: no such file, another kind of file, or a damaged one.
    """
    kinds = ["the .ckpt that a fit wrote", *["an exported .pt"] * exported]
    for model in models:
        if calculators and model.startswith("ase:"):
            continue
        check_inputs(model)
        if Path(model).is_dir():
            raise UserError(f"{model}: is a folder; give {' or '.join(kinds)}")
        if not is_archive(model):
            raise UserError(f"{model}: not a physrep checkpoint; give {' or '.join(kinds)}")
        if damaged := damage(model):
            raise UserError(f"{model}: {damaged}")
        if not exported and is_torchscript(model):
            raise UserError(
                f"{model}: not a physrep checkpoint but an exported file; give {kinds[0]}"
            )


def report_mistakes(
    speaker: str, work: Callable[[], int], verb: str = "", extra: str | None = None
) -> int:
    """Do the work; a mistake of the user becomes one line on standard error and exit code 2.

    Args:
        speaker: the name that the line begins with.
        verb, extra: what needs the packages that are missing, and the extra that installs them.

    Returns:
        the exit code of the work, or 2; 1 where nobody reads the output any more.
    """
    try:
        return _written(work())
    except BrokenPipeError:  # as of "physrep inspect ean.pt | head -1"
        _end_output()
        return 1
    except ImportError as error:
        message = _explain_import(error, verb, extra)
    except (UserError, OSError) as error:
        message = " ".join(str(error).splitlines())
    print(f"{speaker}: error: {message}", file=sys.stderr)
    _end_output()
    return 2


def _written(code: int) -> int:
    """The exit code, where all that was printed has left the process."""
    sys.stdout.flush()
    return code


def _end_output() -> None:
    """Python writes what is left when it ends, and says so a second time where it cannot."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain_import(error: ImportError, verb: str, extra: str | None) -> str:
    if extra is None or not isinstance(error, ModuleNotFoundError):
        return f"{error}; 'physrep doctor' says what is missing"
    return (
        f"'physrep {verb}' needs packages that are not installed ({error}): "
        f'pip install "physrep[{extra}]"'
    )


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
