"""What the operators are called with in the tests: on CPUs, on GPUs and without a GPU."""

import pytest
import torch
from torch import Tensor

N_CENTERS, N_ATOMS = 13, 17  # the last atoms are ghosts

ATTENTION = pytest.mark.parametrize(
    ("width", "heads", "softmax", "cut"),
    [(48, 1, True, False), (16, 1, False, True), (10, 3, True, True), (7, 2, False, True)],
)
MESSAGES = pytest.mark.parametrize(
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
Call = tuple[list, tuple]  # tensors with derivatives (None where absent), and the other arguments


def random_leaves(dtype: torch.dtype):
    torch.manual_seed(1)
    return lambda *shape: torch.randn(*shape, dtype=dtype).requires_grad_(True)


def attention_call(graph, dtype, width: int, heads: int, softmax: bool, cut: bool) -> Call:
    """Of attention_weights; cut: with an envelope."""
    new, n_edges = random_leaves(dtype), graph[0].numel()
    envelope = torch.rand(n_edges, dtype=dtype).requires_grad_(True) if cut else None
    inputs = [new(N_ATOMS, width), new(N_CENTERS, width), new(width, heads), new(n_edges, 6)]
    inputs += [new(4, heads), envelope, new(heads) if softmax else None]
    return inputs, (*graph, softmax, 0.7)


def message_call(
    graph, dtype, width: int, heads: int, n_basis: int, n_lm: int, activated: bool
) -> Call:
    """Of messages; n_basis: rows of the filter; n_lm: harmonics; activated: a swish follows."""
    new, n_edges = random_leaves(dtype), graph[0].numel()
    own = None if n_lm else new(N_CENTERS, heads)
    inputs = [new(n_edges, heads), own, new(N_ATOMS, width)]
    inputs += [new(n_edges, n_basis + n_lm + 2) if n_basis + n_lm else None]
    inputs += [new(n_basis, width) if n_basis else None, new(width) if activated else None]
    return inputs, (*graph, N_CENTERS, 1, n_basis + 1, n_lm)


def product_call(graph, dtype) -> Call:
    """Of products, with two heads."""
    new, n_edges = random_leaves(dtype), graph[0].numel()
    inputs = [new(N_CENTERS, 32), new(N_ATOMS, 32), new(n_edges, 8), new(6, 32), new(32)]
    return inputs, (*graph, 2)


def vector_product_call(dtype, channels: int, n: int = 9) -> Call:
    """Of vector_products."""
    new = random_leaves(dtype)
    return [new(n, 8, channels), *(new(n, 3, channels) for _ in range(2)), new(n, channels)], ()


def edge_vector_call() -> Call:
    """Of edge_vectors."""
    new = random_leaves(torch.float64)
    index = torch.randint(0, 9, (2, 40), generator=torch.Generator().manual_seed(0))
    shifts = torch.randint(-2, 3, (40, 3), generator=torch.Generator().manual_seed(1))
    return [new(9, 3), new(3, 3)], (index, shifts)


def charge_calls(n_atoms: int) -> list[tuple[str, list, tuple]]:
    """(operator, tensors, other arguments) of charges in a periodic cell."""
    new = random_leaves(torch.float64)
    indices = torch.cartesian_prod(torch.arange(3), torch.arange(-2, 3), torch.arange(-3, 4))
    return [
        ("structure_factors", [new(n_atoms, 3), new(n_atoms)], (indices[18:],)),
        ("mesh_spread", [new(n_atoms, 3), new(n_atoms)], ([7, 6, 13], 6)),
        ("mesh_spread", [new(n_atoms, 3), new(n_atoms)], ([8, 4, 5], 4)),
        ("wave_sums", [new(n_atoms, 3), new(len(indices) - 18, 2)], (indices[18:],)),
        ("mesh_gather", [new(n_atoms, 3), new(7, 6, 13)], (6,)),
    ]


def calls_without_edges(n_centers: int) -> list[tuple[str, list[Tensor | None], tuple]]:
    """(operator, tensors, other arguments) of atoms without neighbours."""
    new, none = random_leaves(torch.float64), torch.zeros(0, dtype=torch.int64)
    inputs = [new(n_centers, 16), new(n_centers, 16), new(16, 1), new(0, 2), new(2, 1), None]
    attention = ("attention_weights", [*inputs, new(1)], (none, none, True, 1.0))
    inputs = [new(0, 1), new(n_centers, 1), new(n_centers, 16), None, None, None]
    return [attention, ("messages", inputs, (none, none, n_centers, 0, 0, 0))]
