"""The neighbour list of one frame after another, as engines ask for it.

Without the compiled operators the search for pairs takes as long as a good part of the network, so
that pairs are kept for many steps (L. Verlet, Phys. Rev. 159, 98 (1967)): all within the cutoff and
a skin, and each step takes those within the cutoff. The compiled search is faster than that choice
and is made in every step.

When kept pairs are complete. A frame has positions x_i and cell h (rows), the frame of the search
x0_i and h0; with F = h0^-1 h and whole numbers n_i of boxes write x_i = (x0_i + n_i h0) F + u_i.
The vector of a pair is then r = r0 F + u_j - u_i, where r0 is that of the search, and from |r| < rc
follows |r0| < (rc + 2 max |u|) / s with the smallest singular value s of F. If this is not above
the reach of the search, no pair is missing. A vector that all u_i share drops out. So the list
survives a barostat's steps and atoms that jump by whole boxes, and without either of them it is the
usual rule: search again when an atom has moved half the skin.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from physrep import ops
from physrep.neighbors import Neighbors, complete_cell, edge_vectors, neighbor_list
from physrep.ops.neighbor_list import FusedNeighborList

SKIN = 1.0  # A
ROUND_OFF = 1e-3  # A, beyond the reach that is needed


class _Kept(NamedTuple):
    """All pairs of a frame within ``reach`` (A), and the frame; edges in the order of (i, j, S)."""

    positions: Tensor
    cell: Tensor
    pbc: Tensor
    edge_index: Tensor
    shifts: Tensor
    reach: float
    reused: bool = False  # by a later frame


class SkinList:
    """All pairs nearer than the cutoff, of frames that may follow one another or not.

    The result depends on the frame alone, the order of the edges included. One list may serve
    several systems in turn, and several threads. Copies and pickles start empty.

    Attributes:
        n_searches: how often pairs were searched for so far.
    """

    def __init__(self, cutoff: float, skin: float = SKIN) -> None:
        """cutoff and skin: A; without a skin every frame is searched."""
        self.cutoff = cutoff
        self.skin = skin
        self.n_searches = 0
        self._fused = FusedNeighborList(cutoff)
        self._kept: _Kept | None = None  # replaced as a whole: threads see one or the other

    def __reduce__(self) -> tuple[Any, ...]:
        return SkinList, (self.cutoff, self.skin)

    def __call__(self, positions: Tensor, cell: Tensor, pbc: Tensor) -> Neighbors:
        """Without derivatives: edges, shifts, vectors and distances as of ``neighbor_list``.

        positions: (n_atoms, 3) float64 in A; cell: (3, 3) in A; pbc: (3,) bool.

        Raises:
            ValueError: see :func:`physrep.neighbors.neighbor_list`.
        """
        with torch.no_grad():
            if positions.device.type == "cpu" and ops.available():
                self.n_searches += 1
                return self._fused(positions, cell, pbc)
            kept = self._reused(positions, cell, pbc)
            return _nearer(kept, positions, cell, self.cutoff)

    def _reused(self, positions: Tensor, cell: Tensor, pbc: Tensor) -> _Kept:
        """What is kept where it is complete for this frame, otherwise a new search.

        Frames that do not follow one another are searched without the skin.
        """
        kept, follows = self._kept, False
        if kept is not None and _same_system(kept, positions, pbc):
            kept, needed = _followed(kept, positions, cell, self.cutoff)
            if needed <= kept.reach:
                self._kept = kept = kept._replace(reused=True)
                return kept
            follows = kept.reused or needed <= self.cutoff + self.skin
        reach = self.cutoff + (self.skin if follows else 0.0) + ROUND_OFF
        self._kept = kept = _search(positions, cell, pbc, reach)
        self.n_searches += 1
        return kept


def _same_system(kept: _Kept, positions: Tensor, pbc: Tensor) -> bool:
    before = kept.positions
    alike = before.shape == positions.shape and before.device == positions.device
    return alike and before.dtype == positions.dtype and torch.equal(kept.pbc, pbc)


def _followed(kept: _Kept, positions: Tensor, cell: Tensor, cutoff: float) -> tuple[_Kept, float]:
    """``kept``, its atoms moved by whole boxes where that brings them nearer, and the reach that
    its search needs for this frame (A; NaN for positions that are not finite).
    """
    frame = None if torch.equal(cell, kept.cell) else _frames(kept, cell)
    needed = _needed(kept, positions, frame, cutoff)
    if needed <= kept.reach:
        return kept, needed
    boxes = _whole_boxes(kept, positions, frame or _frames(kept, cell))
    if not bool(boxes.any()):
        return kept, needed
    i, j = kept.edge_index
    moved = kept._replace(
        positions=kept.positions + boxes.to(positions.dtype) @ kept.cell,
        shifts=kept.shifts + boxes.index_select(0, i) - boxes.index_select(0, j),
    )
    return moved, _needed(moved, positions, frame, cutoff)


class _Frames(NamedTuple):
    """now: (3, 3) A, the cell with rows that are not periodic completed; strain: F."""

    now: Tensor
    strain: Tensor


def _frames(kept: _Kept, cell: Tensor) -> _Frames:
    nowhere = kept.positions[:0]  # without atoms the completed rows have one length
    before, now = (complete_cell(nowhere, h, kept.pbc, 1.0) for h in (kept.cell, cell))
    return _Frames(now, torch.linalg.solve(before, now))


def _needed(kept: _Kept, positions: Tensor, frames: _Frames | None, cutoff: float) -> float:
    """(rc + 2 max |u|) / s, in A; frames: None where the cell has not changed."""
    if frames is None:
        moved, smallest = positions - kept.positions, 1.0
    else:
        strain = frames.strain.to(positions.dtype)
        moved = positions - kept.positions @ strain
        smallest = float(torch.linalg.svdvals(frames.strain)[-1])
    if moved.size(0) == 0:
        return cutoff / smallest
    moved = moved - moved.mean(dim=0)
    return (cutoff + 2.0 * float((moved * moved).sum(dim=-1).max()) ** 0.5) / smallest


def _whole_boxes(kept: _Kept, positions: Tensor, frames: _Frames) -> Tensor:
    """n_i, (n_atoms, 3) int64."""
    moved = positions.to(torch.float64) - kept.positions.to(torch.float64) @ frames.strain
    boxes = torch.round(torch.linalg.solve(frames.now, moved, left=False))
    return torch.where(kept.pbc, boxes, torch.zeros_like(boxes)).to(torch.int64)


def _search(positions: Tensor, cell: Tensor, pbc: Tensor, reach: float) -> _Kept:
    found = neighbor_list(positions, cell, pbc, reach)
    order = _order(found.edge_index, found.shifts, positions.size(0))
    edge_index = found.edge_index.index_select(1, order)
    shifts = found.shifts.index_select(0, order)
    return _Kept(positions.clone(), cell.clone(), pbc.clone(), edge_index, shifts, reach)


def _order(edge_index: Tensor, shifts: Tensor, n_atoms: int) -> Tensor:
    """(n_edges,) that sorts by centre, neighbour and image: no order of a search, which would
    depend on the frame that was searched.
    """
    pairs = edge_index[0] * n_atoms + edge_index[1]
    pairs_in_order, order = torch.sort(pairs, stable=True)
    if bool((pairs_in_order[1:] == pairs_in_order[:-1]).any()):  # several images of one atom
        lowest = shifts.amin(dim=0)
        width = shifts.amax(dim=0) - lowest + 1
        a, b, c = (shifts - lowest).unbind(dim=1)
        images = torch.argsort((a * width[1] + b) * width[2] + c, stable=True)
        order = images.index_select(0, torch.argsort(pairs.index_select(0, images), stable=True))
    return order


def _nearer(kept: _Kept, positions: Tensor, cell: Tensor, cutoff: float) -> Neighbors:
    """Those of the kept pairs that are nearer than the cutoff in this frame."""
    vectors = edge_vectors(positions, cell, kept.edge_index, kept.shifts)
    squares = (vectors * vectors).sum(dim=-1)
    near = torch.nonzero(squares < cutoff * cutoff).squeeze(-1)
    return Neighbors(
        kept.edge_index.index_select(1, near),
        kept.shifts.index_select(0, near),
        vectors.index_select(0, near),
        torch.sqrt(squares.index_select(0, near)),
    )
