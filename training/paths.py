"""Turn reactants, transition states and products into paths labelled with GFN2-xTB.

    python training/paths.py rdb7_r_ts_p.npz --reactions 1500 -o runs/rdb7_paths.extxyz

Resumable: reactions that the output holds whole are not computed again. A reaction that changes
its bonds on relaxing, or that GFN2-xTB does not converge for, is left out and said so. Layouts of
both files: docs/formats.md and physrep_training/labels/reaction_paths.py. To fit on them, keep
whole reactions apart (data.split.method groups, group_key reaction, or reactant: most occur in
several reactions).
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path


def at_least(least: int, text: str) -> int:
    """A whole number, not below `least`."""
    if int(text) < least:
        raise argparse.ArgumentTypeError(f"{text} is too small; it must be {least} or more")
    return int(text)


def main() -> int:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("geometries", type=Path, help="npz with R, TS and P")
    parser.add_argument("--reactions", type=partial(at_least, 1), default=1500, metavar="N")
    parser.add_argument("--seed", type=int, default=0, help="which reactions; default 0")
    parser.add_argument(
        "--images", type=partial(at_least, 0), default=4, help="between end and TS; default 4"
    )
    parser.add_argument(
        "--optimise-ends",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="relax reactant and product with GFN2-xTB first",
    )
    parser.add_argument(
        "--threads", type=partial(at_least, 1), default=1, help="reactions at a time, a core each"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="extxyz")
    options = parser.parse_args()
    # Before anything that loads an OpenMP library: a second thread only waits, and spins.
    os.environ["OMP_NUM_THREADS"] = "1"
    from physrep_training.console import run_reporting_mistakes
    from physrep_training.labels.reaction_paths import PathSettings, make_paths

    settings = PathSettings(options.images, options.optimise_ends)
    return run_reporting_mistakes(
        "paths",
        lambda: make_paths(
            options.geometries,
            options.output,
            settings,
            options.reactions,
            options.seed,
            options.threads,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
