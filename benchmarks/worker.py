"""One contender in its own process and environment: answers every request with times.

    python worker.py CONTENDER[:VARIANT] STRUCTURE COPIES THREADS

Reads numbers from stdin: for N it does N evaluations after one that does not count, each with moved
atoms, and answers with their milliseconds and the peak resident MB of the process so far. The
contender's module in ``contenders/`` has ``prepare(atoms, variant) -> step``;
``step(positions)`` computes energy (eV) and forces (eV/A).
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
MOVE = 1e-3  # A, so that no result can come from a cache
WARM_UP = 4  # evaluations; compilers need some


def main(contender: str, structure: str, copies: str) -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # packages print to stdout, from C++ too
    import ase.io

    def answer(**values: object) -> None:
        """One line of JSON to whoever started this process."""
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    *_, atoms = ase.io.iread(structure)
    atoms = atoms.repeat([int(n) for n in copies.split("x")])
    name, _, variant = contender.partition(":")
    step = importlib.import_module(f"contenders.{name}").prepare(atoms, variant)
    rng = np.random.default_rng(0)

    def timed() -> float:
        positions = atoms.positions + MOVE * rng.standard_normal((len(atoms), 3))
        start = time.perf_counter()
        energy, forces = step(positions)
        elapsed = 1000.0 * (time.perf_counter() - start)
        if not (np.isfinite(energy) and np.shape(forces) == (len(atoms), 3)):
            raise RuntimeError(f"energy {energy}, forces of shape {np.shape(forces)}")
        return elapsed

    for _ in range(WARM_UP):
        timed()
    answer(ready=True, n_atoms=len(atoms))
    for line in sys.stdin:
        timed()  # the caches hold other processes' data, and their threads may still spin
        times = [timed() for _ in range(int(line))]
        answer(ms=times, peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)


if __name__ == "__main__":
    cores = int(sys.argv[4])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])  # works for every contender
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(cores)
    os.environ.pop("OMP_WAIT_POLICY", None)  # passive waiting costs 20 us in every parallel loop
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if cores > 1 else 'false'}"
    sys.path.insert(0, str(HERE))
    main(*sys.argv[1:4])
