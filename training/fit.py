"""Fit a potential: python training/fit.py CONFIG [key=value ...] [--resume]

The same as `physrep fit`.
"""

import sys

from physrep.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["fit", *sys.argv[1:]], speaker="fit"))
