"""The CUDA source of the operators: nvcc compiles it; what it computes is run without a GPU."""

import os
import shutil
import subprocess
from pathlib import Path

import operator_inputs as given
import pytest
import torch
from packaging.version import Version
from repository import REPOSITORY
from test_fused_ops import DTYPES, TOLERANCES, compare
from test_fused_ops import _graph as _graph  # the fixture

from physrep.library import OPERATORS_FILE, find_built

SOURCES = REPOSITORY / "plugin" / "native" / "operators" / "cuda"
TORCH = Path(torch.__file__).parent
# As in plugin/native/CMakeLists.txt: the headers of PyTorch from 2.10 on need C++20.
STANDARD = 20 if Version(torch.__version__) >= Version("2.10") else 17


def nvcc() -> str | None:
    usual = Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "bin" / "nvcc"
    return shutil.which("nvcc") or (str(usual) if usual.is_file() else None)


def compile_or_fail(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "warning" not in done.stderr, done.stderr[-4000:]


@pytest.mark.skipif(nvcc() is None, reason="no nvcc here: neither in PATH nor in CUDA_HOME")
@pytest.mark.parametrize("name", ["attention", "mesh", "messages", "structure_factors"])
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
        ["g++", f"-std=c++{STANDARD}", "-O1", "-fPIC", "-shared", "-Wall", "-Wextra"]
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


def compare_with_processor(emulated, name: str, call, tolerance: float) -> None:
    compare(getattr(emulated, name), getattr(torch.ops.physrep, name), *call, tolerance)


@DTYPES
@given.ATTENTION
def test_attention_weights(emulated, deterministic, graph, dtype, width, heads, softmax, cut):
    call = given.attention_call(graph, dtype, width, heads, softmax, cut)
    compare_with_processor(emulated, "attention_weights", call, TOLERANCES[dtype])


@DTYPES
@given.MESSAGES
def test_messages(emulated, deterministic, graph, dtype, width, heads, n_basis, n_lm, activated):
    call = given.message_call(graph, dtype, width, heads, n_basis, n_lm, activated)
    compare_with_processor(emulated, "messages", call, TOLERANCES[dtype])


@DTYPES
def test_products(emulated, deterministic, graph, dtype):
    compare_with_processor(
        emulated, "products", given.product_call(graph, dtype), TOLERANCES[dtype]
    )


def test_edge_vectors(emulated):
    ours, theirs = (
        lambda *x, f=f: f(*x).sin() for f in (emulated.edge_vectors, torch.ops.physrep.edge_vectors)
    )
    compare(ours, theirs, *given.edge_vector_call(), 1e-12)


@pytest.mark.parametrize("n_atoms", [0, 1, 8, 13])
def test_charges(emulated, n_atoms):
    for name, *call in given.charge_calls(n_atoms):
        for second in (True, False):
            ours, theirs = (
                lambda *x, library=library, name=name: 1e-2 * getattr(library, name)(*x)
                for library in (emulated, torch.ops.physrep)
            )
            compare(ours, theirs, *call, 1e-12, second)


@pytest.mark.parametrize("n_centers", [0, 3])
def test_no_edges(emulated, deterministic, n_centers):
    for name, *call in given.calls_without_edges(n_centers):
        compare_with_processor(emulated, name, call, 1e-12)
