"""Fetch QM9 through torch_geometric's data set and write extended XYZ (needs a connection).

    python training/qm9.py -o qm9.extxyz [--molecules 1201 --seed 0]

Every frame has U0_eV, the internal energy at 0 K (B3LYP/6-31G(2df,p)), and U0_atomization_eV, the
same less the isolated atoms. For fits: data.energy_key=U0_eV data.equilibrium=all.
"""

import argparse
import sys
from pathlib import Path

from physrep_training.console import run_reporting_mistakes


def main() -> int:
    """Parse, fetch what is not there yet, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("qm9.extxyz"))
    parser.add_argument("--molecules", type=int, help="that many at random; default all 130,831")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=Path("runs/qm9_download"))
    arguments = parser.parse_args()

    def work() -> str:
        from torch_geometric.datasets import QM9

        from physrep_training.data.qm9 import write_qm9

        data = QM9(str(arguments.cache))
        n = write_qm9(data, arguments.output, arguments.molecules, arguments.seed)
        return f"qm9: {n} molecules, {arguments.output}"

    return run_reporting_mistakes("qm9", work)


if __name__ == "__main__":
    sys.exit(main())
