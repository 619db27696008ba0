"""The fused kernels compared with what the processor can do: results/roofline.md.

    python benchmarks/roofline.py

One thread, float32, the edges of ethylammonium nitrate (225 atoms). Operations are counted from the
equations, one for each addition, multiplication, comparison or reciprocal step of a feature. Bytes
are those that any implementation has to move: what is stored once for each edge. The rows of the
atoms (43 kB of 48 features) stay in the second-level cache.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch starts its threads

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ase.io
import torch

import physrep.ops
from environments import processor
from physrep.engines.heap import keep_heap
from physrep.models.neuralil import Descriptors
from physrep.neighbors import Neighbors, neighbor_list

HERE = Path(__file__).resolve().parent
STRUCTURE = HERE.parent / "md_examples" / "ean.pdb"
REPEATS = 200
N_BASIS, N_HARMONICS, CHANNELS, WIDTH = 10, 8, 16, 48


class Part(NamedTuple):
    """A kernel: operations and bytes of an edge, forward and backward, and how to run it."""

    name: str
    cutoff: float  # A
    operations: tuple[int, int]
    bytes: tuple[int, int]
    make: Callable[[torch.Tensor, Neighbors], Callable[[], torch.Tensor]]  # types -> forward()


def leaf(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, requires_grad=True)


def attention(width: int, columns: int, softmax: bool) -> Callable:
    def make(types: torch.Tensor, edges: Neighbors) -> Callable[[], torch.Tensor]:
        n, index = len(types), edges.edge_index
        features, envelope = leaf(index.shape[1], columns), torch.rand(index.shape[1])
        sent, received = leaf(n, width), leaf(n, width)
        vector, slopes = torch.randn(width, 1), torch.randn(columns, 1)
        bias = torch.zeros(1) if softmax else None
        return lambda: torch.ops.physrep.attention_weights(
            sent, received, vector, features, slopes, envelope, bias, *index, softmax, 1.0
        )[0]

    return make


def messages(width: int, filtered: bool, harmonics: int) -> Callable:
    def make(types: torch.Tensor, edges: Neighbors) -> Callable[[], torch.Tensor]:
        n, index = len(types), edges.edge_index
        n_edges = index.shape[1]
        features = leaf(n_edges, N_BASIS + harmonics) if filtered else None
        matrix = torch.randn(N_BASIS, width) if filtered else None
        weights, values = leaf(n_edges, 1), leaf(n, width)
        rest = (*index, n, 0, N_BASIS if harmonics else 0, harmonics)
        return lambda: torch.ops.physrep.messages(
            weights, None, values, features, matrix, None, *rest
        )

    return make


def power_spectrum(degree: int, cutoff: float) -> Callable:
    def make(types: torch.Tensor, edges: Neighbors) -> Callable[[], torch.Tensor]:
        n_types = int(types.max()) + 1
        radial = Descriptors(n_types, degree, cutoff).radial
        vectors = edges.vectors.float().requires_grad_(True)
        given = types, *edges.edge_index, len(types), radial.roots, radial.mixing
        return lambda: torch.ops.physrep.power_spectrum(vectors, *given, cutoff, n_types, degree)

    return make


# Sigmoid from two stored exponentials: product, sum, reciprocal (3); swish: sum, product; a: 2.
FORWARD, BACKWARD = 9, 13
INDEX = 16  # bytes of two int64
SPECTRUM = 20 * 49 + 30 * 3 + 50 * 2 + 125 + 55 * 2 + 15
PARTS = [
    Part(
        "attention, 48 features, softmax (JAT as published)",
        5.0,
        (FORWARD * WIDTH + 17, BACKWARD * WIDTH + 15),
        (INDEX + 4 * 4, INDEX + 5 * 4),
        attention(WIDTH, 1, True),
    ),
    Part(
        "messages, 48 features (JAT as published)",
        5.0,
        (2 * WIDTH, 4 * WIDTH),
        (INDEX + 4, INDEX + 2 * 4),
        messages(WIDTH, False, 0),
    ),
    Part(
        "attention, 16 features, gate, 10 basis functions (ean-jat-short)",
        4.0,
        (FORWARD * CHANNELS + 2 * N_BASIS + 12, BACKWARD * CHANNELS + 4 * N_BASIS + 12),
        (INDEX + 4 * (N_BASIS + 3), INDEX + 4 * (2 * N_BASIS + 4)),
        attention(CHANNELS, N_BASIS, False),
    ),
    Part(
        "messages, 48 features, filter of 10 (ean-jat-short)",
        4.0,
        ((2 * N_BASIS + 3) * WIDTH, (4 * N_BASIS + 6) * WIDTH),
        (INDEX + 4 * (N_BASIS + 1), INDEX + 4 * (2 * N_BASIS + 2)),
        messages(WIDTH, True, 0),
    ),
    Part(
        "angular moments, 16 channels, 8 harmonics (ean-jat-short)",
        4.0,
        (
            (2 * N_BASIS + 2 + 2 * N_HARMONICS) * CHANNELS,
            (4 * N_BASIS + 6 + 4 * N_HARMONICS) * CHANNELS,
        ),
        (INDEX + 4 * (N_BASIS + N_HARMONICS + 1), INDEX + 8 * (N_BASIS + N_HARMONICS + 1)),
        messages(CHANNELS, True, N_HARMONICS),
    ),
    # Of degree 4: 20 sines with cosines (49 each), 30 steps of the recursion (3), 50 products with
    # the mixing matrix (2), harmonics (125), 55 terms (2), vectors (15). The backward pass does
    # that twice, the second time with slopes (180), then 55 terms (5) and the harmonics (220).
    Part(
        "power spectrum, degree 4 (NeuralIL as published)",
        3.5,
        (SPECTRUM, 2 * SPECTRUM + 180 + 3 * 55 + 220),
        (INDEX + 3 * 4, INDEX + 6 * 4),
        power_spectrum(4, 3.5),
    ),
]


def fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of REPEATS runs: what is left when nothing else runs."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def peak() -> float:
    """Operations per second of a product of matrices of 384 x 384: less than a millisecond."""
    a, b = torch.randn(384, 384), torch.randn(384, 384)
    out = torch.empty_like(a)
    return 2.0 * 384**3 / fastest(lambda: torch.mm(a, b, out=out))


def bandwidth() -> float:
    """Bytes per second of a = b + c on arrays of 64 MB, far beyond the caches."""
    a, b, c = (torch.ones(16 * 2**20) for _ in range(3))
    return 3.0 * 4 * a.numel() / fastest(lambda: torch.add(b, c, out=a))


def measure(part: Part) -> list[dict]:
    """Forward and backward of one part."""
    *_, atoms = ase.io.iread(STRUCTURE)
    arguments = (atoms.positions, atoms.cell.array, atoms.pbc)
    positions, cell, pbc = (torch.from_numpy(array) for array in arguments)
    edges = neighbor_list(positions, cell, pbc, part.cutoff)
    types = torch.unique(torch.from_numpy(atoms.numbers), return_inverse=True)[1]
    forward = part.make(types, edges)
    cotangent = torch.randn_like(forward())
    both = fastest(lambda: forward().backward(cotangent))
    with torch.no_grad():
        first = fastest(forward)
    rows = []
    for name, seconds, k in (("forward", first, 0), ("backward", both - first, 1)):
        rows.append(
            {
                "part": part.name,
                "pass": name,
                "ns_per_edge": 1e9 * seconds / len(edges.vectors),
                "operations": part.operations[k],
                "bytes": part.bytes[k],
            }
        )
    return rows


def table(rows: list[dict], flops: float, rate: float) -> str:
    """Markdown."""
    lines = [
        (
            f"{flops / 1e9:.0f} GFLOP/s (product of matrices), {rate / 1e9:.1f} GB/s (sum of "
            f"arrays), one thread of {processor()}, torch {torch.__version__}, float32."
        ),
        "",
        (
            "| kernel | pass | operations/edge | bytes/edge | ns/edge | limit, ns/edge | GFLOP/s "
            "| share of the limit |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        limit = 1e9 * max(row["operations"] / flops, row["bytes"] / rate)
        lines.append(
            f"| {row['part']} | {row['pass']} | {row['operations']} | {row['bytes']} "
            f"| {row['ns_per_edge']:.1f} | {limit:.1f} "
            f"| {row['operations'] / row['ns_per_edge']:.0f} | {limit / row['ns_per_edge']:.0%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    physrep.ops.require("this benchmark")
    keep_heap(torch.empty(0))
    torch.manual_seed(0)
    flops, rate = peak(), bandwidth()
    rows = [row for part in PARTS for row in measure(part)]
    text = table(rows, flops, rate)
    (HERE / "results" / "roofline.md").write_text(text)
    machine = {"processor": processor(), "torch": torch.__version__}
    found = {"machine": machine, "flops": flops, "bytes_per_s": rate, "rows": rows}
    (HERE / "results" / "roofline.json").write_text(json.dumps(found, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
