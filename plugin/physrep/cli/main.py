"""``physrep VERB``: the command line. A user's mistake is one line on stderr and exit code 2."""

import argparse
import difflib
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from physrep import __version__
from physrep.cli.verb import make_parser, report_mistakes


class Verb(NamedTuple):
    """A verb's module in physrep.cli: its docstring is the verb's help and ends with examples, and
    it holds ``add_options(parser)`` and ``run(parsed)``, which returns the exit code.

    It is imported only when its verb is called, and imports what it needs in ``run``: ``physrep
    --help`` and ``physrep doctor`` work without torch.
    """

    module: str
    purpose: str
    """What it does, in the list of all verbs."""
    extra: str | None = None
    """The extra of physrep that installs what the verb needs; None: no extra."""


VERBS = {
    "init": Verb(
        "init", "inspect labelled data and write a config to fit a model to them", "training"
    ),
    "fit": Verb("fit", "fit a potential to labelled data", "training"),
    "export": Verb("export", "checkpoint -> one file for every engine, verified"),
    "committee": Verb("committee", "several fits as one, with the deviation between them"),
    "inspect": Verb("inspect", "what a checkpoint or an exported file holds"),
    "evaluate": Verb("evaluate", "errors of a potential, and tests of its reliability"),
    "certify": Verb("certify", "is a potential fit for MD? checks and a report", "analysis"),
    "analyze": Verb("analyze", "structure, motion and reactions of a trajectory", "analysis"),
    "green-kubo": Verb("green_kubo", "viscosity and heat conductivity from LAMMPS' fluctuations"),
    "box": Verb("box", "a box, slab or cluster of molecules from their SMILES", "box"),
    "sample": Verb("sample", "collect frames of MD, to be labelled; chooses a potential"),
    "perturb": Verb("perturb", "frames that MD does not visit: stretched bonds and the like"),
    "ions": Verb(
        "ions", "frames of ions, pairs, clusters and slabs of a liquid, to be labelled", "analysis"
    ),
    "dataset": Verb(
        "dataset", "check, describe, split, merge or thin out labelled data", "training"
    ),
    "data": Verb("data", "write a published data set (QM9) as one file", "training"),
    "label": Verb("label", "label frames by GFN-xTB, DFT or any calculator of ASE", "labels"),
    "paths": Verb("paths", "label reaction paths with GFN2-xTB", "labels"),
    "active": Verb("active", "fit, run MD, label what the fits do not know, fit again", "training"),
    "repeat": Verb("repeat", "the same fit over several seeds: spread and committee", "training"),
    "tables": Verb(
        "tables", "fit variants with equal processor time and tabulate their errors", "training"
    ),
    "schema": Verb("schema", "all settings of a fit, as JSON schema or as a page", "training"),
    "import": Verb("import_published", "parameters of a published model -> checkpoint"),
    "build": Verb("build", "compile the operators and the LAMMPS plugin for this environment"),
    "doctor": Verb("doctor", "what is installed, whether it works, what to do"),
}


def main(arguments: Sequence[str] | None = None, speaker: str = "physrep") -> int:
    """Run one verb.

    Args:
        arguments: the words after ``physrep``; by default those of this process.
        speaker: the name that error messages begin with.

    Returns:
        the exit code: 0; 1 for a result that is negative (a failed certificate, a diverged fit);
        2 for a mistake of the user.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    verb = _parse_verb(words[:1])
    module = load_verb(verb)
    parsed = verb_parser(verb).parse_intermixed_args(words[1:])
    warnings.formatwarning = partial(_format_warning, speaker)
    work = partial(module.run, parsed)
    return report_mistakes(speaker, work, verb, VERBS[verb].extra)


def _format_warning(speaker: str, message: Warning | str, category: type, *where: Any) -> str:
    """Warnings for users in one line; those for developers keep their place in the code."""
    if issubclass(category, UserWarning | FutureWarning):
        return f"{speaker}: warning: {message}\n"
    return f"{where[0]}:{where[1]}: {category.__name__}: {message}\n"


def load_verb(verb: str) -> ModuleType:
    """The module of a verb."""
    return import_module(f"physrep.cli.{VERBS[verb].module}")


def verb_parser(verb: str) -> argparse.ArgumentParser:
    """The parser of one verb, with its options and examples."""
    module = load_verb(verb)
    parser = make_parser(verb, module.__doc__ or "")
    module.add_options(parser)
    return parser


def _parse_verb(words: Sequence[str]) -> str:
    lines = "\n".join(f"  {verb:12s}{text}" for verb, (_, text, _) in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="physrep",
        usage="physrep VERB [options]",
        description="Machine-learned potentials in OpenMM, LAMMPS and ASE.",
        epilog=f"verbs:\n{lines}\n\n'physrep VERB --help' shows options, units and examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"physrep {__version__}")
    parser.add_argument("verb", metavar="VERB", help=argparse.SUPPRESS)
    verb = parser.parse_args(words).verb
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        advice = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(VERBS)}"
        parser.error(f"unknown verb '{verb}': {advice}")
    return verb


if __name__ == "__main__":
    sys.exit(main())
