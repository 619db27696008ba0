"""Down to which distance the training data speak for a pair of elements: where the guard starts.

The shortest distance seen says little by itself. Of few frames it is nearly random: more frames of
the same liquid hold shorter ones. And a pair that is never bonded in the data (O and H of
carbonates) may be in the next frame. So the guard starts at

    L = min(0.9 d_1, max(d_x, d_c)),   d_c alone in place of the maximum where no frame has the bond

d_1 is the shortest distance in the data, d_c the shortest at which molecules hold two such atoms
(:func:`physrep.covalent.shortest_ordinary`), and d_x follows from extreme values: the distance that
one frame in ``MORE_DATA`` times as many as there are would go below. The shortest distance of each
frame is one sample. Of n, the k = sqrt(n) lowest lie below the (k + 1)-th, u, by s on average. Such
excesses are exponentially distributed where the tail falls off as that of a normal distribution or
faster (Gumbel; J. Pickands, Ann. Stat. 3 (1975) 119). With k of them known, and the prior 1/s of
their scale, the next is beyond x with the probability (1 + x / (k s))^-k, so that

    d_x = u - k s ((MORE_DATA k)^(1/k) - 1)

which tends to d_1 - s ln(MORE_DATA) for large n, and for few frames is far below. Frames count as
independent; those of a trajectory that are alike count more than they should.
"""

import numpy as np
import torch

from physrep.covalent import BOND_FACTOR, radii_of, shortest_ordinary
from physrep.pair.guard import START
from physrep.potential import Potential
from physrep_training.data.graphs import GraphDataset

MORE_DATA = 1000.0
FEWEST = 9  # frames


def set_shortest_distances(potential: Potential, graphs: GraphDataset) -> None:
    """Store L / 0.9 of every pair of types, A, as the potential's ``shortest_distances``.

    Where the potential has one already (of ``start_from``), the smaller one stays: it was fitted to
    distances that these data may lack. Conformers on disk are represented by at most 20,000 of
    them, drawn evenly.
    """
    minima = frame_minima(graphs, len(potential.species))
    limits = guard_limits(minima, np.array(potential.species))
    earlier = potential.shortest_distances
    found = torch.from_numpy(limits / START).to(earlier)
    earlier.copy_(torch.where(earlier > 0.0, torch.minimum(earlier, found), found))


def frame_minima(graphs: GraphDataset, n_types: int) -> np.ndarray:
    """Shortest distance of every pair of types in every frame, (n_frames, n_types, n_types) A,
    infinite where it has none within the cutoff.
    """
    sample = graphs.sample()
    minima = np.full((len(sample), n_types, n_types), np.inf)
    for shortest, graph in zip(minima, (sample[k] for k in range(len(sample))), strict=True):
        types = graph.types.numpy()
        i, j = graph.edge_index.numpy()
        distances = np.linalg.norm(graph.vectors.double().numpy(), axis=1)
        np.minimum.at(shortest, (types[i], types[j]), distances)
    return np.minimum(minima, minima.transpose(0, 2, 1))


def guard_limits(minima: np.ndarray, species: np.ndarray) -> np.ndarray:
    """Where the guard starts, (n_types, n_types) A, symmetric.

    Args:
        minima: (n_frames, n_types, n_types) A, see :func:`frame_minima`; species: (n_types,)
            atomic numbers.
    """
    first, second = species[:, None], species
    floors = shortest_ordinary(first, second)
    bonds = BOND_FACTOR * (radii_of(first) + radii_of(second))  # of metals, too
    limits = floors.copy()
    for a, b in np.ndindex(limits.shape):
        seen = np.sort(minima[np.isfinite(minima[:, a, b]), a, b])
        if not len(seen):
            continue
        if seen[0] <= bonds[a, b]:
            limits[a, b] = max(floors[a, b], expected_shortest(seen))
        limits[a, b] = min(limits[a, b], START * seen[0])
    return limits


def expected_shortest(seen: np.ndarray, more: float = MORE_DATA) -> float:
    """d_x of the module: below it is one frame of ``more`` times as many, A.

    Args:
        seen: (n,) A, ascending, the shortest distance of each frame.

    Returns:
        A, minus infinity for n < FEWEST: so few tell nothing of the scale.
    """
    if len(seen) < FEWEST:
        return -np.inf
    k = int(np.sqrt(len(seen)))
    scale = float(seen[k] - seen[:k].mean())
    return float(seen[k] - k * scale * ((more * k) ** (1.0 / k) - 1.0))
