"""Compile the operators and the LAMMPS plugin for this environment.

Examples:
  physrep build                                  # again after an upgrade of torch or LAMMPS
  physrep build --cuda
  physrep build -o ~/physrep-lammps              # then LAMMPS_PLUGIN_PATH=~/physrep-lammps
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from physrep.cli.verb import add_number


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("--cuda", action="store_true", help="compile for GPUs too; needs nvcc")
    verb.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="where the libraries go (default: lib/physrep of this Python environment); physrep "
        "and lmp find another folder by the environment variable LAMMPS_PLUGIN_PATH",
    )
    about = "compilers at a time, 1.5 GB of memory each (default: one per core)"
    add_number(verb, "--jobs", about)
    verb.add_argument(
        "--objects", metavar="DIR", help="keep object files there: the next build is shorter"
    )


def run(parsed: argparse.Namespace) -> int:
    """Compile and install; takes 2 to 4 minutes on two cores."""
    from physrep.install.build import BuildError, build
    from physrep.library import DIRECTORY

    output = Path(parsed.output) if parsed.output else DIRECTORY
    objects = Path(parsed.objects) if parsed.objects else None
    try:
        build(output, parsed.cuda, parsed.jobs, objects, partial(print, flush=True))
    except BuildError as error:  # here, as it must answer where not even torch is installed
        print(f"physrep: error: {error}", file=sys.stderr)
        return 2
    return 0
