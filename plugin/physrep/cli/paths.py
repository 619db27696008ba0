"""Turn reactants, transition states and products into paths labelled with GFN2-xTB
(energies in eV, forces in eV/A; layouts: docs/formats.md). Resumable: reactions that
the output holds completely are not computed again. Reactions that change their bonds on
relaxation, or for which GFN2-xTB does not converge, are skipped and reported. To fit on
the paths, keep whole reactions apart: data.split.method groups with group_key reaction,
or reactant (most reactants occur in several reactions).

Examples:
  physrep paths rdb7_r_ts_p.npz --reactions 1500 -o runs/rdb7_paths.extxyz
  physrep paths rdb7_r_ts_p.npz --images 0 --no-optimise-ends -o ends.extxyz
"""

import argparse
import os
from pathlib import Path

from physrep.cli.verb import add_number, check_inputs
from physrep.output import check_output_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("geometries", type=Path, help="npz with R, TS and P, positions in A")
    about = "how many, drawn at random (default 1500)"
    add_number(verb, "--reactions", about, default=1500)
    add_number(verb, "--seed", "of the draw (default 0)", least=0, default=0)
    about = "between each end and the transition state (default 4)"
    add_number(verb, "--images", about, least=0, default=4)
    verb.add_argument(
        "--optimise-ends",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="relax reactant and product with GFN2-xTB first (default)",
    )
    about = "reactions computed at a time, one core each (default 1)"
    add_number(verb, "--threads", about, default=1)
    verb.add_argument("-o", "--output", type=Path, required=True, help="extxyz file to append to")


def run(parsed: argparse.Namespace) -> int:
    """Compute the reactions that the output lacks."""
    check_inputs(parsed.geometries)
    check_output_file(parsed.output, (parsed.geometries,))
    # Before anything that loads an OpenMP library: a second thread would only wait, and spin.
    os.environ["OMP_NUM_THREADS"] = "1"
    from physrep_training.labels.reaction_paths import PathSettings, make_paths

    settings = PathSettings(parsed.images, parsed.optimise_ends)
    chosen = (parsed.reactions, parsed.seed, parsed.threads)
    print(make_paths(parsed.geometries, parsed.output, settings, *chosen))
    return 0
