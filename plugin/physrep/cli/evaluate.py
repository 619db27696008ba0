"""Errors of a potential, and tests of its reliability.

Examples:
  physrep evaluate best.ckpt test.extxyz
  physrep evaluate ean.pt data.npz --units eV --json
  physrep evaluate best.ckpt qm9.extxyz --suite reliability --energy-key U0_eV -o out/qm9
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from physrep.cli.verb import (
    LABEL_OPTIONS,
    add_label_options,
    add_number,
    answer_alone,
    check_inputs,
    check_models,
    label_names,
    numbers_by_name,
)
from physrep.errors import UserError
from physrep.output import check_output_folder, make_folder

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

    from physrep.io import Structure
    from physrep.studies.evaluate.label_errors import Errors
    from physrep.studies.evaluate.suite_summary import Summary


# Options that only some suites have.
SUITES = {
    "errors": (*LABEL_OPTIONS, "cell_background"),
    "reliability": (*LABEL_OPTIONS, "seed", "max_structures", "assembly", "output"),
    "paths": (*LABEL_OPTIONS, "output"),
    "is2re": ("seed", "max_structures", "output"),
}
# Files of the suites that may be inputs of others.
WRITTEN = {
    "reliability": ("molecules.csv", "recovery.png", "assembly.png", "assembly_energies.npz"),
    "paths": ("reactions.csv", "barriers.png", "paths.png"),
    "is2re": ("relaxations.csv", "relaxed.npz"),
}


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("model", help=".ckpt, .pt, or ase:MODULE:CLASS")
    verb.add_argument("data", help="labelled structures: extxyz, npz, h5, ... (docs/formats.md)")
    verb.add_argument(
        "--suite",
        choices=list(SUITES),
        default="errors",
        help="errors: compared with the labels (default); reliability: recovery and assembly of "
        "stable molecules; paths: reaction barriers; is2re: relaxed energies of initial "
        "structures",
    )
    add_label_options(verb)
    verb.add_argument(
        "--cell-background",
        metavar="EL=B,...",
        help="subtracted from labels of periodic cells, as data.cell_background of a fit: N=3.54",
    )
    add_number(verb, "--seed", "of noise and random choices (default 0)", least=0)
    add_number(verb, "--max-structures", "use N drawn at random")
    add_number(verb, "--assembly", "number of molecules to take apart (default 50)", least=0)
    verb.add_argument(
        "-o", "--output", metavar="DIR", help="figures and a table of every structure"
    )
    verb.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(parsed: argparse.Namespace) -> int:
    """Run one suite, print its numbers, write its tables and figures."""
    _check_options(parsed)
    check_models(parsed.model)
    check_inputs(parsed.data)
    if parsed.output:
        files = WRITTEN.get(parsed.suite, ())
        check_output_folder(parsed.output, (parsed.model, parsed.data), files)
        import physrep.studies.evaluate.suite_files  # noqa: F401  matplotlib, before hours of work
    from physrep.studies.evaluate.label_errors import load_calculator

    suites: dict[str, Callable[[argparse.Namespace, Calculator], Errors | Summary]] = {
        "errors": _errors,
        "reliability": _reliability,
        "paths": _paths,
        "is2re": _is2re,
    }
    with answer_alone():
        result = suites[parsed.suite](parsed, load_calculator(parsed.model))
    # Before it is written: a disk that is full by now must not take the numbers with it.
    print(result.to_json() if parsed.json else result.table(), flush=True)
    if parsed.output:
        _write(result, make_folder(parsed.output), _name(parsed.model))
    return 0


def _write(result: "Errors | Summary", directory: Path, name: str) -> None:
    """The tables and figures of a suite; ``name``: of the model."""
    from physrep.studies.evaluate import suite_files
    from physrep.studies.evaluate.molecule_suites import Reliability
    from physrep.studies.evaluate.path_suite import PathReliability
    from physrep.studies.evaluate.surface_suite import Is2reReliability

    if isinstance(result, Reliability):
        suite_files.write_molecules(result, directory, name)
    elif isinstance(result, PathReliability):
        suite_files.write_paths(result, directory, name)
    elif isinstance(result, Is2reReliability):
        suite_files.write_relaxations(result, directory)


def _check_options(parsed: argparse.Namespace) -> None:
    known = dict.fromkeys(name for names in SUITES.values() for name in names)
    for name in known:
        if name not in SUITES[parsed.suite] and getattr(parsed, name) is not None:
            has_it = [f"--suite {suite}" for suite, names in SUITES.items() if name in names]
            raise UserError(
                f"--{name.replace('_', '-')} means nothing to --suite {parsed.suite}: remove it "
                f"or use {' or '.join(has_it)}"
            )


def _structures(parsed: argparse.Namespace) -> Iterator["Structure"]:
    from physrep.io import iter_structures
    from physrep.io.structures.cell_background import without_background

    # The other suites need no label, or name the one that they miss; they say what is not read.
    unread: Literal["refuse", "ignore"] = "refuse" if parsed.suite == "errors" else "ignore"
    read = iter_structures(parsed.data, unread=unread, **label_names(parsed))
    return without_background(read, numbers_by_name("--cell-background", parsed.cell_background))


def _name(model: str) -> str:
    """What figures call it: ean-jat for ean-jat.ckpt, jat_ean for runs/jat_ean/best.ckpt, TBLite
    for ase:tblite.ase:TBLite.
    """
    if model.startswith("ase:"):
        return model.rsplit(":", maxsplit=1)[-1]
    path = Path(model).resolve()
    return path.parent.name if path.stem in ("best", "last") else path.stem


def _errors(parsed: argparse.Namespace, calculator: "Calculator") -> "Errors":
    from physrep.studies.evaluate.label_errors import evaluate

    return evaluate(calculator, _structures(parsed))


def _reliability(parsed: argparse.Namespace, calculator: "Calculator") -> "Summary":
    from physrep.studies.evaluate import N_ASSEMBLY, reliability

    return reliability(
        calculator,
        _structures(parsed),
        parsed.seed or 0,
        parsed.max_structures,
        N_ASSEMBLY if parsed.assembly is None else parsed.assembly,
    )


def _paths(parsed: argparse.Namespace, calculator: "Calculator") -> "Summary":
    from physrep.studies.evaluate import reaction_paths

    return reaction_paths(calculator, _structures(parsed))


def _is2re(parsed: argparse.Namespace, calculator: "Calculator") -> "Summary":
    from physrep.io.structures.ase_files import read_by_ase
    from physrep.studies.evaluate import relaxations

    frames = read_by_ase(parsed.data)
    return relaxations(calculator, frames, parsed.seed or 0, parsed.max_structures)
