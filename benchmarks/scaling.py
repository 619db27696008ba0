"""LAMMPS on one and two ranks, from 225 to 48,600 atoms: time per step, share of communication.

``python benchmarks/scaling.py ean.pt`` writes results/scaling.json and .md. ``--sizes 1 2 4 6`` are
copies along each direction, ``--ranks 1 2``. One thread for each rank. A run with a size and number
of ranks takes its turn with the others, three times; medians count.
"""

import argparse
import json
import re
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

import ase.io

from lammps_process import run_lammps
from physrep.engines.lammps import write_data

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SPECIES = ["C", "H", "N", "O"]
ATOM_STEPS = 400_000  # a run has so many steps times atoms, between the bounds below
FEWEST, MOST = 8, 400
ROUNDS = 3
INPUT = """
units metal
atom_style atomic
read_data data
replicate {copies} {copies} {copies}
pair_style physrep
pair_coeff * * {file} {species}
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
velocity all create 300 2026 mom yes
timestep 0.0005
fix 1 all nve
thermo 1000
run 3
run {steps}
"""


class Timing(NamedTuple):
    """Of one run."""

    seconds: float
    """Per step."""
    communication: float
    """Share of it, of all ranks, LAMMPS' row Comm: ghosts, and features between layers."""
    ghosts: float
    """Of each rank, mean over the ranks; on one rank all are images of its own atoms."""


def run(file: Path, copies: int, ranks: int) -> Timing:
    """Time the second ``run`` of the input."""
    steps = min(MOST, max(FEWEST, ATOM_STEPS // (225 * copies**3)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(next(ase.io.iread(ROOT / "md_examples" / "ean.pdb")), folder / "data", SPECIES)
        text = INPUT.format(
            copies=copies, file=file.resolve(), species=" ".join(SPECIES), steps=steps
        )
        output = run_lammps(text, folder, ranks)
    loop = float(re.findall(r"Loop time of (\S+)", output)[-1])
    communication = float(re.findall(r"^Comm .*\|\s*(\S+)\s*$", output, re.MULTILINE)[-1])
    ghosts = float(re.findall(r"^Nghost:\s+(\S+) ave", output, re.MULTILINE)[-1])
    return Timing(loop / steps, communication / 100, ghosts)


def read(path: Path) -> dict[int, dict[int, Timing]]:
    """Atoms -> ranks -> timing, of results/scaling.json."""
    rows = json.loads(path.read_text())
    return {int(n): {int(k): Timing(**one) for k, one in row.items()} for n, row in rows.items()}


def table(rows: dict[int, dict[int, Timing]]) -> str:
    """Markdown: atoms, and for each number of ranks ms per step, communication, ghosts."""
    ranks = list(next(iter(rows.values())))
    head = ["atoms", *(f"{n} rank{'s' * (n > 1)}, ms per step" for n in ranks)]
    head += [f"speed-up, {n} ranks" for n in ranks[1:]]
    head += [f"communication, {n} rank{'s' * (n > 1)}" for n in ranks]
    head += [f"ghosts of each of {n} ranks" for n in ranks[1:]]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for atoms, row in rows.items():
        cells = [f"{atoms:,}", *(f"{1e3 * row[n].seconds:.1f}" for n in ranks)]
        cells += [f"{row[ranks[0]].seconds / row[n].seconds:.2f}" for n in ranks[1:]]
        cells += [f"{100 * row[n].communication:.1f} %" for n in ranks]
        cells += [f"{row[n].ghosts:,.0f}" for n in ranks[1:]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="exported file, elements C, H, N, O")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 3, 4, 6])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--keep", action="store_true", help="sizes that were measured before")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / "scaling")
    parsed = parser.parse_args()
    rows = read(parsed.output.with_suffix(".json")) if parsed.keep else {}
    for copies in parsed.sizes:
        turns = [
            {n: run(parsed.file, copies, n) for n in parsed.ranks} for _ in range(parsed.rounds)
        ]
        rows[225 * copies**3] = {
            n: Timing(*map(statistics.median, zip(*(turn[n] for turn in turns), strict=True)))
            for n in parsed.ranks
        }
        rows = dict(sorted(rows.items()))
        named = {n: {k: one._asdict() for k, one in row.items()} for n, row in rows.items()}
        parsed.output.with_suffix(".json").write_text(json.dumps(named, indent=1) + "\n")
        parsed.output.with_suffix(".md").write_text(table(rows))
        print(table({225 * copies**3: rows[225 * copies**3]}).splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
