"""Energy and forces: eager, portable and fused; time, kernel launches and memory."""

import statistics
import time
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from physrep.checkpoint import save_checkpoint
from physrep.engines.load import LoadedPotential, load_potential
from physrep.geometry import Geometry, single_geometry
from physrep.neighbors import neighbor_list
from physrep.prediction import predict
from steps.options import Emit, Options
from steps.systems import Case, cases, checkpoint, exported, forms, liquid, measure_all

WARM_UP, AT_MOST = 5, 3.0  # evaluations and seconds: TorchScript compiles in the first ones
SECONDS, QUICK = 0.5, 0.1  # of measuring one number
MOST, LEAST = 30, 3  # evaluations of one number
MOVE = 1e-3  # A, between two evaluations from positions
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch")  # how their names begin


def run(options: Options, emit: Emit) -> None:
    """A row for each size, model and form, the small systems first.

    Raises:
        RuntimeError: no time for any row.
    """
    options.work.mkdir(parents=True, exist_ok=True)
    seconds = QUICK if options.quick else SECONDS

    @cache
    def loaded(model: str, form: str) -> LoadedPotential:
        return load(model, form, options)

    @lru_cache(maxsize=1)
    def system(n_atoms: int) -> System:
        return System(n_atoms, options.device)

    def measure(case: Case) -> dict[str, Any]:
        return measured(system(case.atoms), loaded(case.model, case.form), case, seconds)

    wanted = cases(options.sizes, ["eager", *forms(options.device)])
    measure_all(measure, wanted, "ms", options, emit)


def load(model: str, form: str, options: Options) -> LoadedPotential:
    """eager: the checkpoint, layer by layer in Python; otherwise the exported file."""
    if form != "eager":
        return load_potential(exported(model, form, options.work), options.device)
    path = options.work / f"{model}.ckpt"
    save_checkpoint(checkpoint(model), path)
    return load_potential(path, options.device)


class System:
    """The liquid on the device, and its neighbour lists."""

    def __init__(self, n_atoms: int, device: str) -> None:
        atoms = liquid(n_atoms)
        self.device = torch.device(device)
        self.symbols = atoms.get_chemical_symbols()
        self.positions, self.cell, self.pbc = (
            torch.tensor(x, device=device) for x in (atoms.positions, atoms.cell.array, atoms.pbc)
        )
        self.eager_forces: dict[str, Tensor] = {}  # by model

    def types(self, symbols: list[str]) -> Tensor:
        return torch.tensor([symbols.index(s) for s in self.symbols], device=self.device)

    def edges(self, form: str, cutoff: float, positions: Tensor) -> tuple[Tensor, Tensor]:
        """edge_index and vectors, by the list that files of this form use."""
        if form != "fused":
            found = neighbor_list(positions, self.cell, self.pbc, cutoff)
            return found.edge_index, found.vectors
        ops = torch.ops.physrep
        index, shifts = ops.neighbor_list(positions, self.cell, self.pbc, cutoff)
        return index, ops.edge_vectors(positions, self.cell, index, shifts)

    def geometry(self, positions: Tensor) -> Geometry:
        return single_geometry(positions, self.cell, self.pbc)

    def moved(self) -> Tensor:
        return self.positions + MOVE * torch.randn_like(self.positions)

    def difference(self, case: Case, forces: Tensor) -> float | None:
        """The largest from the eager forces, eV/A; None where these are not known."""
        if case.form == "eager":
            self.eager_forces[case.model] = forces.cpu()
        if case.model not in self.eager_forces:
            return None
        return float((forces.cpu() - self.eager_forces[case.model]).abs().max())


def measured(system: System, loaded: LoadedPotential, case: Case, seconds: float) -> dict[str, Any]:
    """The numbers of one row, as far as memory goes."""
    gpu = system.device.type == "cuda"
    types, energies = system.types(loaded.symbols), loaded.energies
    row: dict[str, Any] = {}

    def from_positions(positions: Tensor) -> None:
        edges = system.edges(case.form, loaded.cutoff, positions)
        predict(energies, types, *edges, geometry=system.geometry(positions))

    try:
        edges = system.edges(case.form, loaded.cutoff, system.positions)
        row["edges"], still = edges[0].shape[1], system.geometry(system.positions)

        def evaluate() -> Tensor:
            return predict(energies, types, *edges, geometry=still).forces

        if gpu:
            torch.cuda.reset_peak_memory_stats()
        row["dF, eV/A"] = system.difference(case, evaluate())
        row["ms"] = milliseconds(evaluate, gpu, seconds)
        row["peak MiB"] = torch.cuda.max_memory_allocated() / 2**20 if gpu else None
        row["launches"] = launches(evaluate) if gpu else None
        row["ms with list"] = milliseconds(lambda: from_positions(system.moved()), gpu, seconds)
    except RuntimeError as error:  # TorchScript turns OutOfMemoryError into this
        if "out of memory" not in str(error):
            raise
        row["note"] = "out of memory"
    if gpu:
        torch.cuda.empty_cache()
    return row


def milliseconds(work: Callable[[], Any], gpu: bool, seconds: float) -> float:
    """Median of as many calls as fit into this time."""
    wait = torch.cuda.synchronize if gpu else lambda: None

    def timed() -> float:
        wait()
        start = time.perf_counter()
        work()
        wait()
        return 1000.0 * (time.perf_counter() - start)

    first = timed()
    start = time.perf_counter()
    for _ in range(WARM_UP - 1):
        first = timed()
        if time.perf_counter() - start > AT_MOST:
            break
    n = max(LEAST, min(MOST, int(1000.0 * seconds / first)))
    return statistics.median(timed() for _ in range(n))


def launches(work: Callable[[], Any]) -> int:
    """Kernels that one call starts."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        work()
        torch.cuda.synchronize()
    return count_launches((event.key, event.count) for event in profiler.key_averages())


def count_launches(events: Iterable[tuple[str, int]]) -> int:
    """Of a profile's events by name; a graph of kernels counts as one launch."""
    return sum(count for name, count in events if name.startswith(LAUNCHES))
