"""The same fit over several seeds: python training/repeat.py CONFIG [key=value ...] --seeds 5

The same as `physrep repeat`.
"""

import sys

from physrep.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["repeat", *sys.argv[1:]], speaker="repeat"))
