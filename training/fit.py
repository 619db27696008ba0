"""Fit a potential: python training/fit.py CONFIG [key=value ...] [--resume]"""

import argparse
import sys

from physrep.checkpoint import CheckpointError
from physrep.config import ConfigError
from physrep.io import DataError
from physrep_training.config import load_config
from physrep_training.fitting import fit
from physrep_training.module import FitError


def main() -> int:
    """Run the fit; 0 on success, 2 for a mistake in settings or data, 1 for a fit that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="YAML file, for example training/configs/jat_ean.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. run.epochs=20")
    parser.add_argument("--resume", action="store_true", help="continue an interrupted fit")
    arguments = parser.parse_intermixed_args()
    try:
        best = fit(load_config(arguments.config, arguments.overrides), arguments.resume)
    except (ConfigError, DataError, CheckpointError) as error:
        print(f"fit: error: {error}", file=sys.stderr)
        return 2
    except FitError as error:
        print(f"fit: stopped: {error}", file=sys.stderr)
        return 1
    print(f"fit: done, {best}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
