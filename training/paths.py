"""Label reaction paths with GFN2-xTB: python training/paths.py FILE.npz -o paths.extxyz

The same as `physrep paths`.
"""

import sys

from physrep.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["paths", *sys.argv[1:]], speaker="paths"))
