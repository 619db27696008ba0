"""Frames of MD with a potential: python training/sample.py best.ckpt DATA -o new.extxyz

The same as `physrep sample`.
"""

import sys

from physrep.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["sample", *sys.argv[1:]], speaker="sample"))
