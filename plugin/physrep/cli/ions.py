"""Take the ions of a liquid apart and make frames of them, to be labelled: single ions,
pairs of unlike and of like ions, clusters, slabs with vacuum, pairs above a slab. A
potential with charges learns from them what a dense box hides. Ions keep the shapes that
they have in the liquid; all orientations are alike. Unlike pairs whose centres are more
than 9 A apart are marked (ions_apart): physrep label labels each ion alone and adds
Coulomb's law, because closed-shell GFN2-xTB lets charge leak between them.

Examples:
  physrep ions data/ean_gfn2.extxyz.gz -o ions.extxyz
  physrep ions box.pdb -o pairs.extxyz --clusters 0 --slabs 0 --seed 1
  physrep ions liquid.extxyz -o ions.extxyz --charges Li=1,PF6=-1 --frames 0:50
"""

import argparse
from pathlib import Path

from physrep.cli.verb import add_number, check_inputs, check_number
from physrep.errors import UserError
from physrep.output import check_output_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("start", help="frames of the liquid, in any format that ASE reads")
    verb.add_argument("-o", "--output", type=Path, required=True, help="extxyz file to write")
    numbers = {
        "singles": ("single ions, cations and anions by turns", 60),
        "pairs": ("pairs of unlike ions", 400),
        "like": ("pairs of like ions", 150),
        "clusters": ("clusters, packed at random and cut from the liquid by turns", 200),
        "slabs": ("slabs with 20 A of vacuum (orthorhombic boxes only)", 10),
        "above": ("pairs above a slab, each with slab and pair alone", 0),
    }
    for name, (about, default) in numbers.items():
        add_number(verb, f"--{name}", f"{about} (default {default})", least=0, default=default)
    verb.add_argument(
        "--nearest",
        type=float,
        default=3.0,
        metavar="A",
        help="smallest distance of the centres of mass of a pair, in A (default 3)",
    )
    verb.add_argument(
        "--farthest", type=float, default=20.0, metavar="A", help="largest, in A (default 20)"
    )
    add_number(verb, "--smallest", "ions of the smallest clusters (default 2)", default=2)
    add_number(verb, "--largest", "ions of the largest clusters (default 6)", default=6)
    verb.add_argument(
        "--frames",
        default=":",
        metavar="FROM:TO,...",
        help="which frames, counted from 0, e.g. 0:45,61:150 (default: all)",
    )
    verb.add_argument(
        "--charges",
        help="charges of molecules by formula or name in e, e.g. Li=1,PF6=-1, or a file of them, "
        "where the bonds do not tell",
    )
    verb.add_argument("--seed", type=int, default=0, help="of all random choices (default 0)")


def run(parsed: argparse.Namespace) -> int:
    """Make the frames and write them."""
    check_inputs(parsed.start)
    check_output_file(parsed.output, (parsed.start,))
    check_number("--nearest", parsed.nearest, "A")
    for low, high in (("nearest", "farthest"), ("smallest", "largest")):
        if getattr(parsed, low) > getattr(parsed, high):
            raise UserError(
                f"--{low} {getattr(parsed, low):g} is above --{high} {getattr(parsed, high):g}"
            )
    chosen = [_slice(text) for text in parsed.frames.split(",")]
    from physrep.studies.analyze.given import read_charges
    from physrep_training.labels.ion_frames import IonCounts, IonSettings, write_ion_frames

    counts = IonCounts(**{name: getattr(parsed, name) for name in IonCounts._fields})
    settings = IonSettings(
        distances=(parsed.nearest, parsed.farthest),
        cluster_sizes=(parsed.smallest, parsed.largest),
        seed=parsed.seed,
    )
    charges = read_charges(parsed.charges) if parsed.charges else None
    n = write_ion_frames(parsed.start, parsed.output, counts, settings, chosen, charges)
    print(f"ions: {n} frames in {parsed.output}")
    return 0


def _slice(text: str) -> slice:
    """Of "5:20", as Python counts."""
    words = text.split(":")
    try:
        start, stop = (int(word) if word.strip() else None for word in words)
    except ValueError:
        raise UserError(
            f"--frames: {text!r} is not FROM:TO, like 0:45; give several with commas"
        ) from None
    return slice(start, stop)
