"""Frames that no potential can answer: positions that are not numbers, two atoms at one place or
far nearer than any in the training data.

The potential itself is finite for all finite positions, because minimisers and Monte Carlo moves
try any. These checks are for frames that a user gives, and for frames of a run.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from physrep.errors import UserError

SAME_PLACE = 1e-3  # A
# A contact below this share of the shortest one in the training data means wrong coordinates, a
# wrong atom order or a run that has blown up; a potential knows nothing there.
CONTACT_SHARE = 0.5
SMALLEST_CONTACT = 0.2  # A, where the training data says nothing


class FrameError(UserError):
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


def check_contacts(
    symbols: Sequence[str], edge_index: Tensor, distances: Tensor, shortest: dict[str, float]
) -> None:
    """Raise FrameError where a contact is below half the shortest of its elements in the data.

    edge_index: (2, n_edges) and distances: (n_edges,) in A, all pairs within a cutoff that is not
    below the limits; shortest: A, of pairs of elements, with keys such as C-H, as in
    ``Metadata.shortest_distances``. Where it is 0 or missing the limit is 0.2 A.
    """
    species = sorted(set(symbols))
    table = contact_limits(species, shortest).to(distances.device)
    types = torch.tensor([species.index(one) for one in symbols], device=distances.device)
    limits = table[types.index_select(0, edge_index[0]), types.index_select(0, edge_index[1])]
    shares = distances.detach() / limits
    if shares.numel() == 0 or float(shares.min()) >= 1.0:
        return
    k = int(shares.argmin())
    i, j = sorted(edge_index[:, k].tolist())
    raise FrameError(
        f"atoms {i} ({symbols[i]}) and {j} ({symbols[j]}), counted from 0, are "
        f"{float(distances[k]):.3g} A apart, far nearer than in the training data (limit "
        f"{float(limits[k]):.3g} A): check the units of the positions and the order of the atoms; "
        "or atoms overlap in this frame, or the run has blown up"
    )


def by_elements(species: Sequence[str], table: Tensor) -> dict[str, float]:
    """A symmetric table (n_species, n_species) with keys such as C-H, as the checks take it."""
    return {
        f"{a}-{b}": float(table[i, j])
        for i, a in enumerate(species)
        for j, b in enumerate(species)
        if i <= j
    }


def contact_limits(species: Sequence[str], shortest: dict[str, float]) -> Tensor:
    """(n_species, n_species) A: half the shortest distance in the data, at least 0.2 A."""
    table = torch.full((len(species), len(species)), SMALLEST_CONTACT, dtype=torch.float64)
    for i, a in enumerate(species):
        for j, b in enumerate(species):
            known = shortest.get(f"{a}-{b}", shortest.get(f"{b}-{a}", 0.0))
            table[i, j] = max(SMALLEST_CONTACT, CONTACT_SHARE * known)
    return table
