"""The CUDA source of the operators: nvcc compiles it; what it computes is run without a GPU."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from repository import REPOSITORY
from test_fused_ops import DTYPES, N_ATOMS, N_CENTERS, TOLERANCES, compare, random_leaves
from test_fused_ops import _graph as _graph  # the fixture

from physrep.library import OPERATORS_FILE, find_built

SOURCES = REPOSITORY / "plugin" / "native" / "operators" / "cuda"
TORCH = Path(torch.__file__).parent


def nvcc() -> str | None:
    usual = Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "bin" / "nvcc"
    return shutil.which("nvcc") or (str(usual) if usual.is_file() else None)


def compile_or_fail(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "warning" not in done.stderr, done.stderr[-4000:]


@pytest.mark.skipif(nvcc() is None, reason="no nvcc here: neither in PATH nor in CUDA_HOME")
@pytest.mark.parametrize("name", ["attention", "messages"])
def test_nvcc_compiles_the_kernels(name, tmp_path):
    source, out = SOURCES / f"{name}.cu", tmp_path / f"{name}.o"
    target = ["-gencode", "arch=compute_90,code=sm_90", "-Xcompiler", "-Wall,-Wextra"]
    target += ["-Xptxas", "-O0"]  # half the time
    compile_or_fail([nvcc(), "-std=c++17", *target, "-c", str(source), "-o", str(out)])
    assert out.stat().st_size > 0


@pytest.fixture(name="emulated", scope="module")
def _emulated(tmp_path_factory):
    """The operators for GPUs, their lanes taking turns on the processor."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ here")
    library, out = (
        find_built(OPERATORS_FILE),
        tmp_path_factory.mktemp("emulated") / "libemulated.so",
    )
    include = TORCH / "include"
    compile_or_fail(
        ["g++", "-std=c++17", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra"]
        + [f"-isystem{include}", f"-isystem{include / 'torch/csrc/api/include'}"]
        + [str(SOURCES / "emulated.cpp"), "-o", str(out), str(library)]
        + [f"-L{TORCH / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{library.parent}"]
    )
    torch.ops.load_library(out)
    return torch.ops.physrep_emulated


@pytest.fixture(name="deterministic", params=[False, True], ids=["atomic", "deterministic"])
def _deterministic(request):
    torch.use_deterministic_algorithms(request.param)
    yield
    torch.use_deterministic_algorithms(False)


@DTYPES
@pytest.mark.parametrize(
    ("width", "heads", "softmax", "cut"),
    [(48, 1, True, False), (16, 1, False, True), (10, 3, True, True), (7, 2, False, True)],
)
def test_attention_weights(emulated, deterministic, graph, dtype, width, heads, softmax, cut):
    new, n_edges = random_leaves(dtype), graph[0].numel()
    envelope = torch.rand(n_edges, dtype=dtype).requires_grad_(True) if cut else None
    inputs = [new(N_ATOMS, width), new(N_CENTERS, width), new(width, heads), new(n_edges, 6)]
    inputs += [new(4, heads), envelope, new(heads) if softmax else None]
    own, processor = emulated.attention_weights, torch.ops.physrep.attention_weights
    compare(own, processor, inputs, (*graph, softmax, 0.7), TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize(
    ("width", "heads", "n_basis", "n_lm", "activated"),
    [
        (48, 1, 0, 0, False),
        (48, 1, 10, 0, False),
        (16, 1, 10, 8, False),
        (16, 1, 0, 8, False),
        (12, 3, 5, 0, False),
        (32, 2, 16, 0, True),
        (10, 1, 3, 3, False),
        (10, 1, 3, 3, True),
    ],
)
def test_messages(emulated, deterministic, graph, dtype, width, heads, n_basis, n_lm, activated):
    new, n_edges = random_leaves(dtype), graph[0].numel()
    own = None if n_lm else new(N_CENTERS, heads)
    inputs = [new(n_edges, heads), own, new(N_ATOMS, width)]
    inputs += [new(n_edges, n_basis + n_lm + 2) if n_basis + n_lm else None]
    inputs += [new(n_basis, width) if n_basis else None, new(width) if activated else None]
    rest = (*graph, N_CENTERS, 1, n_basis + 1, n_lm)
    compare(emulated.messages, torch.ops.physrep.messages, inputs, rest, TOLERANCES[dtype])


@DTYPES
def test_products(emulated, deterministic, graph, dtype):
    new, n_edges = random_leaves(dtype), graph[0].numel()
    inputs = [new(N_CENTERS, 32), new(N_ATOMS, 32), new(n_edges, 8), new(6, 32), new(32)]
    ours, theirs = emulated.products, torch.ops.physrep.products
    compare(ours, theirs, inputs, (*graph, 2), TOLERANCES[dtype])


def test_edge_vectors(emulated):
    new = random_leaves(torch.float64)
    index = torch.randint(0, 9, (2, 40), generator=torch.Generator().manual_seed(0))
    shifts = torch.randint(-2, 3, (40, 3), generator=torch.Generator().manual_seed(1))
    ours, theirs = (
        lambda *x, f=f: f(*x).sin() for f in (emulated.edge_vectors, torch.ops.physrep.edge_vectors)
    )
    compare(ours, theirs, [new(9, 3), new(3, 3)], (index, shifts), 1e-12)


@pytest.mark.parametrize("n_centers", [0, 3])
def test_no_edges(emulated, deterministic, n_centers):
    new, none = random_leaves(torch.float64), torch.zeros(0, dtype=torch.int64)
    inputs = [new(n_centers, 16), new(n_centers, 16), new(16, 1), new(0, 2), new(2, 1), None]
    rest = (none, none, True, 1.0)
    own, processor = emulated.attention_weights, torch.ops.physrep.attention_weights
    compare(own, processor, [*inputs, new(1)], rest, 1e-12)
    inputs = [new(0, 1), new(n_centers, 1), new(n_centers, 16), None, None, None]
    rest = (none, none, n_centers, 0, 0, 0)
    compare(emulated.messages, torch.ops.physrep.messages, inputs, rest, 1e-12)
