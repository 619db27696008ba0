"""Label frames with GFN2-xTB (tblite): REF_energy in eV, REF_forces in eV/A, REF_charges
in e, REF_stress in eV/A^3 (periodic) or REF_dipole in e A (not), in extxyz. Resumable:
frames that the output already holds are not computed again. Frames whose self-consistent
cycle does not converge are skipped and reported. The charge of a frame is its charge,
total_charge or the sum of its initial_charges, the spin its spin or multiplicity; both
are written into the labelled frame.

Examples:
  physrep label frames.extxyz -o labelled.extxyz
  physrep label anions.extxyz -o labelled.extxyz --charge=-1
  physrep label md.traj -o labelled.extxyz --threads 2
"""

import argparse
import os
from pathlib import Path

from physrep.cli.verb import add_number, check_inputs
from physrep.output import check_output_file


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("frames", help="structures in any format that ASE reads")
    verb.add_argument("-o", "--output", type=Path, required=True, help="extxyz file to append to")
    verb.add_argument(
        "--charge",
        type=int,
        metavar="E",
        help="total charge of frames that state none, in e (default 0); negative: --charge=-1",
    )
    add_number(
        verb,
        "--spin",
        "multiplicity, or number of unpaired electrons, of frames that state none; the number of "
        "electrons tells which of the two it is (default: lowest spin)",
        least=0,
    )
    add_number(verb, "--threads", "processor cores to use (default: OMP_NUM_THREADS, or 1)")


def run(parsed: argparse.Namespace) -> int:
    """Label the frames that the output lacks."""
    check_inputs(parsed.frames)
    check_output_file(parsed.output, (parsed.frames,))
    if parsed.threads is not None:  # before an OpenMP library is loaded
        os.environ["OMP_NUM_THREADS"] = str(parsed.threads)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from physrep_training.labels.label_frames import label_frames

    print(label_frames(parsed.frames, parsed.output, parsed.charge, parsed.spin))
    return 0
