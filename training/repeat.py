"""The same fit over several seeds: python training/repeat.py CONFIG [key=value ...] --seeds 5

Every seed draws its own start and, with split.method random, its own split. Folders are
OUTPUT/seed_0 and so on; what is done is not fitted again. Writes OUTPUT/errors.json: each seed's
errors, their mean and standard deviation, and those of the committee where the split is the same.
"""

import argparse
import sys

from physrep_training.console import run_reporting_mistakes
from physrep_training.fit.repeats import repeat_fit


def main() -> int:
    """Parse and run; exit codes as those of fit.py."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_intermixed_args()

    def work() -> str:
        found = repeat_fit(arguments.config, arguments.overrides, arguments.seeds)
        lines = [
            f"{name:26s} {values['mean']:.4g} +- {values['std']:.2g}"
            for name, values in found["summary"].items()
        ]
        if "committee" in found:
            lines.append(f"force_mae of the committee {found['committee']['force_mae']:.4g}")
        return "\n".join([*lines, "repeat: done"])

    return run_reporting_mistakes("repeat", work)


if __name__ == "__main__":
    sys.exit(main())
