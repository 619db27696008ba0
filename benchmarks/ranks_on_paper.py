"""An estimate on paper: LAMMPS with ``ean-jat-short`` on 1,000 ranks, from times measured on two.

``python benchmarks/ranks_on_paper.py`` cuts copies of the liquid into 10 x 10 x 10 domains, counts
atoms and ghosts of each, and adds up what a step costs the busiest rank: computation for its atoms
and ghosts (from results/scaling.json), and messages by latency and bandwidth. Writes
results/ranks_on_paper.md. Nothing here was measured on a cluster.
"""

import math
from pathlib import Path
from typing import NamedTuple

import ase.io
import numpy as np

from scaling import RESULTS, ROOT, read

GRID = 10  # domains along each direction
COPIES = (6, 9, 17, 27)  # not multiples of GRID, so that domains differ
REACH = 5.0  # A, cutoff 4 A and skin 1 A: how far ghosts are from the domain
WIDTH, FORWARD, BACKWARD = 48, 4, 3  # features; exchanges of them, and of their gradients
PER_ATOM = 2 * 3 * 8  # bytes: a ghost's position, and the force on it
SWAPS = 6  # of one exchange: two neighbours along each direction, one after the other
COLLECTIVES = 3  # of a step: neighbour list, errors, guard
# Assumed: MPI over InfiniBand HDR, 64 ranks on a node, all messages leave the node.
LATENCY = 2e-6  # s for a message
BANDWIDTH = 25e9 / 64  # bytes/s of each rank


class Domains(NamedTuple):
    """Of all ranks."""

    atoms: np.ndarray
    ghosts: np.ndarray


class Rates(NamedTuple):
    """s for each own atom, and for each ghost."""

    atom: float
    ghost: float


def count(copies: int) -> Domains:
    """Atoms and ghosts of each domain of ``copies``^3 boxes."""
    box = next(ase.io.iread(ROOT / "md_examples" / "ean.pdb"))
    edge = float(box.cell.lengths()[0])
    side = copies * edge / GRID
    places = box.get_scaled_positions() % 1.0 * edge
    shifts = np.stack(np.meshgrid(*3 * [np.arange(copies)], indexing="ij"), -1).reshape(-1, 3)
    atoms, seen = np.zeros(GRID**3), np.zeros(GRID**3)
    layers = range(-math.ceil(REACH / side), math.ceil(REACH / side) + 1)
    for place in places:
        points = place + edge * shifts
        at = np.minimum((points / side).astype(int), GRID - 1)
        inside = points - side * at
        atoms += np.bincount(number(at), minlength=GRID**3)
        # Along each axis: is the atom within reach of the domain so many further?
        near = [(inside >= k * side - REACH) & (inside < (k + 1) * side + REACH) for k in layers]
        for i, x in enumerate(layers):
            for j, y in enumerate(layers):
                for k, z in enumerate(layers):
                    kept = near[i][:, 0] & near[j][:, 1] & near[k][:, 2]
                    seen += np.bincount(number(at[kept] + [x, y, z]), minlength=GRID**3)
    return Domains(atoms, seen - atoms)


def number(at: np.ndarray) -> np.ndarray:
    """(n,) number of the domain at (n, 3), periodic."""
    x, y, z = (at % GRID).T
    return (x * GRID + y) * GRID + z


def rates() -> Rates:
    """Own atoms from the largest system on one rank; ghosts from what two ranks take more than
    half of that, in the smallest systems, where ghosts are many.
    """
    rows = read(RESULTS / "scaling.json")
    largest = max(rows)
    alone = rows[largest][1]
    atom = alone.seconds * (1.0 - alone.communication) / largest
    more = [
        (row[2].seconds * (1.0 - row[2].communication) - atom * n / 2.0) / row[2].ghosts
        for n, row in rows.items()
        if n > 225 and row[2].ghosts > n / 4.0
    ]
    return Rates(atom, max(0.0, float(np.median(more))))


def messages(ghosts: float) -> float:
    """s of a step that the messages of a rank take."""
    exchanges = FORWARD + BACKWARD
    volume = ghosts * (8 * WIDTH * exchanges + PER_ATOM)
    waiting = SWAPS * (exchanges + 2) + COLLECTIVES * math.ceil(math.log2(GRID**3))
    return volume / BANDWIDTH + waiting * LATENCY


def table(each: Rates) -> str:
    """Markdown: a row for each size."""
    head = [
        "atoms",
        "atoms of a rank, mean (most)",
        "ghosts of a rank",
        "sent, MB per rank and step",
    ]
    head += ["computation, ms", "load: busiest / mean", "messages, ms", "step, ms", "efficiency"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for copies in COPIES:
        atoms, ghosts = count(copies)
        work = 1e3 * (each.atom * atoms + each.ghost * ghosts)
        sent = 1e3 * messages(ghosts.mean())
        step = work.max() + sent
        ideal = 1e3 * each.atom * atoms.mean()
        volume = 1e-6 * ghosts.mean() * (8 * WIDTH * (FORWARD + BACKWARD) + PER_ATOM)
        cells = [f"{225 * copies**3:,}", f"{atoms.mean():,.0f} ({atoms.max():,.0f})"]
        cells += [f"{ghosts.mean():,.0f}", f"{volume:.2f}", f"{work.mean():.1f}"]
        cells += [f"{work.max() / work.mean():.2f}", f"{sent:.1f}", f"{step:.1f}"]
        lines.append(f"| {' | '.join([*cells, f'{100 * ideal / step:.0f} %'])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print and write."""
    each = rates()
    text = f"{1e6 * each.atom:.1f} us for an atom, {1e6 * each.ghost:.1f} us for a ghost\n\n"
    text += table(each)
    Path(RESULTS / "ranks_on_paper.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
