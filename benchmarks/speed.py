"""Energy and forces of ethylammonium nitrate: our potentials, the theses' code and peers.

    python benchmarks/speed.py [--sizes 225 1800 14400] [--threads 1 2] [--only WORD ...] [--keep]

From positions to energy and forces, neighbour list included, with moved atoms every time.
Contenders take turns, so that other load on the machine affects all of them; the numbers are
medians.
Writes results/speed.json and speed.md; figure.py draws them.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

from contenders_table import CONTENDERS, REFERENCE, Contender
from environments import processor, python_of, versions

HERE = Path(__file__).resolve().parent
BOX = HERE.parent / "md_examples" / "ean.pdb"  # 225 atoms
COPIES = {225: "1x1x1", 1800: "2x2x2", 14400: "4x4x4", 48600: "6x6x6"}
TOGETHER = 1000  # atoms; in larger systems one contender at a time is in memory


class Row(NamedTuple):
    """ms: median; fastest: ms; ratio: times as fast as the thesis' JAT at this size and threads,
    None where that was not run; peak_mb: of the process, with its libraries.
    """

    name: str
    engine: str
    n_atoms: int
    threads: int
    ms: float
    fastest: float
    ratio: float | None
    peak_mb: float


class Worker:
    """A contender's process; see worker.py."""

    def __init__(self, contender: Contender, n_atoms: int, threads: int) -> None:
        python = python_of(contender.environment)
        command = [python, HERE / "worker.py", contender.module, BOX, COPIES[n_atoms], threads]
        self.log = (HERE / "results" / "workers.log").open("a")
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        try:
            self.read()
        except RuntimeError:
            self.stop()
            raise

    def ask(self, n: int) -> dict:
        self.stdin.write(f"{n}\n")
        self.stdin.flush()
        return self.read()

    def read(self) -> dict:
        line = self.stdout.readline()
        if not line:
            raise RuntimeError("the process ended; see results/workers.log")
        return json.loads(line)

    def stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has stopped by itself
            self.stdin.close()
        self.stdout.close()
        self.process.wait()
        self.log.close()


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", choices=COPIES, default=[225, 1800, 14400])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, help="7; 2 for more than 1000 atoms")
    parser.add_argument("--only", nargs="+", help="contenders whose name holds one of these words")
    parser.add_argument("--keep", action="store_true", help="keep rows that are not repeated")
    args = parser.parse_args()
    (HERE / "results").mkdir(exist_ok=True)
    chosen = [c for c in CONTENDERS if not args.only or any(w in c.label for w in args.only)]
    repeated = set(product([c.label for c in chosen], args.sizes, args.threads))
    before = kept_rows() if args.keep else []
    rows = [row for row in before if (row.name, row.n_atoms, row.threads) not in repeated]
    for n_atoms in args.sizes:
        for threads in args.threads:
            own = [c for c in chosen if n_atoms <= c.largest]
            together = n_atoms <= TOGETHER
            measure = measure_together if together else measure_apart
            rounds = args.rounds or (7 if together else 2)
            rows += with_ratios(measure(own, n_atoms, threads, rounds))
            write(rows)
    print((HERE / "results" / "speed.md").read_text())


def measure_together(
    contenders: Iterable[Contender], n_atoms: int, threads: int, rounds: int
) -> list[Row]:
    """All processes wait while one is timed; every round goes through all of them."""
    workers = {}
    for contender in contenders:
        if worker := started(contender, n_atoms, threads):
            workers[contender] = worker
    times: dict[Contender, list[float]] = {contender: [] for contender in workers}
    peaks: dict[Contender, float] = {}
    for _ in range(rounds):
        for contender, worker in list(workers.items()):
            if found := answer(contender, worker, 6):
                times[contender] += found["ms"]
                peaks[contender] = found["peak_mb"]
            else:
                del workers[contender]
    for worker in workers.values():
        worker.stop()
    return [row_of(c, n_atoms, threads, times[c], peaks[c]) for c in workers]


def answer(contender: Contender, worker: Worker, n: int) -> dict | None:
    """Of n evaluations; None, with a line on stderr, if the process has ended, for example because
    memory ran out.
    """
    try:
        return worker.ask(n)
    except (RuntimeError, OSError) as error:
        print(f"speed: {contender.label} skipped: {error}", file=sys.stderr)
        worker.stop()
        return None


def measure_apart(
    contenders: Iterable[Contender], n_atoms: int, threads: int, rounds: int
) -> list[Row]:
    """Large systems: one process at a time, once in every round."""
    times: dict[Contender, list[float]] = {}
    peaks: dict[Contender, float] = {}
    for _ in range(rounds):
        for contender in contenders:
            worker = started(contender, n_atoms, threads)
            if worker and (found := answer(contender, worker, 2)):
                times.setdefault(contender, []).extend(found["ms"])
                peaks[contender] = found["peak_mb"]
                worker.stop()
    return [row_of(c, n_atoms, threads, times[c], peaks[c]) for c in times]


def started(contender: Contender, n_atoms: int, threads: int) -> Worker | None:
    """None, with a line on stderr, if it does not run here."""
    print(f"speed: {contender.label}, {n_atoms} atoms, {threads} threads", file=sys.stderr)
    try:
        return Worker(contender, n_atoms, threads)
    except RuntimeError as error:
        print(f"speed: {contender.label} skipped: {error}", file=sys.stderr)
        return None


def row_of(
    contender: Contender, n_atoms: int, threads: int, times: list[float], peak_mb: float
) -> Row:
    median = statistics.median(times)
    return Row(
        contender.label, contender.engine, n_atoms, threads, median, min(times), None, peak_mb
    )


def with_ratios(rows: list[Row]) -> list[Row]:
    reference = next((row.ms for row in rows if row.name == REFERENCE), None)
    if reference is None:
        return rows
    return [row._replace(ratio=reference / row.ms) for row in rows]


def kept_rows() -> list[Row]:
    """The rows of the last run."""
    return [Row(**row) for row in json.loads((HERE / "results" / "speed.json").read_text())["rows"]]


def write(rows: list[Row]) -> None:
    """Called after every size, so that an interrupted run keeps its results."""
    environments = sorted({c.environment for c in CONTENDERS if c.label in {r.name for r in rows}})
    record = {
        "machine": {
            "cpu": processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": {name: versions(name) for name in environments},
        "rows": [row._asdict() for row in rows],
    }
    (HERE / "results" / "speed.json").write_text(json.dumps(record, indent=1) + "\n")
    (HERE / "results" / "speed.md").write_text(markdown(rows))


def markdown(rows: list[Row]) -> str:
    """One table, fastest first within a size."""
    lines = [
        "| atoms | threads | model | through | ms (median) | fastest | x thesis' JAT | peak MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row.n_atoms, row.threads, row.ms)):
        ratio = "" if row.ratio is None else f"{row.ratio:.2g}"
        lines.append(
            f"| {row.n_atoms} | {row.threads} | {row.name} | {row.engine} | {row.ms:.1f} "
            f"| {row.fastest:.1f} | {ratio} | {row.peak_mb:.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
