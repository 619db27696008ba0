"""Label frames: python training/label.py frames.extxyz -o labelled.extxyz

The same as `physrep label`.
"""

import sys

from physrep.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["label", *sys.argv[1:]], speaker="label"))
