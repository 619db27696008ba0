"""The operators on a GPU against those of the CPU: derivatives, streams, large systems.

Skipped where there is no GPU, or where the installed library was built without CUDA
(``physrep build --cuda``). test_cuda_source.py runs the same source without a GPU.
"""

import operator_inputs as given
import pytest
import torch
from repository import REPOSITORY
from test_fused_ops import DTYPES, TOLERANCES, compare
from test_fused_ops import _graph as _graph  # the fixture
from torch import Tensor

from physrep import ops
from physrep.checkpoint import load_checkpoint
from physrep.geometry import single_geometry
from physrep.neighbors import neighbor_list
from physrep.prediction import predict


def why_not() -> str:
    """Why the tests cannot run here; empty where they can."""
    if not torch.cuda.is_available():
        return "no GPU here"
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    if not (ops.load() and has_kernel("physrep::messages", "CUDA")):
        return "the operators were built without CUDA: run 'physrep build --cuda'"
    return ""


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "runs")


@pytest.fixture(name="deterministic", params=[False, True], ids=["atomic", "deterministic"])
def _deterministic(request, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(request.param)
    yield
    torch.use_deterministic_algorithms(False)


def moved(x, device):
    return x.to(device) if isinstance(x, Tensor) else x


def on_gpu(function):
    """The function with tensors of the CPU in and out, computed on the GPU."""

    def wrapped(*inputs):
        found = function(*(moved(x, "cuda") for x in inputs))
        return tuple(moved(x, "cpu") for x in found) if isinstance(found, tuple) else found.cpu()

    return wrapped


def compare_with_processor(operator, call, tolerance: float) -> None:
    compare(on_gpu(operator), operator, *call, tolerance)


@DTYPES
@given.ATTENTION
def test_attention_weights(deterministic, graph, dtype, width, heads, softmax, cut):
    call = given.attention_call(graph, dtype, width, heads, softmax, cut)
    compare_with_processor(torch.ops.physrep.attention_weights, call, TOLERANCES[dtype])


@DTYPES
@given.MESSAGES
def test_messages(deterministic, graph, dtype, width, heads, n_basis, n_lm, activated):
    call = given.message_call(graph, dtype, width, heads, n_basis, n_lm, activated)
    compare_with_processor(torch.ops.physrep.messages, call, TOLERANCES[dtype])


@DTYPES
def test_products(deterministic, graph, dtype):
    call = given.product_call(graph, dtype)
    compare_with_processor(torch.ops.physrep.products, call, TOLERANCES[dtype])


def test_what_is_pytorchs_own_on_a_gpu():
    """edge_vectors, edge_basis, skip_norm, invariants and vector_products."""
    new = given.random_leaves(torch.float64)
    cases = [
        (torch.ops.physrep.edge_vectors, *given.edge_vector_call()),
        (torch.ops.physrep.edge_basis, [new(30, 3)], (torch.arange(1.0, 5.0).double(), 6.0, 2)),
        (torch.ops.physrep.skip_norm, [new(9, 48), new(9, 48), new(48), new(48)], (1e-6,)),
        (torch.ops.physrep.invariants, [new(9, 8, 16)], ()),
        (torch.ops.physrep.vector_products, *given.vector_product_call(torch.float64, 16)),
    ]
    for operator, inputs, rest in cases:

        def processor(*x, operator=operator):
            found = operator(*x)
            return found[0].sin() if isinstance(found, tuple) else found.sin()

        compare_with_processor(processor, (inputs, rest), 1e-11)


@pytest.mark.parametrize("n_atoms", [0, 1, 8, 225])
def test_charges(n_atoms):
    for name, *call in given.charge_calls(n_atoms):

        def processor(*x, name=name):
            return 1e-2 * getattr(torch.ops.physrep, name)(*x)

        compare_with_processor(processor, call, 1e-12)


@pytest.mark.parametrize("n_centers", [0, 3])
def test_no_edges(deterministic, n_centers):
    for name, *call in given.calls_without_edges(n_centers):
        compare_with_processor(getattr(torch.ops.physrep, name), call, 1e-12)


def large_system(n_centers: int, degree: int, device: str) -> list:
    """weights, values and graph of a system of so many atoms, each with so many neighbours."""
    random = torch.Generator(device).manual_seed(0)
    centers = torch.arange(n_centers, device=device).repeat_interleave(degree)
    neighbors = torch.randint(0, n_centers, centers.shape, generator=random, device=device)
    weights = torch.randn(centers.numel(), 1, generator=random, device=device)
    values = torch.randn(n_centers, 48, generator=random, device=device)
    return [weights, values, centers, neighbors]


def sums(weights, values, centers, neighbors):
    call = torch.ops.physrep.messages
    return call(weights, None, values, None, None, None, centers, neighbors, len(values), 0, 0, 0)


def test_work_is_put_on_the_current_stream():
    """An operator on another stream sees what that stream has written just before."""
    weights, values, centers, neighbors = large_system(20_000, 50, "cuda")
    expected = sums(2.0 * weights, values, centers, neighbors)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    for _ in range(5):
        with torch.cuda.stream(stream):
            torch.cuda._sleep(20_000_000)  # some 10 ms, which a launch elsewhere would not wait for
            found = sums(weights * 2.0, values, centers, neighbors)
        stream.synchronize()
        assert torch.equal(found, expected)


def test_deterministic_sums_are_the_same_in_every_run(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    weights, values, centers, neighbors = large_system(5_000, 50, "cuda")
    torch.use_deterministic_algorithms(True)
    try:
        runs = []
        for _ in range(3):
            leaf = values.clone().requires_grad_(True)
            (slope,) = torch.autograd.grad(sums(weights, leaf, centers, neighbors).sum(), leaf)
            runs.append(slope)
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(runs[0], runs[1])
    assert torch.equal(runs[0], runs[2])


def test_edges_beyond_32_bits():
    """More than 2^31 numbers in one array: the last atoms are summed as they are alone."""
    columns, degree, n_centers = 24, 60, 1_600_000
    if torch.cuda.mem_get_info()[0] < 40 * 2**30:
        pytest.skip("less than 40 GiB of GPU memory free")
    weights, values, centers, neighbors = large_system(n_centers, degree, "cuda")
    features = torch.ones(centers.numel(), columns, device="cuda")
    assert features.numel() > 2**31
    features[:, 1] = torch.linspace(0.5, 1.5, centers.numel(), device="cuda")
    filter = torch.ones(2, 48, device="cuda")
    call = torch.ops.physrep.messages
    n_last = 1000
    found = call(
        weights, None, values, features, filter, None, centers, neighbors, n_centers, 0, 0, 0
    )
    last = slice(-n_last * degree, None)
    own = centers[last] - (n_centers - n_last)
    expected = call(
        weights[last], None, values, features[last], filter, None, own, neighbors[last], n_last,
        0, 0, 0,
    )  # fmt: skip
    torch.testing.assert_close(found[-n_last:], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", ["ean-jat", "ean-jat-short"])
def test_forces_of_the_shipped_potential(name, dtype):
    """Shipped potentials with the operators on the GPU and PyTorch's own on the CPU."""
    import ase.io

    path = REPOSITORY / "plugin" / "physrep" / "pretrained" / f"{name}.ckpt"
    potential = load_checkpoint(path, dtype).potential.requires_grad_(False)
    atoms = ase.io.read(REPOSITORY / "md_examples" / "ean.pdb")
    types = torch.tensor([potential.species.index(int(z)) for z in atoms.numbers])
    positions, cell, pbc = (torch.tensor(x) for x in (atoms.positions, atoms.cell.array, atoms.pbc))
    plain = neighbor_list(positions, cell, pbc, potential.cutoff)
    place = single_geometry(positions, cell, pbc)
    expected = predict(potential, types, plain.edge_index, plain.vectors, geometry=place)
    potential.use_ops("fused").to("cuda")
    on_device = [x.to("cuda") for x in (positions, cell, pbc)]
    index, shifts = torch.ops.physrep.neighbor_list(*on_device, potential.cutoff)
    vectors = torch.ops.physrep.edge_vectors(*on_device[:2], index, shifts)
    place = single_geometry(*on_device)
    ours = predict(potential, types.to("cuda"), index, vectors, geometry=place)
    tolerance = 1e-10 if dtype == torch.float64 else 2e-4
    torch.testing.assert_close(ours.energy.cpu(), expected.energy, rtol=tolerance, atol=0.0)
    torch.testing.assert_close(ours.forces.cpu(), expected.forces, rtol=0.0, atol=tolerance)
