"""Fit a potential: python training/fit.py CONFIG [key=value ...] [--resume]"""

import argparse
import sys

from physrep_training.console import run_reporting_mistakes
from physrep_training.fit.fit_config import load_config
from physrep_training.fit.fitting import fit


def main() -> int:
    """Parse and fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="YAML file, for example training/configs/jat_ean.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. run.epochs=20")
    parser.add_argument("--resume", action="store_true", help="continue an interrupted fit")
    arguments = parser.parse_intermixed_args()

    def work() -> str:
        best = fit(load_config(arguments.config, arguments.overrides), arguments.resume)
        return f"fit: done, {best}"

    return run_reporting_mistakes("fit", work)


if __name__ == "__main__":
    sys.exit(main())
