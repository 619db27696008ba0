"""Time of a step in LAMMPS, with charges and without, measured in turns.

    python benchmarks/cost_of_charges.py ean.pt short.pt

One and two ranks, one thread for each; medians of three rounds in which the runs take turns. The
machine must be idle. Writes results/cost_of_charges.md and .json.
"""

import argparse
import json
import statistics
from pathlib import Path

from scaling import RESULTS, run

COPIES = (1, 2, 4)  # 225, 1,800 and 14,400 atoms
ROUNDS = 3


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("charged", type=Path, help="exported file")
    parser.add_argument("plain", type=Path, help="exported file of the same network, no charges")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parsed = parser.parse_args()
    files = {"with": parsed.charged, "without": parsed.plain}
    found = {}
    for copies in COPIES:
        turns = [
            {
                f"{name}, {n}": run(file, copies, n).seconds
                for n in (1, 2)
                for name, file in files.items()
            }
            for _ in range(parsed.rounds)
        ]
        found[225 * copies**3] = {
            name: 1e3 * statistics.median(turn[name] for turn in turns) for name in turns[0]
        }
        (RESULTS / "cost_of_charges.json").write_text(json.dumps(found, indent=1) + "\n")
        (RESULTS / "cost_of_charges.md").write_text(table(found))
    print(table(found))


def table(found: dict[int, dict[str, float]]) -> str:
    """Markdown, ms per step."""
    head = ["atoms", "without, ms", "with, ms", "ratio"]
    head += ["with, 2 ranks, ms", "speed-up", "speed-up without"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for atoms, ms in found.items():
        cells = [f"{atoms:,}", f"{ms['without, 1']:.1f}", f"{ms['with, 1']:.1f}"]
        cells.append(f"{ms['with, 1'] / ms['without, 1']:.2f}")
        cells += [f"{ms['with, 2']:.1f}", f"{ms['with, 1'] / ms['with, 2']:.2f}"]
        cells.append(f"{ms['without, 1'] / ms['without, 2']:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
