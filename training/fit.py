"""Fit a potential: python training/fit.py CONFIG [key=value ...] [--resume]"""

import argparse
import sys
from collections.abc import Callable

from physrep.checkpoint import CheckpointError
from physrep.config import ConfigError
from physrep.io import DataError
from physrep_training.config import load_config
from physrep_training.fitting import fit
from physrep_training.module import FitError


def run_reporting_mistakes(name: str, work: Callable[[], str]) -> int:
    """Do the work and print what it returns; 0 on success, 2 for a mistake in settings or data, 1
    for a fit that failed."""
    try:
        print(work())
    except (ConfigError, DataError, CheckpointError) as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return 2
    except FitError as error:
        print(f"{name}: stopped: {error}", file=sys.stderr)
        return 1
    return 0


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
