"""The compiled operators against the same equations in PyTorch, up to second derivatives."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from operator_inputs import (
    ATTENTION,
    MESSAGES,
    N_ATOMS,
    N_CENTERS,
    attention_call,
    message_call,
    product_call,
    random_leaves,
    vector_product_call,
)
from torch import Tensor

from physrep import ops
from physrep.neighbors import edge_vectors, neighbor_list
from physrep.nn.activations import swish
from physrep.nn.neighbor_softmax import neighbor_softmax
from physrep.nn.scatter import sum_edges
from physrep.ops.invariants import PortableInvariants
from physrep.ops.neighbor_list import FusedNeighborList
from physrep.ops.norm_swish import PortableNormSwish
from physrep.ops.vector_products import PortableVectorProducts

DEGREE = 5
TOLERANCES = {torch.float64: 1e-12, torch.float32: 2e-5}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCES, ids=str)


@pytest.fixture(name="graph")
def _graph() -> tuple[Tensor, Tensor]:
    """Centres (some without edges) and neighbours, of which the last are ghosts."""
    random = torch.Generator().manual_seed(0)
    centers = torch.randint(0, N_CENTERS, (N_CENTERS * DEGREE,), generator=random)
    neighbors = torch.randint(0, N_ATOMS, (N_CENTERS * DEGREE,), generator=random)
    return torch.sort(centers).values, neighbors


def attention(sent, received, vector, features, slopes, envelope, self_bias, i, j, softmax, scale):
    """The equations of native/operators/attention_kernel.h."""
    logits = swish(sent[j] + received[i]) @ vector + features[:, : slopes.size(0)] @ slopes
    if softmax:
        self_logits = swish(sent[: received.size(0)] + received) @ vector + self_bias
        return neighbor_softmax(logits, self_logits, i, envelope)
    return swish(logits) * (envelope * scale).unsqueeze(-1), logits[:0]


def messages(
    weights,
    self_weights,
    values,
    features,
    filter,
    bias,
    i,
    j,
    n,
    basis_start,
    harmonics_start,
    n_lm,
):
    """The equations of native/operators/message_kernel.h."""
    sent = values[j] * weights.repeat_interleave(values.size(1) // weights.size(1), dim=1)
    if filter is not None:
        factor = features[:, basis_start : basis_start + filter.size(0)] @ filter
        sent = sent * (factor if bias is None else swish(factor + bias))
    if n_lm > 0:
        harmonics = features[:, harmonics_start : harmonics_start + n_lm]
        sent = sent.unsqueeze(1) * harmonics.unsqueeze(2)
    sums = sum_edges(sent, i, n)
    if self_weights is None:
        return sums
    heads = values.size(1) // weights.size(1)
    return sums + values[:n] * self_weights.repeat_interleave(heads, dim=1)


def products(query, key, features, filter, bias, i, j, heads):
    """sum over each head of q_i k_j swish(B W + b)."""
    factor = swish(features[:, : filter.size(0)] @ filter + bias)
    return (query[i] * key[j] * factor).view(i.numel(), heads, -1).sum(dim=2)


def orders(function, inputs: list, rest: tuple, second: bool) -> list[Tensor]:
    """Values, gradients and (with `second`) gradients of a function of the gradients."""
    torch.manual_seed(5)
    leaves = [x for x in inputs if x is not None]
    found = function(*inputs, *rest)
    values = list(found) if isinstance(found, tuple) else [found]
    total = sum((v * torch.randn(v.shape, dtype=v.dtype)).sum() for v in values)
    first = torch.autograd.grad(total, leaves, create_graph=second)
    if not second:
        return [*values, *first]
    total = sum((g.sin() * torch.randn(g.shape, dtype=g.dtype)).sum() for g in first)
    more = torch.autograd.grad(total, leaves, materialize_grads=True)
    return [*values, *first, *more]


def compare(fused, portable, inputs: list, rest: tuple, tolerance: float, second=True) -> None:
    ours, theirs = (orders(function, inputs, rest, second) for function in (fused, portable))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        if b.numel() > 0:
            assert float((a - b).abs().max().detach()) <= tolerance * float(b.abs().max().detach())


@DTYPES
@ATTENTION
def test_attention_weights(graph, dtype, width, heads, softmax, cut):
    call = attention_call(graph, dtype, width, heads, softmax, cut)
    compare(torch.ops.physrep.attention_weights, attention, *call, TOLERANCES[dtype])


@pytest.mark.parametrize("level", [-300.0, 300.0])
def test_softmax_of_logits_far_from_zero(graph, level):
    """The largest logit is an edge's or the atom's own, never a zero that fills a vector up."""
    new, n_edges = random_leaves(torch.float64), graph[0].numel()
    inputs = [new(N_ATOMS, 48), new(N_CENTERS, 48), new(48, 1)]
    inputs += [torch.ones(n_edges, 1).double().requires_grad_(True)]
    far = torch.full((1, 1), level).double().requires_grad_(True)
    inputs += [far, None, far[0].detach().requires_grad_(True)]
    fused = torch.ops.physrep.attention_weights
    compare(fused, attention, inputs, (*graph, True, 1.0), 1e-10)


@DTYPES
@MESSAGES
def test_messages(graph, dtype, width, heads, n_basis, n_lm, activated):
    call = message_call(graph, dtype, width, heads, n_basis, n_lm, activated)
    compare(torch.ops.physrep.messages, messages, *call, TOLERANCES[dtype])


@DTYPES
def test_products(graph, dtype):
    call = product_call(graph, dtype)
    compare(torch.ops.physrep.products, products, *call, TOLERANCES[dtype])


@DTYPES
@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("width", [12, 48], ids=["PyTorch's operators", "kernel"])
def test_skip_norm(dtype, normed, width):
    new = random_leaves(dtype)
    inputs = [new(7, width), new(7, width), *([new(width), new(width)] if normed else [None] * 2)]

    def portable(message, own, weight, bias, eps):
        new = swish(message) + own
        return new if weight is None else F.layer_norm(new, (width,), weight, bias, eps)

    for second in (True, False):
        fused = torch.ops.physrep.skip_norm
        compare(fused, portable, inputs, (1e-6,), 10 * TOLERANCES[dtype], second)


@DTYPES
@pytest.mark.parametrize("second", [True, False])
@pytest.mark.parametrize("width", [12, 48, 272], ids=["no whole vectors", "kernel", "too wide"])
def test_norm_swish(dtype, width, second):
    new = random_leaves(dtype)
    inputs = [new(7, width), new(width), new(width)]
    portable, tolerance = PortableNormSwish(1e-6), 10 * TOLERANCES[dtype]
    fused = torch.ops.physrep.norm_swish
    compare(fused, lambda *x: portable(*x[:3]), inputs, (1e-6,), tolerance, second)


@pytest.mark.parametrize("n_atoms", [20, 2000], ids=["kept", "computed again"])
def test_gradients_of_few_and_of_many_atoms(n_atoms):
    """First derivatives alone, as MD takes them: nothing is kept for second ones."""
    new = random_leaves(torch.float64)
    width, n_edges = 48, 4 * n_atoms
    assert (n_atoms * width * 8 > 2**19) == (n_atoms == 2000)  # the bound of saving.h
    i, j = torch.arange(n_edges) // 4, torch.randint(0, n_atoms, (n_edges,))

    def portable(message, own, weight, bias, eps):
        return F.layer_norm(swish(message) + own, (width,), weight, bias, eps)

    inputs = [new(n_atoms, width), new(n_atoms, width), new(width), new(width)]
    compare(torch.ops.physrep.skip_norm, portable, inputs, (1e-6,), 1e-12, second=False)
    inputs = [new(n_atoms, width), new(n_atoms, width), new(width, 1), new(n_edges, 2)]
    inputs += [new(2, 1), None, new(1)]
    fused = torch.ops.physrep.attention_weights
    compare(fused, attention, inputs, (i, j, True, 1.0), 1e-12, second=False)


def test_skip_norm_of_inputs_that_depend_on_each_other():
    def chain(operator):
        own = torch.linspace(-1.0, 2.0, 12, dtype=torch.float64).view(3, 4).requires_grad_(True)
        out = operator(torch.tanh(own) * own, own)
        (slope,) = torch.autograd.grad(out.sin().sum(), own, create_graph=True)
        return [slope, *torch.autograd.grad((slope**2).sum(), own)]

    fused = chain(lambda m, own: torch.ops.physrep.skip_norm(m, own, None, None, 0.0))
    for found, expected in zip(fused, chain(lambda m, own: swish(m) + own), strict=True):
        np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-12)


@DTYPES
@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("channels", [5, 16], ids=["PyTorch's operators", "kernel"])
@pytest.mark.parametrize("second", [True, False])
def test_invariants(dtype, degree, channels, second):
    x = [random_leaves(dtype)(7, degree * (degree + 2), channels)]
    fused = torch.ops.physrep.invariants
    compare(fused, PortableInvariants(), x, (), 10 * TOLERANCES[dtype], second)


@DTYPES
@pytest.mark.parametrize("channels", [16, 32, 5])
@pytest.mark.parametrize("second", [True, False])
def test_vector_products(dtype, channels, second):
    """5 channels do not fill whole vectors of the processor: PyTorch's own operators."""
    x, rest = vector_product_call(dtype, channels)
    portable, tolerance = PortableVectorProducts(), 10 * TOLERANCES[dtype]
    compare(torch.ops.physrep.vector_products, portable, x, rest, tolerance, second)


def test_vector_products_of_a_thousand_atoms_and_none():
    for n in (1000, 0):
        x, _ = vector_product_call(torch.float64, 16, n)
        for found, expected in zip(
            torch.ops.physrep.vector_products(*x), PortableVectorProducts()(*x), strict=True
        ):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_gradcheck_and_gradgradcheck(graph):
    new, n_edges = random_leaves(torch.float64), graph[0].numel()
    inputs = (new(N_ATOMS, 5), new(N_CENTERS, 5), new(5, 2), new(n_edges, 3), new(3, 2))
    envelope, bias = torch.rand(n_edges, dtype=torch.float64).requires_grad_(True), new(2)

    def weights(*x):
        return torch.ops.physrep.attention_weights(*x, *graph, True, 1.0)

    def sums(w, v, features, filter):
        rest = (*graph, N_CENTERS, 0, 2, 3)
        return torch.ops.physrep.messages(w, None, v, features, filter, None, *rest)

    for function, x in (
        (weights, (*inputs, envelope, bias)),
        (sums, (new(n_edges, 1), new(N_ATOMS, 3), new(n_edges, 5), new(2, 3))),
    ):
        assert torch.autograd.gradcheck(function, x, fast_mode=True)
        assert torch.autograd.gradgradcheck(function, x, fast_mode=True)


def test_third_derivatives_are_refused(graph):
    weights = torch.rand(graph[0].numel(), 1, dtype=torch.float64).requires_grad_(True)
    values = torch.rand(N_ATOMS, 4, dtype=torch.float64).requires_grad_(True)
    rest = (None, None, None, *graph, N_CENTERS, 0, 0, 0)
    total = torch.ops.physrep.messages(weights, None, values, *rest).sin().sum()
    (first,) = torch.autograd.grad(total, weights, create_graph=True)
    with pytest.raises(RuntimeError, match="no third derivatives"):
        torch.autograd.grad(first.sin().sum(), values, create_graph=True)


def test_same_numbers_every_time_and_on_every_number_of_threads():
    centers = torch.arange(200).repeat_interleave(30)
    neighbors = torch.randint(0, 200, centers.shape, generator=torch.Generator().manual_seed(0))
    new = random_leaves(torch.float32)
    weights, values = new(centers.numel(), 1), new(200, 48)
    rest = (None, None, None, centers, neighbors, 200, 0, 0, 0)
    n_threads = torch.get_num_threads()
    found = {}
    for n in (1, 2, 2):
        torch.set_num_threads(n)
        total = torch.ops.physrep.messages(weights, None, values, *rest).square().sum()
        found.setdefault(n, []).append(torch.autograd.grad(total, values)[0])
    torch.set_num_threads(n_threads)
    assert torch.equal(*found[2])
    assert torch.allclose(found[1][0], found[2][0], rtol=1e-5, atol=1e-4)


def test_wrong_shapes_are_refused(graph):
    new = random_leaves(torch.float64)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        torch.ops.physrep.attention_weights(
            *(new(N_ATOMS, 4), new(N_CENTERS, 4), new(5, 1), new(graph[0].numel(), 1)),
            *(new(1, 1), None, new(1), *graph, True, 1.0),
        )
    with pytest.raises(RuntimeError, match="weights has"):
        torch.ops.physrep.messages(
            new(3, 1), None, new(N_ATOMS, 4), None, None, None, *graph, N_CENTERS, 0, 0, 0
        )


def test_neighbor_lists_hold_the_same_edges():
    random = np.random.default_rng(0)
    for pbc in np.ndindex(2, 2, 2):
        cell = torch.from_numpy(random.normal(size=(3, 3)) + 5.0 * np.eye(3))
        positions = torch.from_numpy(random.normal(size=(40, 3)) * 6.0)
        structure = (positions, cell, torch.tensor(pbc, dtype=torch.bool))
        ours, theirs = FusedNeighborList(3.3)(*structure), neighbor_list(*structure, 3.3)
        edges = [
            set(map(tuple, torch.cat([n.edge_index.t(), n.shifts], dim=1).tolist()))
            for n in (ours, theirs)
        ]
        assert edges[0] == edges[1]
        assert len(edges[0]) == ours.edge_index.size(1)
        assert bool((ours.edge_index[0].diff() >= 0).all())


@pytest.mark.parametrize("simd", ["avx2", "baseline"])
def test_lesser_instruction_sets_give_the_same(simd, tmp_path):
    script = (
        "import sys, torch, physrep.ops; torch.manual_seed(0)\n"
        "i = torch.arange(9).repeat_interleave(6); j = torch.randint(0, 9, i.shape)\n"
        "w, v = torch.randn(54, 1), torch.randn(9, 48); s = torch.randn(54, 1)\n"
        "found = torch.ops.physrep.attention_weights(v, v, v[:1].t(), s, w[:1], None, w[0], i, j,"
        " True, 1.0)[0]\n"
        "f, q = torch.randn(37, 3).double(), torch.randn(37).double().requires_grad_()\n"
        "n = torch.cartesian_prod(*[torch.arange(-3, 4)] * 3)\n"
        "sums = torch.ops.physrep.structure_factors(f, q, n)\n"
        "slopes = torch.autograd.grad(sums.square().sum(), q)[0]\n"
        "torch.save([found, sums, slopes], sys.argv[1])"
    )
    made = []
    for name in ("", simd):
        path = tmp_path / f"{name or 'best'}.pt"
        environment = {**os.environ, "PHYSREP_SIMD": name}
        subprocess.run([sys.executable, "-c", script, str(path)], check=True, env=environment)
        made.append(torch.load(path, weights_only=True))
    for best, lesser in zip(*made, strict=True):
        rtol = 1e-5 if best.dtype == torch.float32 else 1e-12
        assert torch.allclose(best, lesser, rtol=rtol, atol=1e-7 if rtol > 1e-9 else 1e-10)


def test_missing_operators_are_refused_with_advice(monkeypatch):
    monkeypatch.setattr("physrep.ops.loading.load", lambda: False)
    with pytest.raises(
        ops.OperatorsMissing, match=r"ean\.pt needs .*physrep build.*--ops portable"
    ):
        ops.require("ean.pt")


def test_edge_vectors_and_their_derivatives():
    random = np.random.default_rng(1)
    cell = torch.from_numpy(random.normal(size=(3, 3)) + 5.0 * np.eye(3)).requires_grad_(True)
    positions = torch.from_numpy(random.normal(size=(12, 3)) * 4.0).requires_grad_(True)
    found = neighbor_list(positions, cell, torch.ones(3, dtype=torch.bool), 3.3)
    rest = (found.edge_index, found.shifts)
    ours, theirs = (
        lambda *x, f=f: f(*x).sin() for f in (torch.ops.physrep.edge_vectors, edge_vectors)
    )
    compare(ours, theirs, [positions, cell], rest, 1e-12)
    slopes = [
        torch.autograd.grad(f(positions, cell, *rest).sum(), positions)[0] for f in (ours, theirs)
    ]
    torch.testing.assert_close(*slopes, rtol=0.0, atol=1e-12)
