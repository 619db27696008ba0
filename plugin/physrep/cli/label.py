"""Label frames with GFN2-xTB (tblite): REF_energy in eV and REF_forces in eV/A, in
extxyz. Resumable: frames that the output already holds are not computed again. Frames
whose self-consistent cycle does not converge are skipped and reported.

Examples:
  physrep label frames.extxyz -o labelled.extxyz
  physrep label md.traj -o labelled.extxyz --threads 2
"""

import argparse
import os
from pathlib import Path

from physrep.cli.verb import add_number


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("frames", help="structures in any format that ASE reads")
    verb.add_argument("-o", "--output", type=Path, required=True, help="extxyz file to append to")
    add_number(verb, "--threads", "processor cores to use (default: OMP_NUM_THREADS, or 1)")


def run(parsed: argparse.Namespace) -> int:
    """Label the frames that the output lacks."""
    if parsed.threads is not None:  # before an OpenMP library is loaded
        os.environ["OMP_NUM_THREADS"] = str(parsed.threads)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from physrep_training.labels.label_frames import label_frames

    print(label_frames(parsed.frames, parsed.output))
    return 0
