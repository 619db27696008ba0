"""Make a box of a liquid from SMILES: shapes by RDKit, packed by packmol at a density in g/cm3.
The charge of each molecule is that of its SMILES; a periodic box must be neutral. Every
SMILES may end in a count (O:12); one without a count is there as often as --pairs says.
SMILES with dots are several molecules. Without --density it is guessed from the volumes of
the molecules. Bonds, residue names and formal charges go into .pdb; .extxyz keeps charge,
ions and formal charges; .data is for LAMMPS. The same seed makes the same file.

Examples:
  physrep box "CC[NH3+]" "O=[N+]([O-])[O-]" --pairs 15 --density 1.21 -o ean.pdb
  physrep box "CCn1cc[n+](C)c1.F[B-](F)(F)F" "O:12" --pairs 40 -o wet.data
  physrep box "CC[NH3+]" "O=[N+]([O-])[O-]" --cluster 4 --many 50 -o clusters.extxyz
  physrep box "CC[NH3+]" "O=[N+]([O-])[O-]" --distances 3:12:0.5 -o pairs.extxyz
  physrep box "[Li+]:2" "[Cl-]:2" "CC1COC(=O)O1:30" --density 1.2 --vacuum 30 -o slab.pdb
"""

import argparse
from pathlib import Path

from physrep.cli.verb import add_number, check_number, number_list, numbers_in
from physrep.errors import UserError
from physrep.output import check_output_file

SUFFIXES = (".pdb", ".extxyz", ".xyz", ".data")


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument(
        "molecules",
        nargs="+",
        metavar="SMILES",
        help="a molecule or ion with its charges, in quotes; SMILES:COUNT says how many",
    )
    verb.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="file to write: .pdb, .extxyz (.xyz), or .data for LAMMPS",
    )
    add_number(verb, "--pairs", "of each SMILES without a count (default 1)")
    verb.add_argument(
        "--density",
        type=float,
        metavar="D",
        help="in g/cm3; of a slab, that of its liquid (default: guessed)",
    )
    verb.add_argument(
        "--box",
        metavar="A,...",
        help="edges in A in place of a density, e.g. 13 or 13,13,20; of a slab without its vacuum",
    )
    verb.add_argument(
        "--vacuum",
        type=float,
        metavar="A",
        help="a slab: this much empty space along z, in A",
    )
    add_number(
        verb,
        "--cluster",
        "a cluster in vacuum, N of each SMILES without a count; a charge is allowed",
    )
    verb.add_argument(
        "--distances",
        metavar="A,...",
        help="two molecules in vacuum, their centres of mass so far apart, in A: 3,4,5.5 or "
        "FROM:TO:STEP",
    )
    verb.add_argument(
        "--tolerance",
        type=float,
        default=2.0,
        metavar="A",
        help="least distance between atoms of different molecules and of periodic images, in A "
        "(default 2)",
    )
    verb.add_argument(
        "--names", metavar="NAME,...", help="residue names in order, e.g. EAM,NO3 (default: chosen)"
    )
    add_number(verb, "--many", "frames, each with a seed of its own (default 1)", default=1)
    add_number(verb, "--seed", "of shapes and places (default 0)", least=0, default=0)


def run(parsed: argparse.Namespace) -> int:
    """Make the frames, write them, say what they are."""
    check_output_file(parsed.output)
    if parsed.output.suffix.lower() not in SUFFIXES:
        raise UserError(f"-o {parsed.output}: end the name in {', '.join(SUFFIXES)}")
    _check_together(parsed)
    for option, unit in (("density", "g/cm3"), ("vacuum", "A"), ("tolerance", "A")):
        check_number(f"--{option}", getattr(parsed, option), unit)
    edges = _edges(parsed.box) if parsed.box is not None else None
    distances = (
        number_list("--distances", parsed.distances, "A") if parsed.distances is not None else ()
    )
    from physrep_training.boxes.assemble import BoxSettings
    from physrep_training.boxes.make_boxes import make_boxes

    settings = BoxSettings(
        density=parsed.density,
        edges=edges,
        vacuum=parsed.vacuum or 0.0,
        cluster=parsed.cluster is not None,
        distances=distances,
        tolerance=parsed.tolerance,
        seed=parsed.seed,
    )
    n_each = parsed.cluster or parsed.pairs or 1
    names = parsed.names.split(",") if parsed.names else ()
    print(make_boxes(parsed.molecules, parsed.output, settings, n_each, parsed.many, names))
    return 0


def _check_together(parsed: argparse.Namespace) -> None:
    """Options that contradict each other."""
    given = [name for name in ("cluster", "distances") if getattr(parsed, name) is not None]
    if len(given) > 1:
        raise UserError("--cluster and --distances are two kinds of frames; give one of them")
    if given:
        for name in ("pairs", "density", "box", "vacuum"):
            if getattr(parsed, name) is not None:
                raise UserError(f"--{name} has no meaning with --{given[0]}; leave one of them out")
    if parsed.density is not None and parsed.box is not None:
        raise UserError("--density and --box both give the volume; leave one of them out")


def _edges(text: str) -> tuple[float, float, float]:
    """Of "13" or "13,13,20"."""
    lengths = numbers_in("--box", text, ",", "A")
    if len(lengths) not in (1, 3):
        raise UserError(f"--box {text}: give one edge, or three with commas, in A")
    x, y, z = lengths * 3 if len(lengths) == 1 else lengths
    return x, y, z
