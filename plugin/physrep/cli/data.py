"""Write a published data set as one npz store, which fits and every other verb read.
qm9: 130,831 molecules at equilibrium from the package qm9pack, with U0 as energy (eV) and
Mulliken charges (e). The 3,054 molecules that the authors list as inconsistent are left out.
Each molecule states its part, train, validation or test, for data.split.method=stated: test
where its number in QM9 leaves 3, 9 or 16 when divided by 20, validation where it leaves 0.

Examples:
  physrep data qm9 -o qm9.npz
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from physrep.errors import UserError
from physrep.output import check_output_file

if TYPE_CHECKING:
    from physrep.io import Structure


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("name", choices=["qm9"], help="the data set")
    verb.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="npz file to write"
    )


def run(parsed: argparse.Namespace) -> int:
    """Read, check, write."""
    output = parsed.output
    if output.suffix != ".npz":
        raise UserError(f"-o {output}: the name must end in .npz")
    check_output_file(output)
    from physrep.io import write_npz
    from physrep.progress import progress
    from physrep_training.data.qm9 import LAST_INDEX, N_LEFT_OUT, checked, qm9_files, read_qm9

    parts: Counter[str] = Counter()
    n = LAST_INDEX - N_LEFT_OUT
    molecules = progress(checked(read_qm9(qm9_files())), "data", "molecule", n)
    write_npz(output, _counted(molecules, parts))
    numbers = ", ".join(f"{parts[part]} {part}" for part in ("train", "validation", "test"))
    print(f"data: {parts.total()} molecules ({numbers}), {output}")
    return 0


def _counted(molecules: "Iterator[Structure]", parts: Counter[str]) -> "Iterator[Structure]":
    for molecule in molecules:
        parts[molecule.info["part"]] += 1
        yield molecule
