"""Frames of MD: python training/sample.py FRAMES -o new.extxyz

The same as `physrep sample`.
"""

import sys

from physrep.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["sample", *sys.argv[1:]], speaker="sample"))
