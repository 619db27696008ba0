"""Build, test and measure physrep on a GPU: benchmarks/gpu/run.sh [options]

Steps run one after the other in processes of their own, each within its share of the time; one that
fails, hangs or lacks something is reported, and the next one starts. gpu.json and gpu.md in the
output folder are complete up to the last row at any moment.
"""

import argparse
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from budget import Budget, Share
from report import Report

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SIZES = (225, 1800, 14400, 48600, 202500)  # atoms
SHARES = {
    "environment": Share(30, 5),
    "build": Share(170, 30),
    "operators": Share(70, 15),
    "evaluations": Share(130, 40),
    "lammps": Share(60, 20),
    "openmm": Share(40, 15),
    "fit": Share(180, 45),
}
DRY_SHARES = {
    "environment": Share(30, 1),
    "build": Share(400, 1),
    "operators": Share(40, 10),
    "evaluations": Share(45, 25),
    "lammps": Share(25, 10),
    "openmm": Share(25, 10),
    "fit": Share(60, 40),
}
GRACE = 10.0  # seconds after which a step that does not end by itself is killed
EXIT_SKIPPED = 77  # as of automake's tests


def main() -> int:
    """Run the steps; 0 unless one has failed."""
    args = arguments()
    if args.dry:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    shares = DRY_SHARES if args.dry else SHARES
    usual = 2.8 + 5.0 * args.build if args.dry else 8.7  # run.sh takes some seconds before it
    minutes = args.minutes or usual
    chosen = {name: shares[name].times(minutes / usual) for name in args.only or shares}
    budget = Budget(60.0 * minutes, chosen)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    report = Report(args.out, date=today, dry=args.dry, minutes=minutes)
    work = args.out / "work"
    options = {
        "device": "cpu" if args.dry else "cuda",
        "sizes": args.sizes or (SIZES[:2] if args.dry else SIZES),
        "build": args.build or not args.dry,
        "quick": args.dry,
        "work": str(work.resolve()),
    }
    for name in chosen:
        run_step(name, options, budget, report)
    print(report.markdown())
    return int(any(step["state"] == "failed" for step in report.steps.values()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--dry", action="store_true", help="on the CPU, small systems, 3 minutes")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "gpu", metavar="FOLDER")
    parser.add_argument("--minutes", type=float, help="of all steps; 8.7, with --dry 2.8")
    parser.add_argument("--only", nargs="+", choices=SHARES, metavar="STEP", help=", ".join(SHARES))
    parser.add_argument("--sizes", nargs="+", type=int, choices=SIZES, help="numbers of atoms")
    parser.add_argument(
        "--build", action="store_true", help="compile in a dry run too (into the output folder)"
    )
    return parser.parse_args()


def run_step(name: str, options: dict, budget: Budget, report: Report) -> None:
    """One step, whatever becomes of it."""
    report.start(name)
    seconds = budget.seconds_for(name)
    if seconds <= 0.0:
        report.finish(name, "skipped", f"no time left ({budget.left():.0f} s)")
        return
    print(f"gpu kit: {name}, at most {seconds:.0f} s", file=sys.stderr, flush=True)
    start = time.monotonic()
    state, reason = run_process(name, {**options, "seconds": seconds}, report)
    report.finish(name, state, reason, time.monotonic() - start)
    print(f"gpu kit: {name} {state} {reason}", file=sys.stderr, flush=True)


def run_process(name: str, options: dict, report: Report) -> tuple[str, str]:
    """State and reason of a step in a process of its own, whose rows go into the report."""
    log = Path(options["work"]) / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, HERE / "step.py", name, json.dumps(options)]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            env=environment(options),
        )
        overtime = threading.Timer(options["seconds"] + GRACE, kill_group, [process.pid])
        overtime.start()
        assert process.stdout is not None  # it is a pipe
        for line in process.stdout:
            report.add(name, json.loads(line))
        process.stdout.close()
        code = process.wait()
        in_time = overtime.is_alive()
        overtime.cancel()
    if not in_time:
        return "failed", f"stopped after {options['seconds'] + GRACE:.0f} s"
    if code == 0:
        return "done", ""
    reason = last_line(log)
    return ("skipped", reason) if code == EXIT_SKIPPED else ("failed", reason or f"exit {code}")


def environment(options: dict) -> dict[str, str]:
    """Of the steps: LAMMPS too finds what this run has built, or else what is installed."""
    built, installed = Path(options["work"]) / "native", Path(sys.prefix) / "lib" / "physrep"
    folders = [str(place) for place in (built, installed) if place.is_dir()][:1]
    named = os.environ.get("LAMMPS_PLUGIN_PATH")
    return {**os.environ, "LAMMPS_PLUGIN_PATH": ":".join([*folders, *([named] if named else [])])}


def kill_group(pid: int) -> None:
    """The step and all that it has started."""
    os.killpg(pid, signal.SIGKILL)


def last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


if __name__ == "__main__":
    sys.exit(main())
