"""Fits compared with equal time: python training/tables.py [key=value ...] [--plan FILE]

The same as `physrep tables`, with the plan of the thesis unless another one is given.
"""

import sys
from pathlib import Path

from physrep.cli.main import main

PLAN = Path(__file__).parent / "configs" / "thesis" / "tables.yaml"

if __name__ == "__main__":
    # The last --plan counts.
    sys.exit(main(["tables", "--plan", str(PLAN), *sys.argv[1:]], speaker="tables"))
