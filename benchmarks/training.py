"""Time of a step in fits to ethylammonium nitrate: the first version of this project, portable and
fused operators.

    python benchmarks/training.py [--rounds 3] [--first COMMIT]

Every contender is a complete `fit.py` with batches of one structure (225 atoms) and one thread:
the time contains reading, loss, optimizer, averages and log. They take turns; the numbers are
medians of the epochs, without the first and the last of each fit. Writes results/training.md and
training.json.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from forms import CONFIG, PUBLISHED, ROOT

HERE = Path(__file__).resolve().parent
FIRST = "d85e5a7"  # the first commit that could fit, export and run
STEPS = 50  # of an epoch
FORMS = {
    "JAT as published, 7 x 48": [PUBLISHED],
    "JAT, 4 x 48": ["model={name: jat, angular_features: 0}"],
    "ean-jat-short": [],
}
# The first version has no angular moments, and no setting for them.
WITHOUT_FIRST = {"ean-jat-short"}
# The environment imports the current package; the older one must come before it on the path.
OLD_FIT = """
import runpy, sys
sys.meta_path = [f for f in sys.meta_path if "ditable" not in type(f).__module__ + type(f).__name__]
sys.path[:0] = [sys.argv[1] + "/plugin", sys.argv[1] + "/training"]
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_fit(command: list[Any]) -> None:
    """In one thread.

    Raises:
        SystemExit: the fit failed.
    """
    done = subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")


def seconds_per_step(root: Path, settings: list[str]) -> list[float]:
    """Of the epochs of one fit, without the first and the last."""
    script, config = root / "training" / "fit.py", root / CONFIG.relative_to(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        common = [
            "data.extra_train_files=[]",
            "data.split.validation=0.02",
            f"data.max_train={STEPS}",
            "run.epochs=5",
        ]
        common += ["run.validate_every=5", f"output={folder}/fit"]
        start = [] if root == ROOT else ["-c", OLD_FIT, root]
        if root != ROOT:
            settings = [item.replace(", angular_features: 0", "") for item in settings]
        run_fit([sys.executable, *start, script, config, *common, *settings])
        with open(f"{folder}/fit/log.csv", newline="") as file:
            ends = [float(row["time_s"]) for row in csv.DictReader(file)]
    return [(b - a) / STEPS for a, b in pairwise(ends[:-1])]  # the last epoch validates


def unpack(commit: str, folder: str) -> Path:
    """The project as it was at a commit."""
    archive = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE, check=True
    ).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return Path(folder)


def table(times: dict[tuple[str, str], list[float]]) -> list[dict]:
    """Rows with medians; ratio: to the first version, or to portable where that lacks the form."""
    rows = []
    for (form, version), found in times.items():
        base = times.get((form, "first version")) or times[form, "portable"]
        rows.append(
            {
                "form": form,
                "version": version,
                "ms_per_step": 1000.0 * statistics.median(found),
                "ratio": statistics.median(base) / statistics.median(found),
            }
        )
    return rows


def versions_of(form: str, first: Path) -> dict[str, tuple[Path, list[str]]]:
    """Who fits this form: the folder of its fit.py, and settings."""
    versions = {"portable": (ROOT, []), "fused": (ROOT, ["run.ops=fused"])}
    return versions if form in WITHOUT_FIRST else {"first version": (first, []), **versions}


def measure(first: Path, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Seconds per step by form and version; every round goes through all of them."""
    times: dict[tuple[str, str], list[float]] = {}
    for form in list(FORMS) * rounds:
        for version, (root, extra) in versions_of(form, first).items():
            print(f"training: {form}, {version}", file=sys.stderr)
            found = seconds_per_step(root, [*FORMS[form], *extra])
            times.setdefault((form, version), []).extend(found)
    return times


def markdown(rows: list[dict]) -> str:
    """One line for each row."""
    lines = ["| model | | ms per step | x first version |", "|---|---|---|---|"]
    for row in rows:
        ratio = f"{row['ratio']:.1f}" + (" (portable)" if row["form"] in WITHOUT_FIRST else "")
        lines.append(f"| {row['form']} | {row['version']} | {row['ms_per_step']:.0f} | {ratio} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first", default=FIRST, metavar="COMMIT")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = table(measure(unpack(args.first, folder), args.rounds))
    (HERE / "results" / "training.md").write_text(markdown(rows))
    (HERE / "results" / "training.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(markdown(rows))


if __name__ == "__main__":
    main()
