"""Make frames that MD does not visit, to be labelled: atoms displaced at random, a bond
stretched, a proton handed from one molecule to the next, whole molecules at other volumes.
Which bond and which proton is drawn at random in each frame. Charge and spin of a frame are
kept; each new frame states its kind and by how much.

Examples:
  physrep perturb data/ean_gfn2.extxyz.gz --displace 0.05,0.1 -o displaced.extxyz
  physrep perturb box.pdb --stretch N-H --lengths 0.8:1.8:0.1 --transfer 0:1:0.1 -o bonds.extxyz
  physrep perturb box.pdb --scale 0.94:1.06:0.02 -o volumes.extxyz
"""

import argparse
from pathlib import Path

from physrep.cli.verb import add_number, check_inputs, number_list
from physrep.errors import UserError
from physrep.output import check_output_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("frames", help="whole frames, in any format that ASE reads")
    verb.add_argument("-o", "--output", type=Path, required=True, help="extxyz file to write")
    lists = {
        "displace": "random displacements, their standard deviation in A",
        "lengths": "lengths in A of the bond of --stretch",
        "transfer": "a proton on its way to another molecule: shares of the way, 0 to 1",
        "scale": "factors of the cell lengths; molecules keep their shape",
    }
    for name, about in lists.items():
        verb.add_argument(
            f"--{name}", metavar="X,...", help=f"{about}; x,y,z or FROM:TO:STEP"
        )  # fmt: skip
    verb.add_argument("--stretch", metavar="A-B", help="elements of a bond to stretch, e.g. N-H")
    add_number(verb, "--seed", "of all random choices (default 0)", least=0, default=0)


def run(parsed: argparse.Namespace) -> int:
    """Make the frames and write them."""
    check_inputs(parsed.frames)
    check_output_file(parsed.output, (parsed.frames,))
    names = ("displace", "lengths", "transfer", "scale")
    given = {
        name: number_list(f"--{name}", text, zero=name == "transfer")
        for name in names
        if (text := getattr(parsed, name)) is not None
    }
    if (parsed.stretch is None) != ("lengths" not in given):
        raise UserError("--stretch and --lengths go together: which bond, and how long")
    if not given:
        raise UserError("nothing to do: give --displace, --stretch, --transfer or --scale")
    from physrep_training.labels.perturbed import Perturbations, write_perturbed

    stretch = _elements(parsed.stretch) if parsed.stretch else None
    wanted = Perturbations(**given, stretch=stretch, seed=parsed.seed)
    n = write_perturbed(parsed.frames, parsed.output, wanted)
    print(f"perturb: {n} frames in {parsed.output}")
    return 0


def _elements(text: str) -> tuple[int, int]:
    """Atomic numbers of "N-H"."""
    from ase.data import atomic_numbers

    symbols = text.split("-")
    if len(symbols) != 2 or not all(symbol in atomic_numbers for symbol in symbols):
        raise UserError(f"--stretch {text}: give two elements, as in N-H")
    return atomic_numbers[symbols[0]], atomic_numbers[symbols[1]]
