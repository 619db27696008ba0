"""Sums and maxima over the edges of each centre."""

from torch import Tensor


def sum_edges(values: Tensor, centers: Tensor, n_centers: int) -> Tensor:
    """Sum the rows of ``values`` (n_edges, ...) that share a centre -> (n_centers, ...)."""
    shape = [n_centers] + list(values.shape[1:])
    return values.new_zeros(shape).index_add(0, centers, values)


def max_edges(values: Tensor, centers: Tensor, start: Tensor) -> Tensor:
    """Largest of ``start`` (n_centers, k) and each centre's rows of ``values`` (n_edges, k)."""
    index = centers.unsqueeze(-1).expand_as(values)
    return start.scatter_reduce(0, index, values, "amax", include_self=True)
