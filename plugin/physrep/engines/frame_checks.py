"""Frames that no potential can answer: positions that are not numbers, two atoms at one place."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

SAME_PLACE = 1e-3  # A


class FrameError(ValueError):
    """A frame without an energy; the message names the atoms."""


def check_finite(symbols: Sequence[str], positions: np.ndarray) -> None:
    """Raise FrameError where a position is NaN or infinite.

    positions: (n_atoms, 3), any unit.
    """
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(bad):
        k = int(bad[0])
        raise FrameError(
            f"positions hold NaN or infinity: {len(bad)} of {len(symbols)} atoms, the first is "
            f"atom {k} ({symbols[k]}, counted from 0); the run had blown up before here, or the "
            "structure is incomplete"
        )


def check_apart(symbols: Sequence[str], edge_index: Tensor, distances: Tensor) -> None:
    """Raise FrameError where two atoms are at one place: there the forces have no direction.

    edge_index: (2, n_edges); distances: (n_edges,) in A.
    """
    if distances.numel() == 0 or float(distances.min()) > SAME_PLACE:
        return
    i, j = edge_index[:, int(distances.argmin())].tolist()
    raise FrameError(
        f"atoms {i} ({symbols[i]}) and {j} ({symbols[j]}), counted from 0, are at the same place "
        f"({float(distances.min()):.2g} A apart): is an atom there twice, or the cell too small?"
    )
