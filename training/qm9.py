"""Download QM9 through torch_geometric's data set and write extended XYZ (needs internet access).

    python training/qm9.py -o qm9.extxyz [--molecules 1201 --seed 0]

Every frame has U0_eV, the internal energy at 0 K (B3LYP/6-31G(2df,p)), and U0_atomization_eV, the
same without the energies of the isolated atoms. For
fits: data.energy_key=U0_eV data.equilibrium=all.
"""

import argparse
import sys
from pathlib import Path

from physrep.cli.verb import report_mistakes


def main() -> int:
    """Parse, download what the cache lacks, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("qm9.extxyz"))
    parser.add_argument("--molecules", type=int, metavar="N", help="drawn at random (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default 0)")
    parser.add_argument("--cache", type=Path, default=Path("runs/qm9_download"))
    arguments = parser.parse_args()

    def work() -> int:
        from torch_geometric.datasets import QM9

        from physrep_training.data.qm9 import write_qm9

        data = QM9(str(arguments.cache))
        n = write_qm9(data, arguments.output, arguments.molecules, arguments.seed)
        print(f"qm9: {n} molecules, {arguments.output}")
        return 0

    return report_mistakes("qm9", work)


if __name__ == "__main__":
    sys.exit(main())
