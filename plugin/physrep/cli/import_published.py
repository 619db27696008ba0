"""Write the parameters of a published model as a checkpoint.

Examples:
  physrep import jat params.npz hyperparameters.json -o thesis.ckpt
"""

import argparse

from physrep.cli.verb import check_inputs
from physrep.output import check_output_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("model", choices=["jat", "neuralil"], help="which model")
    verb.add_argument("parameters", help="npz of the flattened flax tree (docs/formats.md)")
    verb.add_argument("settings", help="JSON of the hyper-parameters")
    verb.add_argument("-o", "--output", required=True, help="file to write, e.g. thesis.ckpt")


def run(parsed: argparse.Namespace) -> int:
    """Read the published parameters and write a checkpoint."""
    check_inputs(parsed.parameters, parsed.settings)
    check_output_file(parsed.output, (parsed.parameters, parsed.settings))
    from physrep.checkpoint import save_checkpoint
    from physrep.importers import IMPORTERS

    checkpoint = IMPORTERS[parsed.model](parsed.parameters, parsed.settings)
    checkpoint.training["name"] = f"published {parsed.model}, from {parsed.parameters}"
    save_checkpoint(checkpoint, parsed.output)
    symbols = " ".join(checkpoint.potential.symbols)
    print(f"{parsed.output}: {parsed.model}, {symbols}, exactly as published")
    return 0
