"""``physrep VERB``: the command line. A user's mistake is one line on stderr and exit code 2."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from physrep.cli.analyze import add_analyze
from physrep.cli.certify import add_certify

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

    from physrep.io import Structure
    from physrep.studies.evaluate.label_errors import Errors
    from physrep.studies.evaluate.suite_summary import Summary

# Each verb imports what it needs when it runs: `physrep doctor` must answer without torch.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    parsed = build_parser().parse_args(arguments)
    try:
        return parsed.run(parsed)
    except ImportError as error:
        return _refuse(f"{error}; 'physrep doctor' says what is missing")
    except _user_errors() as error:
        return _refuse(str(error))


def _refuse(message: str) -> int:
    print(f"physrep: error: {message}", file=sys.stderr)
    return 2


def _user_errors() -> tuple[type[Exception], ...]:
    """Errors whose message tells a user what to do; any other one is a bug and keeps its trace."""
    from physrep.checkpoint import CheckpointError
    from physrep.config import ConfigError
    from physrep.engines.metadata import ExportError
    from physrep.importers import ImportProblem
    from physrep.io import DataError

    return CheckpointError, ConfigError, ExportError, ImportProblem, DataError, OSError


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = argparse.ArgumentParser(
        prog="physrep", description="Machine-learned potentials in OpenMM, LAMMPS and ASE."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _add_import(verbs)
    _add_export(verbs)
    _add_inspect(verbs)
    _add_evaluate(verbs)
    add_certify(verbs)
    add_analyze(verbs)
    _add_doctor(verbs)
    return parser


def _add_import(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("import", help="parameters of a published model -> checkpoint")
    verb.add_argument("model", choices=["jat", "neuralil"])
    verb.add_argument("parameters", help="npz of the flattened flax tree (docs/formats.md)")
    verb.add_argument("settings", help="JSON of the hyper-parameters")
    verb.add_argument("-o", "--output", required=True, help="file to write, e.g. thesis.ckpt")
    verb.set_defaults(run=_import)


def _import(parsed: argparse.Namespace) -> int:
    from physrep.checkpoint import save_checkpoint
    from physrep.importers import IMPORTERS

    checkpoint = IMPORTERS[parsed.model](parsed.parameters, parsed.settings)
    checkpoint.training["name"] = f"published {parsed.model}, from {parsed.parameters}"
    save_checkpoint(checkpoint, parsed.output)
    symbols = " ".join(checkpoint.potential.symbols)
    print(f"{parsed.output}: {parsed.model}, {symbols}, exactly as published")
    return 0


def _add_export(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("export", help="checkpoint -> one file for every engine, verified")
    verb.add_argument("checkpoint", help=".ckpt written by a fit")
    verb.add_argument(
        "--topology",
        help="structure file (PDB, GRO, extxyz, ...) of the system OpenMM will simulate: elements "
        "in order, box; LAMMPS and ASE need none",
    )
    verb.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    verb.add_argument(
        "--ops",
        choices=["portable", "fused"],
        default="portable",
        help="fused: several times as fast on CPUs, where physrep is installed (docs/speed.md)",
    )
    verb.add_argument("-o", "--output", required=True, help="file to write, e.g. ean.pt")
    verb.set_defaults(run=_export)


def _export(parsed: argparse.Namespace) -> int:
    from physrep.checkpoint import load_checkpoint
    from physrep.engines.bound_topology import read_topology
    from physrep.engines.export import export_potential

    checkpoint = load_checkpoint(parsed.checkpoint)
    topology = read_topology(parsed.topology) if parsed.topology else None
    metadata = export_potential(checkpoint, parsed.output, topology, parsed.dtype, parsed.ops)
    bound = metadata.topology
    system = "any system of these elements (LAMMPS, ASE)"
    if bound:
        box = "periodic" if bound.periodic else "isolated"
        system = f"{bound.n_atoms} atoms, {box} (OpenMM), and {system}"
    species = " ".join(metadata.species)
    print(f"{parsed.output}: {species}, {metadata.dtype}, {metadata.ops}, verified; for {system}")
    return 0


def _add_inspect(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("inspect", help="what a checkpoint or an exported file holds")
    verb.add_argument("file")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=_inspect)


def _inspect(parsed: argparse.Namespace) -> int:
    from physrep.engines.inspect import describe_file, format_description

    described = describe_file(parsed.file)
    print(json.dumps(described, indent=1) if parsed.json else format_description(described))
    return 0


def _add_evaluate(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("evaluate", help="errors of a potential, and tests of its reliability")
    verb.add_argument("model", help=".ckpt, .pt, or ase:MODULE:CLASS")
    verb.add_argument("data", help="extxyz, npz, h5, ...: whatever physrep.io reads")
    verb.add_argument(
        "--suite",
        choices=list(SUITES),
        default="errors",
        help="errors: beside the labels (default); reliability: recovery and assembly of stable "
        "molecules; paths: reaction barriers; is2re: relaxed energies of initial structures",
    )
    verb.add_argument("--format", help="of the data, where its name does not tell, e.g. extxyz")
    verb.add_argument("--units", help="of the labels, where the format's own do not hold, e.g. eV")
    verb.add_argument("--energy-key", help="name of the energies in the data, e.g. U0_eV")
    verb.add_argument("--forces-key", help="of the forces; read only if named, given --energy-key")
    verb.add_argument("--seed", type=int, help="of noise and choices (default 0)")
    verb.add_argument("--max-structures", type=int, metavar="N", help="N drawn at random, not all")
    verb.add_argument(
        "--assembly", type=int, metavar="N", help="molecules to take apart (default 50, 0: none)"
    )
    verb.add_argument(
        "-o", "--output", metavar="DIR", help="figures and a table of every structure"
    )
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=_evaluate)


# Options that only some suites have.
LABELS = ("format", "units", "energy_key", "forces_key")
SUITES = {
    "errors": LABELS,
    "reliability": (*LABELS, "seed", "max_structures", "assembly", "output"),
    "paths": (*LABELS, "output"),
    "is2re": ("seed", "max_structures", "output"),
}


def _evaluate(parsed: argparse.Namespace) -> int:
    from physrep.studies.evaluate.label_errors import load_calculator

    _check_options(parsed)
    if parsed.output:
        Path(parsed.output).mkdir(parents=True, exist_ok=True)
        import physrep.studies.evaluate.suite_files  # noqa: F401  matplotlib, before hours of work
    run = {"reliability": _reliability, "paths": _paths, "is2re": _is2re}.get(parsed.suite, _errors)
    # Some calculators print (TBLite its cycles); the output is the answer alone.
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        result = run(parsed, load_calculator(parsed.model))
    print(result.to_json() if parsed.json else result.table())
    return 0


def _check_options(parsed: argparse.Namespace) -> None:
    from physrep.config import ConfigError

    known = dict.fromkeys(name for names in SUITES.values() for name in names)
    for name in known:
        if name not in SUITES[parsed.suite] and getattr(parsed, name) is not None:
            has_it = [f"--suite {suite}" for suite, names in SUITES.items() if name in names]
            raise ConfigError(
                f"--{name.replace('_', '-')} means nothing to --suite {parsed.suite}: leave it "
                f"out, or use {' or '.join(has_it)}"
            )


def _structures(parsed: argparse.Namespace) -> Iterator["Structure"]:
    from physrep.io import iter_structures

    labels = {name: getattr(parsed, name) for name in LABELS}
    return iter_structures(parsed.data, **labels)


def _name(model: str) -> str:
    """What figures call it: ean-jat for ean-jat.ckpt, jat_ean for runs/jat_ean/best.ckpt, TBLite
    for ase:tblite.ase:TBLite."""
    if model.startswith("ase:"):
        return model.split(":")[-1]
    path = Path(model).resolve()
    return path.parent.name if path.stem in ("best", "last") else path.stem


def _errors(parsed: argparse.Namespace, calculator: "Calculator") -> "Errors":
    from physrep.studies.evaluate.label_errors import evaluate

    return evaluate(calculator, _structures(parsed))


def _reliability(parsed: argparse.Namespace, calculator: "Calculator") -> "Summary":
    from physrep.studies.evaluate import N_ASSEMBLY, reliability

    result = reliability(
        calculator,
        _structures(parsed),
        parsed.seed or 0,
        parsed.max_structures,
        N_ASSEMBLY if parsed.assembly is None else parsed.assembly,
    )
    if parsed.output:
        from physrep.studies.evaluate.suite_files import write_molecules

        write_molecules(result, Path(parsed.output), _name(parsed.model))
    return result


def _paths(parsed: argparse.Namespace, calculator: "Calculator") -> "Summary":
    from physrep.studies.evaluate import reaction_paths

    result = reaction_paths(calculator, _structures(parsed))
    if parsed.output:
        from physrep.studies.evaluate.suite_files import write_paths

        write_paths(result, Path(parsed.output), _name(parsed.model))
    return result


def _is2re(parsed: argparse.Namespace, calculator: "Calculator") -> "Summary":
    from physrep.studies.evaluate import read_relaxations, relaxations

    frames = read_relaxations(parsed.data)
    result = relaxations(calculator, frames, parsed.seed or 0, parsed.max_structures)
    if parsed.output:
        from physrep.studies.evaluate.suite_files import write_relaxations

        write_relaxations(result, Path(parsed.output))
    return result


def _add_doctor(verbs: argparse._SubParsersAction) -> None:
    verb = verbs.add_parser("doctor", help="what is installed, whether it works, what to do")
    verb.add_argument("--json", action="store_true")
    verb.set_defaults(run=_doctor)


def _doctor(parsed: argparse.Namespace) -> int:
    from physrep.install.doctor import all_ok, examine, format_table

    findings = examine()
    if parsed.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        print(format_table(findings))
    return 0 if all_ok(findings) else 1


if __name__ == "__main__":
    sys.exit(main())
