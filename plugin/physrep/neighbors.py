"""Neighbour lists: every pair within the cutoff, with all periodic images, in any cell.

Two methods with one signature. ``brute_force`` tries every image of every pair and is the oracle;
``cell_list`` sorts atoms into bins and is O(N). Both are TorchScript functions, work in triclinic,
tiny and partially periodic cells and with atoms outside the box, and never truncate.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Neighbors(NamedTuple):
    """A full list: each pair appears as (i, j) and (j, i); never an atom with itself at S = 0.

    edge_index: (2, n_edges) int64, row 0 the centre i (ascending), row 1 the neighbour j.
    shifts: (n_edges, 3) int64, the image S of the neighbour.
    vectors: (n_edges, 3) in A, r_j - r_i + S @ cell, differentiable in positions and cell.
    distances: (n_edges,) in A.
    """

    edge_index: Tensor
    shifts: Tensor
    vectors: Tensor
    distances: Tensor


def neighbor_list(
    positions: Tensor, cell: Tensor, pbc: Tensor, cutoff: float, method: str = "cell_list"
) -> Neighbors:
    """All pairs with |r_j - r_i + S @ cell| < cutoff.

    Args:
        positions: (n_atoms, 3) in A, float32 or float64, inside the box or not.
        cell: (3, 3) in A, rows are the lattice vectors; rows that are not periodic are not read.
        pbc: (3,) bool.
        cutoff: in A.
        method: "cell_list" or "brute_force".

    Returns:
        Neighbors, edges sorted by centre.

    Raises:
        ValueError: wrong shapes, non-finite positions, a flat cell, an unknown method.
    """
    check_structure(positions, cell, pbc, cutoff)
    frame = complete_cell(positions.detach(), cell.detach(), pbc, cutoff)
    if method == "cell_list":
        i, j, shifts = _cell_list(positions.detach(), frame, pbc, cutoff)
    elif method == "brute_force":
        i, j, shifts = _brute_force(positions.detach(), frame, pbc, cutoff)
    else:
        raise ValueError("method = {}: choose cell_list or brute_force".format(method))
    vectors = edge_vectors(positions, cell, torch.stack([i, j]), shifts)
    distances = torch.sqrt((vectors * vectors).sum(dim=-1))
    return Neighbors(torch.stack([i, j]), shifts, vectors, distances)


def edge_vectors(positions: Tensor, cell: Tensor, edge_index: Tensor, shifts: Tensor) -> Tensor:
    """r_j - r_i + S @ cell, (n_edges, 3) in A, in the precision of the positions."""
    separation = positions.index_select(0, edge_index[1]) - positions.index_select(0, edge_index[0])
    return separation + shifts.to(positions.dtype) @ cell.to(positions.dtype)


def check_structure(positions: Tensor, cell: Tensor, pbc: Tensor, cutoff: float) -> None:
    """Raise ValueError for wrong shapes, a cutoff that is not positive, non-finite positions."""
    if positions.dim() != 2 or positions.size(1) != 3:
        raise ValueError("positions must be (n_atoms, 3), got {}".format(positions.shape))
    if cell.dim() != 2 or cell.size(0) != 3 or cell.size(1) != 3:
        raise ValueError(
            "cell must be (3, 3) with rows as lattice vectors, got {}".format(cell.shape)
        )
    if pbc.dim() != 1 or pbc.size(0) != 3:
        raise ValueError("pbc must hold 3 flags, got {}".format(pbc.shape))
    if not cutoff > 0.0:
        raise ValueError("cutoff must be positive, got {} A".format(cutoff))
    if not bool(torch.isfinite(positions).all()):
        raise ValueError("positions hold NaN or infinity: the simulation has blown up before here")


def complete_cell(positions: Tensor, cell: Tensor, pbc: Tensor, cutoff: float) -> Tensor:
    """The cell, (3, 3) float64; its non-periodic rows are normal to the others and span the atoms.

    Raises:
        ValueError: the rows do not span a volume.
    """
    frame = torch.where(pbc.unsqueeze(-1), cell, torch.zeros_like(cell)).to(torch.float64)
    if not bool(pbc.all()):
        points = positions.to(torch.float64)
        for k in range(3):
            if not bool(pbc[k]):
                normal = _normal_to_others(frame, k)
                along = points @ normal
                extent = along.max() - along.min() if along.numel() > 0 else along.sum()
                frame[k] = normal * (extent + cutoff)
    volume = torch.abs(torch.linalg.det(frame))
    lengths = torch.sqrt((frame * frame).sum(dim=1))
    if not bool(volume > 1e-6 * lengths.prod()):
        raise ValueError(
            "the cell is flat or not finite (volume {} A^3); give three lattice vectors "
            "that span a volume, or set pbc to False where there is no period".format(volume.item())
        )
    return frame


def _normal_to_others(frame: Tensor, k: int) -> Tensor:
    """Unit vector normal to the other rows of ``frame``; zero rows are not yet filled."""
    a, b = frame[(k + 1) % 3], frame[(k + 2) % 3]
    normal = torch.linalg.cross(a, b)
    if bool((normal * normal).sum() > 0):
        return normal / torch.sqrt((normal * normal).sum())
    known = a + b  # at most one of the two is filled
    axis = torch.zeros_like(known)
    axis[int(torch.argmin(torch.abs(known)))] = 1.0
    square = (known * known).sum()
    if bool(square > 0):
        axis = axis - known * ((axis * known).sum() / square)
    return axis / torch.sqrt((axis * axis).sum())


def _heights(frame: Tensor) -> Tensor:
    """Distances between opposite faces of the cell, (3,) in A."""
    inverse = torch.linalg.inv(frame)
    return 1.0 / torch.sqrt((inverse * inverse).sum(dim=0))


def _wrap(positions: Tensor, frame: Tensor, pbc: Tensor) -> tuple[Tensor, Tensor]:
    """Fractional coordinates in [0, 1), and the whole cells taken off where periodic."""
    fractional = positions.to(torch.float64) @ torch.linalg.inv(frame)
    whole = torch.where(pbc, torch.floor(fractional), torch.zeros_like(fractional))
    wrapped = fractional - whole
    if wrapped.size(0) > 0:  # centre the atoms between the outer faces where there is no period
        middle = 0.5 * (wrapped.amin(dim=0) + wrapped.amax(dim=0)) - 0.5
        wrapped = torch.where(pbc, wrapped, wrapped - middle)
    return wrapped.clamp(min=0.0), whole.to(torch.int64)


def _offsets(reach: Tensor) -> Tensor:
    """All integer triples with |x_k| <= reach_k, (n, 3)."""
    ranges = [torch.arange(-int(m), int(m) + 1, device=reach.device) for m in reach]
    return torch.cartesian_prod(ranges[0], ranges[1], ranges[2])


def _keep_close(
    i: Tensor, j: Tensor, images: Tensor, fractional: Tensor, frame: Tensor, cutoff: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The candidate pairs that are nearer than the cutoff and not an atom with itself."""
    separation = fractional.index_select(0, j) - fractional.index_select(0, i) + images
    vectors = separation @ frame
    close = (vectors * vectors).sum(dim=-1) < cutoff * cutoff
    itself = (i == j) & (images == 0).all(dim=-1)
    kept = torch.nonzero(close & ~itself).squeeze(-1)
    return i.index_select(0, kept), j.index_select(0, kept), images.index_select(0, kept)


def _brute_force(
    positions: Tensor, frame: Tensor, pbc: Tensor, cutoff: float
) -> tuple[Tensor, Tensor, Tensor]:
    n = positions.size(0)
    fractional, whole = _wrap(positions, frame, pbc)
    reach = torch.where(pbc, torch.ceil(cutoff / _heights(frame)), torch.zeros_like(frame[0]))
    images = _offsets(reach)
    atoms = torch.arange(n, device=positions.device)
    triples = torch.cartesian_prod(atoms, atoms, torch.arange(images.size(0), device=atoms.device))
    i, j, image = triples[:, 0], triples[:, 1], images.index_select(0, triples[:, 2])
    i, j, image = _keep_close(i, j, image, fractional, frame, cutoff)
    return i, j, image + whole.index_select(0, i) - whole.index_select(0, j)


def _bin_counts(frame: Tensor, n_atoms: int, cutoff: float) -> Tensor:
    """Number of bins along each lattice vector, (3,) int64.

    Half a cutoff wide (125 bins to search, but a third of the volume of 27 bins a cutoff wide);
    wider in a huge empty box, so that memory stays bounded by the number of atoms.
    """
    bins_per_cutoff, max_bins_per_atom = 2.0, 8.0
    bins = torch.floor(_heights(frame) * (bins_per_cutoff / cutoff)).clamp(min=1.0)
    limit = max_bins_per_atom * max(n_atoms, 1)
    excess = float(bins.prod()) / limit
    if excess > 1.0:
        bins = torch.floor(bins / math.pow(excess, 1.0 / 3.0)).clamp(min=1.0)
    return bins.to(torch.int64)


def _cell_list(
    positions: Tensor, frame: Tensor, pbc: Tensor, cutoff: float
) -> tuple[Tensor, Tensor, Tensor]:
    n = positions.size(0)
    fractional, whole = _wrap(positions, frame, pbc)
    bins = _bin_counts(frame, n, cutoff)
    home = torch.minimum((fractional * bins).to(torch.int64), bins - 1)
    order, first, count = _sort_into_bins(_flat(home, bins), int(bins.prod()))

    # Bins around each atom's own, and the image each of them lies in.
    reach = torch.ceil(cutoff * bins / _heights(frame)).to(torch.int64)
    offsets = _offsets(reach)
    target = home.unsqueeze(1) + offsets.unsqueeze(0)
    image = torch.div(target, bins, rounding_mode="floor")
    inside = ((image == 0) | pbc).all(dim=-1)
    flat = _flat(target - image * bins, bins)

    occupied = torch.nonzero((inside & (count[flat] > 0)).flatten()).squeeze(-1)
    flat = flat.flatten().index_select(0, occupied)
    n_here = count.index_select(0, flat)
    pair = torch.repeat_interleave(n_here)  # which (atom, bin) each candidate comes from
    within = torch.arange(pair.size(0), device=pair.device) - (
        torch.cumsum(n_here, 0) - n_here
    ).index_select(0, pair)
    j = order.index_select(0, first.index_select(0, flat).index_select(0, pair) + within)
    source = occupied.index_select(0, pair)
    i = torch.div(source, offsets.size(0), rounding_mode="floor")
    images = image.flatten(0, 1).index_select(0, source)
    i, j, images = _keep_close(i, j, images, fractional, frame, cutoff)
    return i, j, images + whole.index_select(0, i) - whole.index_select(0, j)


def _flat(bin_index: Tensor, bins: Tensor) -> Tensor:
    return (bin_index[..., 0] * bins[1] + bin_index[..., 1]) * bins[2] + bin_index[..., 2]


def _sort_into_bins(bin_of_atom: Tensor, n_bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """Atoms in bin order, where each bin starts in that order, and how many it holds."""
    order = torch.argsort(bin_of_atom)
    count = torch.bincount(bin_of_atom, minlength=n_bins)
    return order, torch.cumsum(count, 0) - count, count
