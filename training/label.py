"""Label frames with GFN2-xTB (tblite): energies and forces, REF_energy and REF_forces in extxyz.

    python training/label.py frames.extxyz -o labelled.extxyz [--threads 2]

Resumable: frames that the output already holds are not computed again. A frame whose
self-consistent cycle does not converge is left out and said so.
"""

import argparse
import os
import sys
from pathlib import Path

import ase.io
from tqdm import tqdm


def main() -> None:
    """Parse, label what is missing, append frame by frame."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", help="structures, any format ASE reads")
    parser.add_argument("-o", "--output", type=Path, required=True, help="extxyz")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # before an OpenMP library is loaded
    from physrep_training.labels.gfn2 import label

    frames = ase.io.read(arguments.frames, ":")
    done = set()
    if arguments.output.exists():
        done = {int(a.info["label_index"]) for a in ase.io.read(arguments.output, ":")}
        print(f"label: {len(done)} of {len(frames)} frames are labelled already", file=sys.stderr)
    for index, atoms in enumerate(tqdm(frames, unit="frame", file=sys.stderr)):
        if index in done:
            continue
        try:
            labelled = label(atoms)
        except RuntimeError as error:
            print(f"label: frame {index} left out: {error}", file=sys.stderr)
            continue
        labelled.info["label_index"] = index
        ase.io.write(arguments.output, labelled, append=True)
    print(f"label: done, {arguments.output}")


if __name__ == "__main__":
    main()
