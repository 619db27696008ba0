"""Inspect a file of labelled structures (elements, sizes, periodicity, which keys hold
energies in eV, forces in eV/A and stresses, isolated atoms) and write a commented
config file, ready for 'physrep fit'.

Examples:
  physrep init --data frames.extxyz
  physrep init physrep --data molecules.npz -o molecules.yaml
"""

import argparse
from pathlib import Path

from physrep.cli.verb import check_inputs
from physrep.errors import UserError
from physrep.output import check_output_file, write_file

MODELS = ("jat", "physrep", "neuralil")


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument(
        "model", nargs="?", choices=MODELS, default="jat", help="model to fit (default jat)"
    )
    verb.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="extxyz, npz, h5, ..."
    )
    verb.add_argument(
        "-o", "--output", type=Path, default=Path("config.yaml"), help="default %(default)s"
    )
    verb.add_argument("--force", action="store_true", help="overwrite the output")


def run(parsed: argparse.Namespace) -> int:
    """Print what the data are and write the config."""
    check_inputs(parsed.data)
    check_output_file(parsed.output, (parsed.data,))
    _refuse_existing(parsed.output, parsed.force)
    from physrep_training.data.inspection import inspect_data, summary_lines
    from physrep_training.fit.new_config import (
        isolated_atoms_file,
        new_config,
        write_isolated_atoms,
    )

    config, data = parsed.output, parsed.data
    summary = inspect_data(data)
    text = new_config(summary, parsed.model, config)
    print("\n".join(summary_lines(summary)))
    atoms_file = isolated_atoms_file(summary, config)
    if atoms_file is not None:
        _refuse_existing(atoms_file, parsed.force)
        check_output_file(atoms_file, (data,))
        write_isolated_atoms(summary, atoms_file)
        print(f"{atoms_file}: written")
    write_file(config, text)
    print(f"{config}: written; fit it with: physrep fit {config}")
    return 0


def _refuse_existing(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise UserError(f"{path} exists; give another -o, or --force to overwrite it")
